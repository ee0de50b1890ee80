"""`jobset install`, `doctor` and `uninstall` on a real API server; no manager runs there."""

import asyncio
import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

import pytest

from jobset.installation.objects import (
    CONFIGURATION,
    CONFIGURATION_FILE,
    DEFINITION,
    MUTATING,
    installation_objects,
)
from jobset.kube.resources import JOBSETS
from tests.control_plane.fixtures import require_programs
from tests.control_plane.jobset_crd import install_jobset_crd
from tests.control_plane.processes import ControlPlane, PlaneSettings, a_control_plane
from tests.control_plane.proxy import a_proxy, cut, on, refuse
from tests.e2e.jobset_command import Finished, Jobset, wait_for
from tests.installation.installed import an_installation
from tests.installation.rendering import ROOT

pytestmark = pytest.mark.control_plane

MANIFESTS = str(ROOT / "manifests.yaml")
MANAGER = ("-n=jobset-system", "deployment", "jobset-controller-manager")
AVAILABLE = {
    "observedGeneration": 1,
    **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1),
}
JOBSET = {
    "apiVersion": "jobset.x-k8s.io/v1alpha2",
    "kind": "JobSet",
    "metadata": {"name": "js", "namespace": "default"},
    "spec": {"replicatedJobs": []},
}

Command = Callable[..., Finished]


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane for this file alone: what is installed is the same for everybody."""
    require_programs()
    with a_control_plane(PlaneSettings(scheduler=False)) as plane:
        yield plane


@pytest.fixture
def empty(plane: ControlPlane) -> Iterator[ControlPlane]:
    """One on which nothing is installed, but perhaps the namespace, which takes seconds to go."""
    yield plane
    installed = "".join(
        f"---\n{json.dumps(it)}\n" for it in installation_objects() if it["kind"] != "Namespace"
    )
    # A definition that is slow to go is looked at again only after a minute.
    plane.kubectl("delete", "--ignore-not-found", "--timeout=240s", "-f", "-", stdin=installed)


@pytest.fixture
def jobset(empty: ControlPlane, tmp_path: Path) -> Command:
    """The command, as the administrator of the control plane."""
    command = Jobset(tmp_path)
    return lambda name, *arguments: command(name, f"--kubeconfig={empty.kubeconfig()}", *arguments)


def install(jobset: Command, *arguments: str, image: str = "here/jobset:1") -> Finished:
    return jobset("install", f"--image={image}", *arguments)


def versions(plane: ControlPlane) -> str:
    """What is installed, each object with the version of its last change.

    The API server itself changes a new definition a moment after it was applied.
    """
    established = ("wait", "--for=condition=Established", f"crd/{DEFINITION}", "--timeout=60s")
    plane.kubectl(*established, check=False)
    version = "-o=custom-columns=:.kind,:.metadata.name,:.metadata.resourceVersion"
    return plane.kubectl("get", "--ignore-not-found", "--no-headers", version, "-f", MANIFESTS, check=False)


def test_a_dry_run_tells_everything_and_changes_nothing(empty: ControlPlane, jobset: Command) -> None:
    before = versions(empty)

    done = install(jobset, "--dry-run")

    assert done.code == 0, done.stderr
    assert done.stdout.count("create  ") + before.count("Namespace") == 20
    assert done.stdout.endswith("Nothing was changed.\n")
    assert versions(empty) == before


def test_an_installation_ends_when_the_manager_is_ready(
    empty: ControlPlane, jobset: Command, tmp_path: Path
) -> None:
    arguments = (f"--kubeconfig={empty.kubeconfig()}", "--image=here/jobset:1")

    with Jobset(tmp_path).started("install", *arguments) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert "Waiting: no controller has seen it yet\n" in lines
        status = json.dumps({"status": AVAILABLE})
        empty.kubectl("patch", *MANAGER, "--subresource=status", f"--patch={status}")
        assert list(lines)[-1] == "JobSet is ready.\n"
        assert process.wait(60) == 0

    before = versions(empty)
    again = json.loads(install(jobset, "--output=json").stdout)
    assert {it["action"] for it in again["changes"]} == {"keep"}
    assert versions(empty) == before

    other = install(jobset, "--no-wait", image="here/jobset:2").stdout
    assert 'containers[manager].image: "here/jobset:1" → "here/jobset:2"' in other
    assert "19 objects are as they should be" in other


def test_what_is_installed_works(tmp_path: Path) -> None:
    command, answers = Jobset(tmp_path), []

    def by_command(plane: ControlPlane) -> None:
        answers.append(install(lambda *it: command(*it, f"--kubeconfig={plane.kubeconfig()}")))

    with an_installation(tmp_path, by_command) as installation:
        assert (answers[0].code, answers[0].stderr) == (0, "")
        assert answers[0].stdout.endswith("JobSet is ready.\n")
        created = installation.plane.kubectl("create", "-f", "-", stdin=json.dumps(JOBSET))
        assert created == "jobset.jobset.x-k8s.io/js created\n"


def test_a_manager_that_does_not_come_is_told_with_what_else_is_wrong(
    empty: ControlPlane, jobset: Command
) -> None:
    done = install(jobset, "--timeout=1s")

    assert done.code == 1
    for found in ("error   manager", "error   leader", "error   addresses", "error   certificates"):
        assert found in done.stderr
    assert "definition" not in done.stderr


async def test_who_does_not_answer_while_all_is_applied_is_asked_again(
    empty: ControlPlane, jobset: Command
) -> None:
    async with a_proxy(empty.access()) as proxy:
        proxy.add(on("GET", "pods"), refuse(500, "InternalError"))
        proxy.add(on("GET", "pods"), refuse(403, "Forbidden"))
        done = await asyncio.to_thread(install, jobset, "--timeout=3s", f"--kubeconfig={proxy.kubeconfig}")

    assert "Waiting: refused with 500 by a rule\nWaiting: no controller has seen it yet\n" in done.stdout
    assert "error   manager" in done.stderr


@pytest.mark.parametrize("verb", [("create",), ("apply", "--server-side")], ids=lambda verb: verb[0])
def test_what_others_have_set_is_taken_only_by_force(
    empty: ControlPlane, jobset: Command, verb: tuple[str, ...]
) -> None:
    # The namespace may be there, and kubectl makes the rest.
    empty.kubectl(*verb, "--field-manager=somebody", "-f", MANIFESTS, check=False)
    before = versions(empty)

    refused = install(jobset, "--no-wait")

    assert refused.code == 1
    assert "nothing was changed" in refused.stderr
    assert 'conflict with "somebody"' in refused.stderr
    assert '.spec.template.spec.containers[name="manager"].image' in refused.stderr
    assert "1 conflict" in refused.stderr
    assert ".webhooks" not in refused.stderr
    assert "--force-conflicts" in refused.stderr
    assert versions(empty) == before
    assert install(jobset, "--no-wait", "--force-conflicts").code == 0
    image = "-o=jsonpath={.spec.template.spec.containers[0].image}"
    assert empty.kubectl("get", *MANAGER, image) == "here/jobset:1"


def test_what_helm_has_installed_is_left_to_helm(empty: ControlPlane, jobset: Command) -> None:
    install(jobset, "--no-wait")
    notes = ("meta.helm.sh/release-name=mine", "meta.helm.sh/release-namespace=there")
    empty.kubectl("annotate", *MANAGER, *notes)
    before = versions(empty)

    for done in (install(jobset, "--no-wait"), jobset("uninstall", "--yes")):
        assert done.code == 1
        assert "belongs to the Helm release mine of namespace there" in done.stderr
    assert versions(empty) == before


def test_jobsets_stay_unless_they_are_to_go(empty: ControlPlane, jobset: Command) -> None:
    install_jobset_crd(empty)
    empty.kubectl("create", "-f", "-", stdin=json.dumps(JOBSET))
    assert install(jobset, "--no-wait").code == 0

    unasked, tried = jobset("uninstall"), jobset("uninstall", "--dry-run")
    assert (unasked.code, "--yes" in unasked.stderr) == (2, True)
    assert tried.stdout.endswith("JobSets stay, and their Jobs go on.\nNothing was deleted.\n")
    assert len(versions(empty).splitlines()) == 20

    assert jobset("uninstall", "--yes").code == 0
    assert [line.split()[0] for line in versions(empty).splitlines()] == ["CustomResourceDefinition"]
    assert empty.kubectl("get", "jobsets", "-o=name") == "jobset.jobset.x-k8s.io/js\n"

    whole = jobset("uninstall", "--yes", "--delete-jobsets")
    assert (whole.code, "there is 1." in whole.stdout) == (0, True)
    assert versions(empty) == ""
    assert "JobSet is not installed" in jobset("uninstall", "--yes").stdout


def test_a_definition_that_serves_nothing_is_removed_as_well(empty: ControlPlane, jobset: Command) -> None:
    install_jobset_crd(empty)
    unserved = [{"op": "replace", "path": "/spec/versions/0/served", "value": False}]
    empty.kubectl("patch", "crd", DEFINITION, "--type=json", f"--patch={json.dumps(unserved)}")
    empty.until(lambda: empty.get(JOBSETS.path()) == 404)

    done = jobset("uninstall", "--yes", "--delete-jobsets")

    assert (done.code, done.stderr) == (0, "")
    assert "with their Jobs and pods.\n" in done.stdout


def test_who_may_not_delete_all_of_it_deletes_nothing(empty: ControlPlane, jobset: Command) -> None:
    install(jobset, "--no-wait")
    rights = ("--verb=get,list,delete", "--resource=namespaces,deployments.apps,configmaps,services")
    empty.kubectl("create", "clusterrole", "some-rights", "--verb=get,list", "--resource=*.*")
    empty.kubectl("create", "clusterrole", "more-rights", *rights)
    for role in ("some-rights", "more-rights"):
        empty.kubectl("create", "clusterrolebinding", role, f"--clusterrole={role}", "--user=reader")
    before = versions(empty)

    kubeconfig = empty.kubeconfig("reader", ("system:authenticated",))
    refused = jobset("uninstall", "--yes", f"--kubeconfig={kubeconfig}")

    assert refused.code == 1
    assert refused.stderr.startswith("Error: nothing was deleted:\n")
    assert 'User "reader" cannot delete resource "secrets"' in refused.stderr
    assert versions(empty) == before


def test_only_what_is_still_there_is_named(empty: ControlPlane, jobset: Command) -> None:
    install(jobset, "--no-wait")
    patch = ("patch", "mutatingwebhookconfiguration", MUTATING, "--type=merge", "--patch")
    empty.kubectl(*patch, json.dumps({"metadata": {"finalizers": ["example.com/keep"]}}))

    held = jobset("uninstall", "--yes", "--timeout=3s")
    empty.kubectl(*patch, json.dumps({"metadata": {"finalizers": None}}))

    assert held.code == 1
    assert f"MutatingWebhookConfiguration {MUTATING}" in held.stderr
    assert "ClusterRole" not in held.stderr
    assert jobset("uninstall", "--yes").code == 0


Act = Callable[["subprocess.Popen[str]", BinaryIO], object]
ANSWERS: dict[str, tuple[Act, int, str]] = {
    "Ctrl-C": (lambda process, _: process.send_signal(signal.SIGINT), 130, "Interrupted"),
    "a signal to end": (lambda process, _: process.send_signal(signal.SIGTERM), 143, ""),
    "no": (lambda _, terminal: terminal.write(b"n\n"), 1, ""),
    "a terminal that goes away": (lambda _, terminal: terminal.close(), 1, "nobody answered"),
}


@pytest.mark.parametrize(("answer", "code", "told"), ANSWERS.values(), ids=ANSWERS)
def test_whatever_else_is_answered_nothing_is_deleted(
    answer: Act, code: int, told: str, empty: ControlPlane, jobset: Command, tmp_path: Path
) -> None:
    install(jobset, "--no-wait")
    before = versions(empty)
    ours, theirs = pty.openpty()

    with (
        Jobset(tmp_path).started("uninstall", f"--kubeconfig={empty.kubeconfig()}", stdin=theirs) as process,
        open(ours, "wb", buffering=0) as terminal,
    ):
        os.close(theirs)
        assert process.stderr is not None
        assert read_until("[y/N]", process.stderr).endswith("[y/N]")
        assert wait_for(lambda: is_asleep(process.pid))
        answer(process, terminal)
        assert process.wait(20) == code
        assert told in process.stderr.read()

    assert versions(empty) == before


def read_until(end: str, stream: IO[str]) -> str:
    """What a process says up to a text, or all of it."""
    said = ""
    while not said.endswith(end) and (more := stream.read(1)):
        said += more
    return said


def is_asleep(pid: int) -> bool:
    """Whether a process waits in a system call: a signal just before is noticed only after it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("S")


async def test_an_installation_that_stops_in_the_middle_says_so(empty: ControlPlane, jobset: Command) -> None:
    # Nothing can be tried in a namespace that is not there.
    jobset("uninstall", "--yes")

    async with a_proxy(empty.access()) as proxy:
        proxy.add(on("PATCH", "deployments"), refuse(403, "Forbidden"))
        done = await asyncio.to_thread(install, jobset, f"--kubeconfig={proxy.kubeconfig}")

    assert done.code == 1
    assert done.stderr.startswith("17 of 20 objects are applied; the same command again applies the others.")
    assert "refused with 403 by a rule" in done.stderr
    assert len(versions(empty).splitlines()) == 17


@pytest.mark.parametrize("image", ["", " ", "here/jobset: 1"])
def test_what_is_no_image_is_refused_before_anything_is_applied(image: str, tmp_path: Path) -> None:
    for command in (("install",), ("inject", "-")):
        done = Jobset(tmp_path)(*command, f"--image={image}")

        assert (done.code, done.stdout) == (2, "")
        assert f"{image!r} is no image" in done.stderr


def findings(done: Finished) -> dict[str, Any]:
    return {it["check"]: it for it in done.report["findings"]}


def test_the_doctor_tells_what_lacks(empty: ControlPlane, jobset: Command) -> None:
    nothing = jobset("doctor", "--output=json")
    assert (nothing.code, list(findings(nothing))) == (1, ["cluster", "installation"])

    install(jobset, "--no-wait")
    empty.kubectl("delete", "clusterrolebinding", "jobset-manager-rolebinding")
    empty.kubectl("delete", "validatingwebhookconfigurations", "--all")
    spoil(empty, {CONFIGURATION_FILE: "health: 2024-13-45"})

    found = findings(jobset("doctor", "--output=json"))
    assert "create, delete, get, list, patch, update, watch jobs.batch" in found["permissions"]["message"]
    assert "no webhook asks /validate--v1-pod" in found["webhooks"]["message"]
    assert found["definition"]["verdict"] == "ok"
    assert 'health: Invalid value: "2024-13-45"' in found["configuration"]["message"]

    spoil(empty, {CONFIGURATION_FILE: None})
    found = findings(jobset("doctor", "--output=json"))
    assert f"it has no {CONFIGURATION_FILE}" in found["configuration"]["message"]


def spoil(plane: ControlPlane, data: dict[str, str | None]) -> None:
    patch = json.dumps({"data": data})
    plane.kubectl("patch", "-n=jobset-system", "configmap", CONFIGURATION, f"--patch={patch}")


def test_the_doctor_says_what_somebody_may_not_see(empty: ControlPlane, jobset: Command) -> None:
    install(jobset, "--no-wait")
    nobody = empty.kubeconfig("somebody", ("system:authenticated",))

    done = jobset("doctor", "--output=json", f"--kubeconfig={nobody}")

    assert done.code == 0, done.stdout
    assert {name: it["verdict"] for name, it in findings(done).items() if name != "cluster"} == {
        "definition": "unknown",
        "permissions": "unknown",
        "configuration": "unknown",
        "manager": "unknown",
        "leader": "unknown",
        "addresses": "unknown",
        "webhooks": "unknown",
        "certificates": "unknown",
        "admission": "unknown",
    }
    assert 'User "somebody" cannot get' in findings(done)["definition"]["message"]


async def test_the_doctor_tells_of_what_does_not_answer(empty: ControlPlane, jobset: Command) -> None:
    install(jobset, "--no-wait")

    async with a_proxy(empty.access()) as proxy:
        proxy.add(on("POST", "subjectaccessreviews"), cut)
        proxy.add(on("POST", "jobsets"), cut)
        done = await asyncio.to_thread(jobset, "doctor", "--output=json", f"--kubeconfig={proxy.kubeconfig}")

    told = findings(done)
    assert told["definition"]["verdict"] == "ok"
    for check in ("permissions", "admission"):
        assert "the server closed the connection" in told[check]["message"]


def test_a_cluster_that_does_not_answer_is_one_line(tmp_path: Path, bare_control_plane: ControlPlane) -> None:
    text = bare_control_plane.kubeconfig().read_text().replace(bare_control_plane.url, "https://127.0.0.1:1")
    (tmp_path / "config").write_text(text)
    command = Jobset(tmp_path)

    for name in (("doctor",), ("install", "--image=x"), ("uninstall", "--yes")):
        done = command(*name, f"--kubeconfig={tmp_path / 'config'}")
        assert (done.code, done.stderr.count("\n"), done.stdout) == (1, 1, "")
        assert "https://127.0.0.1:1" in done.stderr

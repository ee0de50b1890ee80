"""The product as it is installed, with the stock kubectl: from the Deployment to what a deletion leaves."""

import json
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from jobset.api import keys
from tests.control_plane.guides import Step, steps, typed
from tests.control_plane.processes import ControlPlane
from tests.e2e.jobset_command import Jobset
from tests.installation.audit import refused, roles, used
from tests.installation.installed import (
    NAMESPACE,
    SETTINGS,
    Installation,
    an_installation,
    by_helm,
    by_kustomize,
)
from tests.installation.rendering import Object
from tests.installation.test_on_a_cluster import a_jobset

pytestmark = pytest.mark.control_plane

WAYS = {"kustomize": by_kustomize, "helm": by_helm}
AUDITED = replace(SETTINGS, audit=True)
READY = "--for=jsonpath={.status.replicatedJobsStatus[0].ready}=1"
SLOW = "slow"
"""The JobSet whose pods take their time to stop."""


@dataclass(frozen=True, slots=True)
class Installed:
    """An installation whose manager is available, and the answer to the first JobSet."""

    installation: Installation
    first: str

    @property
    def plane(self) -> ControlPlane:
        return self.installation.plane


@pytest.fixture(scope="module", params=WAYS)
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("installed")
    with an_installation(folder, WAYS[request.param], stopping, AUDITED) as installation:
        installation.until_available()
        first = ("create", "-f", "-")
        answer = installation.plane.kubectl(*first, stdin=a_jobset("first"), check=False)
        yield Installed(installation, answer)


def stopping(pod: Object) -> str:
    """A script for pods that run until they are deleted."""
    return "hang-slow" if pod["metadata"]["labels"][keys.JOBSET_NAME] == SLOW else "hang"


@pytest.fixture
def plane(installed: Installed) -> ControlPlane:
    return installed.plane


def test_a_jobset_can_be_created_right_after_the_deployment_is_available(installed: Installed) -> None:
    assert installed.first == "jobset.jobset.x-k8s.io/first created\n"


def test_the_doctor_finds_nothing_wrong(plane: ControlPlane, tmp_path: Path) -> None:
    done = Jobset(tmp_path)("doctor", f"--kubeconfig={plane.kubeconfig()}", "--output=json")

    assert done.code == 0, done.stdout
    # The processes in place of the pods are on a host of another name.
    assert [it["check"] for it in done.report["findings"] if it["verdict"] != "ok"] == ["leader"]
    assert [it["verdict"] for it in done.report["findings"]].count("ok") == 9


def test_the_readme_can_be_followed(plane: ControlPlane, tmp_path: Path) -> None:
    resume = an_editor("s/suspend: true/suspend: false/")

    done = typed(plane, tmp_path, steps("README.md", "## On a cluster"), resume)

    assert done.missing == []
    watched = [line.split() for output in done.outputs for line in output.splitlines()]
    assert ["sleep", "0", "true"] in [row[:3] for row in watched]
    assert ["sleep", "0", "false"] in [row[:3] for row in watched]


def test_an_edit_that_cannot_be_comes_back_with_the_reason(plane: ControlPlane, tmp_path: Path) -> None:
    plane.kubectl("create", "-f", "-", stdin=a_jobset("fixed"))
    environ = {**an_editor("s/completions: 2/completions: 3/"), "TMPDIR": str(tmp_path)}

    typed(plane, tmp_path, [Step("! kubectl edit jobset fixed")], environ)

    shown = "".join(file.read_text() for file in tmp_path.glob("kubectl-edit-*.yaml"))
    assert re.search(r"^# \* spec.replicatedJobs: Invalid value: .*: field is immutable\n", shown, re.M)


def an_editor(change: str) -> dict[str, str]:
    """An editor of texts that makes one change."""
    return {"KUBE_EDITOR": f"sed -i '{change}'"}


def test_an_unchanged_manifest_can_be_applied_again(plane: ControlPlane) -> None:
    apply = ("apply", "--server-side", "-f", "-")
    plane.kubectl(*apply, stdin=a_jobset("applied"))
    # The manager works on it, and writes its status.
    plane.kubectl("wait", READY, "jobset/applied", "--timeout=60s")
    before = described(plane, "applied")

    plane.kubectl(*apply, stdin=a_jobset("applied"))

    after = described(plane, "applied")
    assert (after["metadata"]["generation"], after["spec"]) == (1, before["spec"])
    assert "successPolicy" in after["spec"]


def described(plane: ControlPlane, name: str) -> Object:
    found: Object = json.loads(plane.kubectl("get", "jobset", name, "-o", "json"))
    return found


def test_what_a_jobset_made_goes_soon_after_it(plane: ControlPlane) -> None:
    run(plane, "usual")

    plane.kubectl("delete", "jobset", "usual", "--cascade=background")

    plane.until(lambda: made_by(plane, "usual") == {})


def test_deleted_in_the_foreground_a_jobset_goes_last(plane: ControlPlane) -> None:
    run(plane, SLOW)

    # kubectl waits for the JobSet.
    plane.kubectl("delete", "jobset", SLOW, "--cascade=foreground")

    assert made_by(plane, SLOW) == {}


def test_what_becomes_an_orphan_stays_as_it_is(plane: ControlPlane) -> None:
    run(plane, "parent")
    before = made_by(plane, "parent")

    plane.kubectl("delete", "jobset", "parent", "--cascade=orphan")

    # The manager has seen it by then.
    run(plane, "stranger")
    after = made_by(plane, "parent")
    assert [uid(it) for it in after.values()] == [uid(it) for it in before.values()]
    owners = [owner["kind"] for it in after.values() for owner in it["metadata"].get("ownerReferences", ())]
    assert owners == ["Job", "Job"]
    assert [name for name, it in after.items() if "deletionTimestamp" in it["metadata"]] == []


def uid(obj: Object) -> str:
    return str(obj["metadata"]["uid"])


def run(plane: ControlPlane, name: str) -> None:
    """A JobSet whose pods run, once this returns."""
    plane.kubectl("create", "-f", "-", stdin=a_jobset(name))
    plane.kubectl("wait", READY, f"jobset/{name}", "--timeout=60s")


def made_by(plane: ControlPlane, jobset: str) -> dict[str, Object]:
    """What is there of a JobSet, by kind and name: Jobs, pods and the Service."""
    found = json.loads(plane.kubectl("get", "jobs,pods,services", "-o", "json"))["items"]
    return {
        f"{it['kind']}/{it['metadata']['name']}": it
        for it in found
        if it["metadata"]["name"].startswith(jobset)
    }


def test_the_service_of_the_webhooks_lists_exactly_the_managers_that_are_ready(installed: Installed) -> None:
    plane, processes = installed.plane, installed.installation.managers.processes
    (first,) = endpoints(plane)

    scale(plane, 2)
    plane.until(lambda: len(processes) == 2)
    (second,) = processes.keys() - {first}
    processes[second].signal(signal.SIGSTOP)
    plane.until(lambda: endpoints(plane) == {first: True, second: False})

    processes[second].signal(signal.SIGCONT)
    plane.until(lambda: endpoints(plane) == {first: True, second: True})

    processes[second].signal(signal.SIGSTOP)
    plane.until(lambda: endpoints(plane) == {first: True, second: False})

    scale(plane, 1)
    processes[second].signal(signal.SIGCONT)
    plane.until(lambda: endpoints(plane) == {first: True})


def scale(plane: ControlPlane, replicas: int) -> None:
    plane.kubectl("scale", "deployment", "--all", f"--replicas={replicas}", f"--namespace={NAMESPACE}")


def endpoints(plane: ControlPlane) -> dict[str, bool]:
    """The pods behind the Service of the webhooks, and whether each is listed as ready."""
    of_service = "--selector=kubernetes.io/service-name=jobset-webhook-service"
    slices = plane.kubectl("get", "endpointslices", of_service, f"--namespace={NAMESPACE}", "-o", "json")
    return {
        endpoint["targetRef"]["name"]: endpoint["conditions"]["ready"]
        for found in json.loads(slices)["items"]
        for endpoint in found["endpoints"] or ()
    }


def test_all_that_the_manager_asks_is_within_its_roles(installed: Installed) -> None:
    plane, account = installed.plane, installed.installation.account

    run(plane, "asked")
    plane.kubectl("patch", "jobset", "asked", "--type=merge", "--patch", '{"spec": {"suspend": true}}')

    plane.until(lambda: used(plane, account) >= NEEDED)
    assert refused(plane, account) == []
    assert [role for role in roles(plane, account) if not role.startswith("jobset-")] == []
    assert roles(plane, account, "secrets") == {"jobset-manager-secrets-role"}


NEEDED = {
    ("", "secrets", "watch"),
    ("", "secrets", "update"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "update"),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations", "update"),
    ("", "services", "create"),
    ("batch", "jobs", "create"),
    ("batch", "jobs", "patch"),
    ("jobset.x-k8s.io", "jobsets/status", "update"),
    ("events.k8s.io", "events", "create"),
    ("coordination.k8s.io", "leases", "create"),
}

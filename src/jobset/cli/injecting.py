"""What `jobset inject` does once its options are read."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import click

from jobset.api.gates import FeatureGates
from jobset.cli.render.problems import has_errors, render_problems
from jobset.cli.streams import tell, tell_aside
from jobset.kube.client import Object
from jobset.manifests.check import check
from jobset.manifests.documents import Documents
from jobset.manifests.injection import restarts_in_place, with_agents
from jobset.manifests.writing import write_yaml
from jobset.manifests.yaml import load

_LABEL = "jobset.sigs.k8s.io/in-place-restart-agent=true"


def run_inject(files: Sequence[str], *, image: str, port: int, namespace: str) -> int:
    """The exit code.

    Raises:
        click.UsageError: nothing restarts in place here.
    """
    documents = _with_agents(load(files), image, port)
    problems = tuple(check(documents, namespace, FeatureGates(in_place_restart=True)))
    if problems:
        tell_aside(render_problems(problems))
    if has_errors(problems):
        return 2
    jobsets = tuple(filter(restarts_in_place, documents.objects))
    if not jobsets:
        raise click.UsageError(
            "no JobSet here restarts in place: write failurePolicy.restartStrategy: InPlaceRestart"
        )
    tell(write_yaml(documents.objects).rstrip("\n"))
    tell_aside("\n".join(_permissions(jobsets, namespace)))
    return 0


def _with_agents(read: Documents, image: str, port: int) -> Documents:
    return Documents(
        tuple(
            replace(it, value=with_agents(it.value, image, port)) if restarts_in_place(it.value) else it
            for it in read
        ),
        read.problems,
    )


def _permissions(jobsets: Iterable[Object], namespace: str) -> Iterator[str]:
    """What an administrator does for agents that run as these ServiceAccounts."""
    yield "What the agents need on a cluster, once:"
    yield "  kubectl apply -k config/components/in-place-restart"
    accounts = {
        (it["metadata"].get("namespace", namespace), name) for it in jobsets for name in _accounts(it)
    }
    for place, account in sorted(accounts):
        role = f"--clusterrole=jobset-in-place-restart-agent --serviceaccount={place}:{account}"
        yield f"  kubectl -n {place} create rolebinding {account}-agents {role}"
        yield f"  kubectl -n {place} label serviceaccount {account} {_LABEL}"


def _accounts(jobset: Object) -> Iterator[str]:
    for role in jobset["spec"].get("replicatedJobs") or ():
        yield role["template"]["spec"]["template"]["spec"].get("serviceAccountName") or "default"

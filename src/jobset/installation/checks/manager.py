"""The manager: whether it runs, as configured, with its rights, and leads."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from jobset.api.times import parse_time
from jobset.installation.checks.unread import INSTALL, told_unread
from jobset.installation.evidence import Evidence, Unread
from jobset.installation.findings import Finding, Verdict
from jobset.installation.rollout import rollout_problem
from jobset.kube.client import Object

_MOST_RIGHTS = 8
_LONGEST_HOST_NAME = 63


def check_permissions(evidence: Evidence) -> Iterator[Finding]:
    """Whether the manager may do what it has to."""
    denied, account = evidence.denied, evidence.names.account
    if isinstance(denied, Unread):
        yield told_unread("permissions", f"the rights of the ServiceAccount {account}", denied)
    elif denied:
        more = f" and {len(denied) - _MOST_RIGHTS} more" if len(denied) > _MOST_RIGHTS else ""
        told = f"the ServiceAccount {account} may not {'; '.join(denied[:_MOST_RIGHTS])}{more}"
        yield Finding("permissions", Verdict.ERROR, told, f"install its roles and bindings: {INSTALL}")
    else:
        yield Finding("permissions", Verdict.OK, f"the ServiceAccount {account} has all rights it needs")


def check_configuration(evidence: Evidence) -> Iterator[Finding]:
    """Whether the manager can start with its file."""
    name = f"the ConfigMap {evidence.namespace}/{evidence.names.configuration}"
    if isinstance(evidence.configuration, Unread):
        yield told_unread("configuration", name, evidence.configuration)
    else:
        yield Finding("configuration", Verdict.OK, f"{name} is valid")


def check_manager(evidence: Evidence) -> Iterator[Finding]:
    """Whether it runs."""
    deployment = evidence.deployment
    if isinstance(deployment, Unread):
        yield told_unread("manager", "the manager", deployment)
        return
    name = f"the Deployment {evidence.namespace}/{deployment['metadata']['name']}"
    replicas = deployment["spec"].get("replicas", 1)
    pods = () if isinstance(evidence.pods, Unread) else evidence.pods
    problem = rollout_problem(deployment, pods)
    if replicas == 0:
        yield Finding("manager", Verdict.ERROR, f"{name} is scaled to 0", _scale(evidence, deployment))
    elif problem is None:
        images = ", ".join(it["image"] for it in deployment["spec"]["template"]["spec"]["containers"])
        yield Finding("manager", Verdict.OK, f"{name} runs {replicas} × {images}")
    else:
        works = (deployment.get("status") or {}).get("availableReplicas", 0) > 0
        verdict = Verdict.WARNING if works else Verdict.ERROR
        kubectl = f"kubectl -n {evidence.namespace}"
        remedy = f"{kubectl} describe pods; {kubectl} logs deployment/{deployment['metadata']['name']}"
        yield Finding("manager", verdict, f"{name}: {problem}", remedy)


def _scale(evidence: Evidence, deployment: Object) -> str:
    return f"kubectl -n {evidence.namespace} scale deployment {deployment['metadata']['name']} --replicas=1"


def check_lease(evidence: Evidence, now: datetime) -> Iterator[Finding]:
    """Whether somebody leads, and one of ours."""
    configuration, lease = evidence.configuration, evidence.lease
    if not isinstance(configuration, Unread) and not configuration.leader_election.leader_elect:
        yield Finding("leader", Verdict.OK, "no leader is elected, as configured")
        return
    name = f"the Lease {evidence.names.lease_namespace}/{evidence.names.lease}"
    if isinstance(lease, Unread):
        yield (
            told_unread("leader", name, lease)
            if lease.why != "missing"
            else _leaderless("no manager has led yet")
        )
        return
    holder = lease["spec"].get("holderIdentity")
    if not holder:
        yield _leaderless(f"nobody holds {name}")
    elif problem := _renewal_problem(lease["spec"], now):
        yield _leaderless(f"{holder} holds {name} and {problem}")
    elif _is_strange(holder, evidence):
        told = f"{holder} leads, which is no pod of this Deployment: another manager works for this cluster"
        yield Finding("leader", Verdict.WARNING, told)
    else:
        yield Finding("leader", Verdict.OK, f"{holder} leads")


def _renewal_problem(spec: Mapping[str, Any], now: datetime) -> str | None:
    if "renewTime" not in spec:
        return "has never renewed it"
    age = now - parse_time(spec["renewTime"])
    if age > timedelta(seconds=2 * spec.get("leaseDurationSeconds", 0)):
        return f"has not renewed it for {age.total_seconds():.0f} s"
    return None


def _leaderless(told: str) -> Finding:
    remedy = "without a leader nothing happens to JobSets: see the manager above, and its log"
    return Finding("leader", Verdict.ERROR, told, remedy)


def _is_strange(holder: str, evidence: Evidence) -> bool:
    if isinstance(evidence.pods, Unread):
        return False
    host = holder.rpartition("_")[0]
    return not any(_may_be_called(host, pod) for pod in evidence.pods)


def _may_be_called(host: str, pod: Object) -> bool:
    # In the network of its node a pod is called as that is; and a host name has 63 characters at most.
    return bool(pod["spec"].get("hostNetwork")) or host == pod["metadata"]["name"][:_LONGEST_HOST_NAME]

"""A Deployment and its pods: which those are, and why it is not available yet."""

from collections.abc import Iterable, Iterator

from jobset.kube.client import Object


def pod_selector(deployment: Object) -> str:
    """The labels of its pods."""
    labels = deployment["spec"]["selector"].get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in labels.items())


def rollout_problem(deployment: Object, pods: Iterable[Object]) -> str | None:
    """What is missing until all replicas are of the newest template and ready; None: nothing."""
    wanted, status = deployment["spec"].get("replicas", 1), deployment.get("status") or {}
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return "no controller has seen it yet"
    told = f"{status.get('availableReplicas', 0)} of {wanted} replicas are available"
    if status.get("updatedReplicas", 0) < wanted:
        return _with_reasons(
            f"{status.get('updatedReplicas', 0)} of {wanted} replicas are of this version", deployment, pods
        )
    if status.get("replicas", 0) > wanted:
        return "a replica of before is still there"
    if status.get("availableReplicas", 0) < wanted:
        return _with_reasons(told, deployment, pods)
    return None


def _with_reasons(told: str, deployment: Object, pods: Iterable[Object]) -> str:
    reasons = list(dict.fromkeys([*_failures(deployment), *(why for pod in pods for why in _waits(pod))]))
    return f"{told}: {'; '.join(reasons)}" if reasons else told


def _failures(deployment: Object) -> Iterator[str]:
    if deployment["spec"].get("paused"):
        yield "it is paused (kubectl rollout resume)"
    for each in (deployment.get("status") or {}).get("conditions") or ():
        if each["type"] == "ReplicaFailure" and each["status"] == "True":
            yield each.get("message", each["type"])


def _waits(pod: Object) -> Iterator[str]:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for each in status.get("conditions") or ():
        if each["type"] == "PodScheduled" and each["status"] == "False":
            yield f"{name}: {each.get('message', 'not scheduled')}"
    for container in status.get("containerStatuses") or ():
        if why := _container(container):
            yield f"{name}: {why}"


def _container(status: Object) -> str | None:
    state = status.get("state") or {}
    if waiting := state.get("waiting"):
        last = ((status.get("lastState") or {}).get("terminated") or {}).get("exitCode")
        ended = f"last exit code {last}" if last is not None else ""
        return ", ".join(
            part for part in (waiting.get("reason", "waiting"), waiting.get("message"), ended) if part
        )
    if ended_now := state.get("terminated"):
        return f"ended with exit code {ended_now.get('exitCode')}"
    return None if status.get("ready") else "runs, and is not ready"

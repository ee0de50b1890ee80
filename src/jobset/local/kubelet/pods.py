"""Small readings of a pod's spec that several rules share."""

from collections.abc import Sequence
from datetime import timedelta

from jobset.local.kubelet.facts import Object

DEFAULT_GRACE = 30
SHORTEST_GRACE = timedelta(seconds=1)


def init_containers(pod: Object) -> Sequence[Object]:
    """The init containers and sidecars, in order."""
    return pod["spec"].get("initContainers") or ()


def main_containers(pod: Object) -> Sequence[Object]:
    """The containers whose end is the end of the pod."""
    return pod["spec"]["containers"]  # type: ignore[no-any-return]


def all_containers(pod: Object) -> list[Object]:
    """Init containers, then main containers."""
    return [*init_containers(pod), *main_containers(pod)]


def is_sidecar(init_container: Object) -> bool:
    """Whether an init container stays beside the main containers."""
    return init_container.get("restartPolicy") == "Always"


def is_over(pod: Object) -> bool:
    """Whether the stored phase is terminal."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def is_deleted(pod: Object) -> bool:
    """Whether somebody asked for the pod to go."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def grace_of(pod: Object) -> timedelta:
    """How long containers get to end: what the delete asked for, else what the spec says; never nothing."""
    asked = pod["metadata"].get("deletionGracePeriodSeconds")
    if asked is None or not is_deleted(pod):
        asked = pod["spec"].get("terminationGracePeriodSeconds")
    return max(timedelta(seconds=DEFAULT_GRACE if asked is None else asked), SHORTEST_GRACE)


def has_post_start(container: Object) -> bool:
    """Whether something is to run beside the container's start."""
    return bool((container.get("lifecycle") or {}).get("postStart"))


def full_name(pod: Object) -> str:
    """`name_namespace(uid)`, as the kubelet writes a pod in its messages."""
    metadata = pod["metadata"]
    return f"{metadata['name']}_{metadata.get('namespace', '')}({metadata.get('uid', '')})"


def hostname_of(pod: Object) -> str:
    """What `hostname` says inside the pod."""
    spec, metadata = pod["spec"], pod["metadata"]
    if spec.get("hostnameOverride"):
        return str(spec["hostnameOverride"])
    # A hostname has at most 63 characters, a pod name may have more.
    hostname = str(spec.get("hostname") or metadata["name"][:63].rstrip("-."))
    if spec.get("setHostnameAsFQDN") and spec.get("subdomain"):
        return f"{hostname}.{spec['subdomain']}.{metadata.get('namespace', '')}.svc.cluster.local"
    return hostname

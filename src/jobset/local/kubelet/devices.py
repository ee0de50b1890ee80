"""GPUs handed out by index: which container may see which."""

from dataclasses import dataclass, field

import msgspec

from jobset.local.kubelet.facts import Object
from jobset.local.kubelet.pods import init_containers, is_sidecar, main_containers

GPU = "nvidia.com/gpu"


class NotEnough(msgspec.Struct, frozen=True):
    """A container asked for more devices than are free."""

    requested: int
    available: int

    @property
    def message(self) -> str:
        """The text of a kubelet that refuses such a pod."""
        return (
            f"Allocate failed due to requested number of devices unavailable for {GPU}. "
            f"Requested: {self.requested}, Available: {self.available}, which is unexpected"
        )


def wanted_devices(container: Object) -> int:
    """How many GPUs a container asks for."""
    resources = container.get("resources") or {}
    asked = (resources.get("limits") or {}).get(GPU, (resources.get("requests") or {}).get(GPU, 0))
    return int(asked)


def hand_out(pod: Object, free: tuple[int, ...]) -> dict[str, tuple[int, ...]] | NotEnough:
    """Device indexes per container that asked for some, lowest first.

    Plain init containers end before the main ones start, so they use the same devices.
    """
    left, given = list(free), dict[str, tuple[int, ...]]()
    inits = init_containers(pod)
    lasting = [*(init for init in inits if is_sidecar(init)), *main_containers(pod)]
    for container in lasting:
        wanted = wanted_devices(container)
        if wanted > len(left):
            return NotEnough(wanted, len(left))
        if wanted:
            given[container["name"]], left = tuple(left[:wanted]), left[wanted:]
    for init in inits:
        wanted = 0 if is_sidecar(init) else wanted_devices(init)
        if wanted > len(free):
            return NotEnough(wanted, len(free))
        if wanted:
            given[init["name"]] = tuple(free[:wanted])
    return given


@dataclass(slots=True)
class Devices:
    """Which pod holds which devices of this machine."""

    count: int = 0
    strict: bool = False
    """Containers that ask for no GPU see none."""
    _held: dict[str, dict[str, tuple[int, ...]]] = field(default_factory=dict)

    def assign(self, pod: Object) -> NotEnough | None:
        """Hand out what the pod's containers ask for; a second call for a pod changes nothing."""
        uid = pod["metadata"]["uid"]
        if uid in self._held:
            return None
        taken = {index for held in self._held.values() for given in held.values() for index in given}
        given = hand_out(pod, tuple(index for index in range(self.count) if index not in taken))
        if isinstance(given, NotEnough):
            return given
        if given:
            self._held[uid] = given
        return None

    def release(self, uid: str) -> None:
        """The pod is over."""
        self._held.pop(uid, None)

    def environment(self, uid: str, container: str) -> dict[str, str]:
        """The variables that tell a container its devices."""
        given = self._held.get(uid, {}).get(container, ())
        if given or self.strict:
            return {"CUDA_VISIBLE_DEVICES": ",".join(map(str, given))}
        return {}

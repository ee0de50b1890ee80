"""What the kubelet asks of others: addresses, names, events, notices, and somebody who takes log lines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from jobset.local.processes.starter import Launch

Object: TypeAlias = Mapping[str, Any]


class Addresses(Protocol):
    """Gives each pod an IP address of its own where the machine has such addresses."""

    def assign(self, uid: str) -> str:
        """The pod's address; the same on every call until it is released."""
        ...

    def release(self, uid: str) -> None:
        """The pod is over: its address may serve again once nobody can remember it. No error when unknown."""
        ...


class Names(Protocol):
    """How programs in a pod find other pods by name."""

    def open(self, pod: Object, hostname: str, address: str) -> str | None:
        """The file that is the pod's /etc/hosts, kept current in place until `close`.

        Called once per pod, before its first container starts. None where a pod cannot have its own file.
        """
        ...

    async def settled(self, pod: Object) -> None:
        """Returns when the pods that start together with this one are published, or soon after.

        In a cluster a container takes so long to start that its peers have their names by then.
        """
        ...

    def close(self, uid: str) -> None:
        """The pod's containers are gone: its hosts file may go. No error when unknown."""
        ...

    def adapt(self, pod: Object, launch: Launch) -> Launch:
        """The launch as this machine's way with names wants it.

        Adds environment or replaces values that hold pod names where there are no hosts files per pod;
        elsewhere the same launch.
        """
        ...


class Recorder(Protocol):
    """Writes Event objects; never fails the caller and never makes it wait for the API."""

    def event(self, regarding: Object, type: str, reason: str, note: str, *, field_path: str = "") -> None:
        """Record an event about an object; `field_path` names the container, as `spec.containers{main}`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line that a container wrote, without its newline."""

    namespace: str
    pod: str
    pod_uid: str
    container: str
    attempt: int
    stream: str
    """`stdout` or `stderr`."""
    time: datetime
    text: str
    partial: bool = False
    """The line goes on in the next one: it is very long, or the program ended without a newline."""


LogListener: TypeAlias = Callable[[LogLine], None]
Tell: TypeAlias = Callable[[str], None]
"""Takes one sentence that a user should read; the caller says each thing once."""


class NoNames:
    """Names for worlds without name resolution: every launch stays as it is."""

    def open(self, pod: Object, hostname: str, address: str) -> str | None:  # noqa: ARG002
        return None

    async def settled(self, pod: Object) -> None:
        pass

    def close(self, uid: str) -> None:
        pass

    def adapt(self, pod: Object, launch: Launch) -> Launch:  # noqa: ARG002
        return launch


class NoRecorder:
    """A recorder that forgets."""

    def event(self, regarding: Object, type: str, reason: str, note: str, *, field_path: str = "") -> None:
        pass


@dataclass(slots=True)
class OneAddress:
    """The same address for every pod."""

    address: str = "127.0.0.1"

    def assign(self, uid: str) -> str:  # noqa: ARG002
        return self.address

    def release(self, uid: str) -> None:
        pass

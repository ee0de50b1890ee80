"""What the kubelet asks of others: addresses, names, events, notices, and somebody who takes log lines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

import msgspec

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


class Accounts(Protocol):
    """Lets pods speak to the API."""

    async def open(self, pod: Object, address: str, folder: str) -> Mapping[str, str]:
        """The variables with which a pod finds the API; none for a pod that may not speak to it.

        What they lead to is written into `folder`.
        """
        ...

    def close(self, uid: str) -> None:
        """The pod is over: it may speak to the API no more. No error when unknown."""
        ...


class Recorder(Protocol):
    """Writes Event objects; never fails the caller and never makes it wait for the API."""

    def event(self, regarding: Object, type: str, reason: str, note: str, *, field_path: str = "") -> None:
        """Record an event about an object; `field_path` names the container, as `spec.containers{main}`."""
        ...


class LogLines(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that a container wrote, as many as were read at once."""

    namespace: str
    pod: str
    pod_uid: str
    container: str
    attempt: int
    stream: str
    """`stdout` or `stderr`."""
    time: datetime
    lines: Sequence[bytes]
    """Without their newlines; a very long line comes in parts."""

    def texts(self, most: int | None = None) -> list[str]:
        """The lines as text, or the last of them; what is no text is shown as replacement characters."""
        wanted = self.lines if most is None else self.lines[-most:]
        return [line.decode(errors="replace") for line in wanted]


LogListener: TypeAlias = Callable[[LogLines], None]
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


class NoAccounts:
    """No pod may speak to the API."""

    async def open(self, pod: Object, address: str, folder: str) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def close(self, uid: str) -> None:
        pass


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

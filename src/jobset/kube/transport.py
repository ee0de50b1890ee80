"""The narrow waist between the client and an API server: requests in, responses and watch events out."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. `body` is decoded JSON, or a `str` that is sent as it is.

    `shape` is the part of the answer, or of each watched object, that will be read: a `TypedDict` or
    another type that msgspec decodes to plain data. A transport may leave out the rest; None asks for all.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = JSON
    accept: str = JSON
    shape: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer. `body` is decoded JSON and belongs to nobody: read it, never change it."""

    code: int
    body: Any
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR with its object."""

    type: str
    object: Mapping[str, Any]


class Transport(Protocol):
    """Carries requests to one API server. Objects that come out of it are read-only."""

    async def send(self, request: Request) -> Response:
        """The answer, whatever its code.

        Raises:
            TransportError: no answer came; whether the request took effect is unknown.
        """
        ...

    def watch(self, request: Request) -> AsyncIterator[WatchEvent]:
        """The events of a list request with `watch=1`; ends when the server ends it.

        Raises:
            ApiError: on the first step, when the server refuses the watch.
        """
        ...

    async def close(self) -> None:
        """Release connections; watches end."""
        ...

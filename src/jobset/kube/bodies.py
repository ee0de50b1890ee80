"""From the bodies of answers and the lines of watches to what a transport hands on; light, for the agent."""

from functools import cache
from typing import Any, TypedDict

import msgspec

from jobset.kube.errors import TransportError
from jobset.kube.transport import WatchEvent

_LONGEST_MESSAGE = 1024


class Decoders:
    """Decodes answers, each to the shape that was asked for."""

    def __init__(self) -> None:
        self._decoders: dict[Any, msgspec.json.Decoder[Any]] = {}

    def body(self, body: bytes, shape: Any) -> Any:
        """What an answer holds.

        Raises:
            TransportError: it is no JSON.
        """
        return _decode(self._decoder(shape), body)

    def event(self, line: bytes, shape: Any) -> WatchEvent:
        """One line of a watch.

        Raises:
            TransportError: it is no JSON.
        """
        event = _decode(self._decoder(_event_type(shape)), line)
        if event["type"] == "ERROR":
            # A Status, of which no shape would keep what matters.
            event = msgspec.json.decode(line)
        return WatchEvent(event["type"], event["object"])

    def _decoder(self, shape: Any) -> "msgspec.json.Decoder[Any]":
        known = self._decoders.get(shape)
        if known is None:
            known = self._decoders[shape] = msgspec.json.Decoder(Any if shape is None else shape)
        return known


def read_status(code: int, body: bytes) -> dict[str, Any]:
    """The Status object of a refusal; something between us and the server may have answered without one."""
    try:
        status = msgspec.json.decode(body)
    except msgspec.DecodeError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return {"code": code, **status}
    text = body.decode(errors="replace").strip()[:_LONGEST_MESSAGE]
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": text}


def _decode(decoder: "msgspec.json.Decoder[Any]", body: bytes) -> Any:
    try:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError:
            # Something else than the shape was made for, such as a Status in answer to a delete.
            return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise TransportError(f"the answer is not JSON: {error}") from error


@cache
def _event_type(shape: Any) -> Any:
    # The functional form: the type of `object` is known only now.
    return TypedDict("WatchedEvent", {"type": str, "object": Any if shape is None else shape})  # type: ignore[operator]

"""Validation of what is called in a container: probes, hooks and their handlers."""

from collections.abc import Iterator, Mapping
from typing import Any

from jobset.admission.field_errors import FieldError, forbidden, invalid, required
from jobset.local.kinds import formats
from jobset.local.kinds.checks import Problems, non_negative, one_of, port_or_name

Struct = Mapping[str, Any]

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")


def check_probes(container: Struct, path: str, grace: int) -> Problems:
    """The three probes of a container that may have them."""
    for kind in PROBES:
        probe = container.get(kind)
        if probe is not None:
            yield from _probe(probe, f"{path}.{kind}", grace)
            yield from _probe_kind(probe, f"{path}.{kind}", kind)


def check_lifecycle(lifecycle: Struct, path: str, grace: int) -> Problems:
    """The hooks of a container."""
    for hook in ("postStart", "preStop"):
        if lifecycle.get(hook) is not None:
            yield from _handler(lifecycle[hook], f"{path}.{hook}", grace)


def _probe(probe: Struct, path: str, grace: int) -> Problems:
    yield from _handler(probe, path, grace)
    for field in _NUMBERS:
        yield from non_negative(f"{path}.{field}", probe.get(field))
    own_grace = probe.get("terminationGracePeriodSeconds")
    if own_grace is not None and own_grace <= 0:
        yield invalid(f"{path}.terminationGracePeriodSeconds", own_grace, "must be greater than 0")


def _probe_kind(probe: Struct, path: str, kind: str) -> Problems:
    if kind == "readinessProbe":
        grace = probe.get("terminationGracePeriodSeconds")
        if grace is not None:
            yield invalid(
                f"{path}.terminationGracePeriodSeconds", grace, "must not be set for readinessProbes"
            )
    elif probe.get("successThreshold") != 1:
        yield invalid(f"{path}.successThreshold", probe.get("successThreshold"), "must be 1")


def _handler(handler: Struct, path: str, grace: int) -> Problems:
    given = [kind for kind in _HANDLERS if handler.get(kind) is not None]
    if not given:
        yield required(path, "must specify a handler type")
        return
    first, *more = given
    yield from _HANDLERS[first](handler[first], f"{path}.{first}", grace)
    for kind in more:
        yield forbidden(f"{path}.{kind}", "may not specify more than 1 handler type")


def _exec(action: Struct, path: str, grace: int) -> Iterator[FieldError]:  # noqa: ARG001
    if not action.get("command"):
        yield required(f"{path}.command")


def _http_get(action: Struct, path: str, grace: int) -> Iterator[FieldError]:  # noqa: ARG001
    if not action.get("path"):
        yield required(f"{path}.path")
    yield from port_or_name(f"{path}.port", action.get("port"))
    yield from one_of(f"{path}.scheme", action.get("scheme"), ("HTTP", "HTTPS"))
    for header in action.get("httpHeaders") or ():
        for problem in formats.http_header_name(header.get("name") or ""):
            yield invalid(f"{path}.httpHeaders", header.get("name") or "", problem)


def _port(action: Struct, path: str, grace: int) -> Iterator[FieldError]:  # noqa: ARG001
    yield from port_or_name(f"{path}.port", action.get("port"))


def _sleep(action: Struct, path: str, grace: int) -> Iterator[FieldError]:
    seconds = action.get("seconds") or 0
    if seconds < 0 or seconds > grace:
        yield invalid(
            path, seconds, f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
        )


_HANDLERS = {"exec": _exec, "httpGet": _http_get, "tcpSocket": _port, "grpc": _port, "sleep": _sleep}

"""What a Kubernetes API refused, as exceptions that carry its Status object; and what kept us from asking."""

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """An answer of 400 or above; `status` is the body, a `v1` Status object."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        super().__init__(str(status.get("message", "")) or f"code {status.get('code')}")
        self.status = status

    @property
    def code(self) -> int:
        """The HTTP status code."""
        return int(self.status.get("code", 500))

    @property
    def reason(self) -> str:
        """The machine-readable reason, such as `NotFound`; empty when there is none."""
        return str(self.status.get("reason", ""))


class BadRequest(ApiError):
    """400: the request cannot be understood."""


class Forbidden(ApiError):
    """403: understood and refused."""


class NotFound(ApiError):
    """404: no such object, namespace or resource."""


class Conflict(ApiError):
    """409 reason Conflict: somebody wrote first, or a precondition failed."""


class AlreadyExists(ApiError):
    """409 reason AlreadyExists."""


class Gone(ApiError):
    """410: the resourceVersion or continue token is too old."""


class Invalid(ApiError):
    """422: the object breaks a rule; `status["details"]["causes"]` says which."""


class TransportError(Exception):
    """No answer came: whether the request took effect is unknown."""


class ConnectionLost(TransportError):
    """The connection ended before anything of an answer came."""


def reason(error: BaseException) -> str:
    """Why there is no answer, in words."""
    return str(error) or ("timed out" if isinstance(error, TimeoutError) else type(error).__name__)


def outcome_is_unknown(error: Exception) -> bool:
    """Whether a request that ended in `error` may have taken effect all the same.

    A server may fail (500, 503, 504) after the change was stored; so it does when etcd is too late for it.
    """
    return isinstance(error, TransportError) or (isinstance(error, ApiError) and error.code >= 500)


_BY_CODE: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
}


def api_error(status: Mapping[str, Any]) -> ApiError:
    """The exception that fits a Status object."""
    if status.get("reason") == "AlreadyExists":
        return AlreadyExists(status)
    return _BY_CODE.get(int(status.get("code", 500)), ApiError)(status)


class AccessError(Exception):
    """How to reach a cluster, or as whom, is not to be known: the text says where and what would be right."""

"""The Status bodies that an API server answers instead of an object."""

from collections.abc import Sequence
from typing import Any, NoReturn

from jobset.admission.field_errors import FieldError, invalid, invalid_status
from jobset.kube.errors import ApiError, api_error
from jobset.kube.resources import Resource

Status = dict[str, Any]
Causes = Sequence[dict[str, str]]


def failure(code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> Status:
    """A Status that says no; an empty reason and absent details are left out."""
    body: Status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
    }
    if reason:
        body["reason"] = reason
    if details is not None:
        body["details"] = details
    return body | {"code": code}


def refuse(status: Status) -> NoReturn:
    """Raise the exception that carries a Status to the client."""
    raise api_error(status)


def _named(resource: Resource, name: str) -> dict[str, Any]:
    details = {"name": name, "group": resource.group, "kind": resource.plural}
    return {key: value for key, value in details.items() if value}


def not_found(resource: Resource, name: str) -> ApiError:
    """404: there is no such object."""
    message = f'{resource.group_resource} "{name}" not found'
    return api_error(failure(404, "NotFound", message, _named(resource, name)))


def no_such_path() -> ApiError:
    """404: no resource is served at this path."""
    return api_error(failure(404, "NotFound", "the server could not find the requested resource", {}))


def method_not_allowed() -> ApiError:
    """405: the resource is served and this verb is not."""
    message = "the server does not allow this method on the requested resource"
    return api_error(failure(405, "MethodNotAllowed", message, {}))


def already_exists(resource: Resource, name: str) -> ApiError:
    """409: the name is taken."""
    message = f'{resource.group_resource} "{name}" already exists'
    return api_error(failure(409, "AlreadyExists", message, _named(resource, name)))


def no_free_name(resource: Resource, name: str) -> ApiError:
    """409: the name that was generated is taken too; another try may have more luck."""
    message = (
        f'{resource.group_resource} "{name}" already exists, '
        "the server was not able to generate a unique name for the object"
    )
    details = _named(resource, name) | {"retryAfterSeconds": 1}
    return api_error(failure(409, "AlreadyExists", message, details))


def conflict(resource: Resource, name: str, why: str) -> ApiError:
    """409: somebody wrote first, or the object is not the one that was meant."""
    message = f'Operation cannot be fulfilled on {resource.group_resource} "{name}": {why}'
    return api_error(failure(409, "Conflict", message, _named(resource, name)))


STALE = "the object has been modified; please apply your changes to the latest version and try again"


def bad_request(message: str) -> ApiError:
    """400: the request cannot be understood."""
    return api_error(failure(400, "BadRequest", message))


def internal(message: str) -> ApiError:
    """500 without a reason, as the server answers for errors it has no class for."""
    return api_error(failure(500, "", message))


def forbidden(resource: Resource, name: str, why: str, causes: Causes = ()) -> ApiError:
    """403: understood and refused."""
    details = _named(resource, name)
    if causes:
        details["causes"] = list(causes)
    shown = f' "{name}"' if name else ""
    return api_error(
        failure(403, "Forbidden", f"{resource.group_resource}{shown} is forbidden: {why}", details)
    )


def unsupported_media_type(message: str, details: dict[str, Any] | None = None) -> ApiError:
    """415: the body is in a format that is not understood here."""
    return api_error(failure(415, "UnsupportedMediaType", message, details))


def rejected_patch() -> ApiError:
    """422: a JSON patch that does not fit the object."""
    message = "the server rejected our request due to an error in our request"
    return api_error(failure(422, "Invalid", message, {}))


def invalid_patch(shown: str, why: str) -> ApiError:
    """422: what a patch makes of the object is no object of its kind."""
    return api_error(invalid_status("", "", "", [invalid("patch", shown, why)]))


def invalid_object(resource: Resource, name: str, errors: Sequence[FieldError]) -> ApiError:
    """422: fields of the object break rules."""
    return api_error(invalid_status(resource.group, resource.kind, name, errors))


def invalid_options(kind: str, errors: Sequence[FieldError]) -> ApiError:
    """422: the options of the request break rules."""
    return api_error(invalid_status("meta.k8s.io", kind, "", errors))


def expired(requested: int, oldest: int) -> Status:
    """410: the history that was asked for is forgotten."""
    return failure(410, "Expired", f"too old resource version: {requested} ({oldest})")


def from_the_future(requested: int, current: int) -> ApiError:
    """504: a version that this server has not reached."""
    text = "Too large resource version"
    details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": text}], "retryAfterSeconds": 1}
    message = f"Timeout: {text}: {requested}, current: {current}"
    return api_error(failure(504, "Timeout", message, details))


def success(resource: Resource, name: str, uid: str) -> Status:
    """The answer to a delete that left nothing behind."""
    details = _named(resource, name) | {"uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

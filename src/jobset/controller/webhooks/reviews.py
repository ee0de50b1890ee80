"""The wire of admission: an AdmissionReview in, an AdmissionReview out."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from jobset.admission.json_patch import Operation

LONGEST_BODY = 7 * 2**20
"""Bytes; one of this size is refused already."""
CONTENT_TYPE = "application/json"
_GROUP, _KIND = "admission.k8s.io", "AdmissionReview"
_VERSIONS = (f"{_GROUP}/v1", f"{_GROUP}/v1beta1")


class AdmissionRequest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What is asked: one write. `object` is None on a deletion, `old_object` on a creation."""

    uid: str = ""
    operation: str = ""
    namespace: str = ""
    name: str = ""
    object: Any = None
    old_object: Any = None


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """An AdmissionReview that came in, in the version that its answer must have."""

    version: str
    request: AdmissionRequest


@dataclass(frozen=True, slots=True)
class Allowed:
    """The write may go on, with these changes."""

    patch: Sequence[Operation] = ()


@dataclass(frozen=True, slots=True)
class Denied:
    """The write may not go on; `status` is a Status, or what is known of one."""

    status: Mapping[str, Any]


Answer: TypeAlias = Allowed | Denied


class UnreadableReview(Exception):
    """What came is no review: the code of the answer, and why."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class UnreadableObject(Exception):
    """What is reviewed is no object of its kind; the text says where."""


class _Wire(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    request: AdmissionRequest | None = None


_DECODER = msgspec.json.Decoder(_Wire)


def read_review(body: bytes) -> Review:
    """The review in a body.

    Raises:
        UnreadableReview: it is none.
    """
    try:
        wire = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableReview(400, f"the body is no AdmissionReview: {error}") from None
    version = wire.api_version or _VERSIONS[0]
    if version not in _VERSIONS or wire.kind not in ("", _KIND):
        text = (
            f'no kind "{wire.kind}" is registered for version "{wire.api_version}": expected {_VERSIONS[0]}'
        )
        raise UnreadableReview(400, f"{text}, {_KIND}")
    if wire.request is None:
        raise UnreadableReview(400, "the AdmissionReview has no request")
    for name, obj in _objects(wire.request).items():
        if not isinstance(obj, dict):
            raise UnreadableReview(400, f"request.{name} must be an object to {wire.request.operation}")
    return Review(version=version, request=wire.request)


def _objects(request: AdmissionRequest) -> dict[str, Any]:
    """What the operation is about."""
    about = {"CREATE": ("object",), "UPDATE": ("object", "oldObject")}.get(request.operation, ())
    given = {"object": request.object, "oldObject": request.old_object}
    return {name: given[name] for name in about}


def render_answer(review: Review, answer: Answer) -> bytes:
    """The body that answers a review."""
    response = {"uid": review.request.uid, **_response(answer)}
    return msgspec.json.encode({"kind": _KIND, "apiVersion": review.version, "response": response})


def render_refusal(error: UnreadableReview) -> bytes:
    """The body that answers what is no review: nobody knows its version and uid."""
    answer = Denied({"code": error.code, "message": str(error)})
    return msgspec.json.encode({"response": {"uid": "", **_response(answer)}})


def forbidden(text: str) -> Denied:
    """A refusal that is no error of the API: whatever went wrong, in its own words."""
    return Denied({"code": 403, "reason": "Forbidden", "message": text})


def _response(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, Denied):
        return {"allowed": False, "status": {"metadata": {}, **answer.status}}
    response: dict[str, Any] = {"allowed": True, "status": {"metadata": {}, "code": 200}}
    if answer.patch:
        patch = b64encode(msgspec.json.encode(answer.patch)).decode()
        response |= {"patchType": "JSONPatch", "patch": patch}
    return response

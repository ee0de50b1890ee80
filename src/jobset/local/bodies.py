"""From the body of a request to a JSON object of the right kind, or the words with which it is refused."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from jobset.kube.errors import api_error
from jobset.kube.resources import Resource
from jobset.kube.transport import (
    APPLY_PATCH,
    JSON,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_MERGE_PATCH,
    Request,
)
from jobset.local.kinds.rules import KindRules
from jobset.local.metadata import is_custom
from jobset.local.statuses import bad_request, failure, unsupported_media_type

YAML = "application/yaml"
LIMIT = 3 * 1024 * 1024
_DELETE_OPTIONS = "DeleteOptions"
_MOST_OPERATIONS = 10_000
_READABLE = (JSON, YAML, "application/vnd.kubernetes.protobuf")
_PATCHES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH)
_WITHOUT_STRATEGY = (JSON_PATCH, MERGE_PATCH)


class NotJson(Exception):
    """The text is not JSON; the message is what Go's decoder says."""


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")
_GO_WORDS = (
    ("Expecting property name", "looking for beginning of object key string"),
    ("Illegal trailing comma", "looking for beginning of object key string"),
    ("Expecting ':'", "after object key"),
    ("Extra data", "after top-level value"),
    ("Invalid control character", "in string literal"),
    ("Invalid \\", "in string escape code"),
)


def parse_json(text: str) -> Any:
    """The value that a JSON text stands for.

    Raises:
        NotJson: it is no JSON.
    """
    try:
        parsed = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise NotJson(_go_syntax_error(text, error)) from None
    except RecursionError:
        raise NotJson("exceeded max depth") from None
    # compat: Go reads half of a surrogate pair as the replacement character; few texts have any.
    return _without_surrogates(parsed) if _SURROGATE.search(text) else parsed


def _refuse_constant(name: str) -> NoReturn:
    if name.startswith("-"):
        raise NotJson(f"invalid character '{name[1]}' in numeric literal")
    raise NotJson(f"invalid character '{name[0]}' looking for beginning of value")


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return _HALF.sub("\ufffd", value)
        case dict():
            return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
        case list():
            return [_without_surrogates(item) for item in value]
        case _:
            return value


def _go_syntax_error(text: str, error: json.JSONDecodeError) -> str:
    position = error.pos
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    if position >= len(text) or error.msg.startswith("Unterminated string"):
        return "unexpected end of JSON input"
    where = "looking for beginning of value"
    if error.msg.startswith("Expecting ','"):
        where = "after array element" if _is_in_array(text[:position]) else "after object key:value pair"
    for start, words in _GO_WORDS:
        if error.msg.startswith(start):
            where = words
    character = text[position]
    shown = "'\\''" if character == "'" else f"'{character}'"
    return f"invalid character {shown} {where}"


def _is_in_array(text: str) -> bool:
    depth: list[str] = []
    in_string = escaped = False
    for character in text:
        if in_string:
            escaped = character == "\\" and not escaped
            in_string = character != '"' or escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth.append(character)
        elif character in "]}" and depth:
            depth.pop()
    return bool(depth) and depth[-1] == "["


def read_object(request: Request, rules: KindRules) -> Mapping[str, Any]:
    """The object in the body of a create or update, with its apiVersion and kind.

    Raises:
        ApiError: it is no object, or one of another kind.
    """
    content_type = _check_media_type(request, _READABLE[:2] if is_custom(rules) else _READABLE)
    body = request.body if request.body is not None else ""
    if not isinstance(body, str):
        return _of_kind(body, rules, None)
    if len(body) > LIMIT:
        raise too_large()
    return _of_kind(_parse(body, content_type, rules), rules, body)


def _check_media_type(request: Request, known: Sequence[str]) -> str:
    media_type = request.content_type.partition(";")[0].strip() or JSON
    if media_type not in _READABLE[:2]:
        raise _unknown_format(known)
    return media_type


def _unknown_format(known: Sequence[str]) -> Exception:
    listed = ", ".join(known)
    return unsupported_media_type(
        f"the body of the request was in an unknown format - accepted media types include: {listed}"
    )


def too_large(why: str = f"limit is {LIMIT}") -> Exception:
    """413: the body is larger than the server reads."""
    return api_error(failure(413, "RequestEntityTooLarge", f"Request entity too large: {why}", {}))


def _parse(text: str, content_type: str, rules: KindRules) -> Any:
    if content_type == YAML:
        return parse_yaml(text)
    try:
        return parse_json(text)
    except NotJson as error:
        _unrecognized(rules, f"json parse error: {error}", text)


def parse_yaml(text: str) -> Any:
    """The value that a YAML text stands for.

    Raises:
        ApiError: it is no YAML.
    """
    import yaml  # only clients that send YAML pay for it

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise bad_request(f"error converting YAML to JSON: yaml: {error}") from None


def _unrecognized(rules: KindRules, why: str, text: str) -> NoReturn:
    kind = rules.resource.kind
    raise bad_request(
        f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; "
        f"{why} ({_summary(text)})"
    )


def _summary(text: str) -> str:
    # compat: transformDecodeError shows the first 30 bytes, in hexadecimal unless an object begins there.
    data = text.encode()
    if not data:
        return "<empty>"
    shown = data[:30].decode(errors="replace") if data[:1] == b"{" else data[:30].hex()
    return shown if len(data) <= 30 else f"{shown} ..."


_HEADER = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
)


def _of_kind(body: Any, rules: KindRules, text: str | None) -> Mapping[str, Any]:
    if body is None and text is not None:
        # compat: a text that says null is an empty object, where no text is no object at all.
        body = {}
    if not isinstance(body, Mapping):
        _refuse_type(body, f"Go value of type {_HEADER}", rules, text, body)
    expected = rules.resource
    for key in ("apiVersion", "kind"):
        if (value := body.get(key)) is not None and not isinstance(value, str):
            _refuse_type(value, f"Go struct field .{key} of type string", rules, text, body)
    version, kind = body.get("apiVersion") or expected.api_version, body.get("kind") or expected.kind
    if version != expected.api_version or kind != expected.kind:
        _refuse_kind(version, kind, rules)
    if body.get("apiVersion") and body.get("kind"):
        return body
    return {**body, "apiVersion": version, "kind": kind}


def _refuse_type(value: Any, place: str, rules: KindRules, text: str | None, body: Any) -> NoReturn:
    why = f"json parse error: json: cannot unmarshal {json_word(value)} into {place}"
    _unrecognized(rules, why, text if text is not None else json.dumps(body))


def _refuse_kind(version: str, kind: str, rules: KindRules) -> NoReturn:
    expected = rules.resource
    short = version.rpartition("/")[2]
    if is_custom(rules):
        if version != expected.api_version:
            raise bad_request(
                f"the API version in the data ({version}) does not match "
                f"the expected API version ({expected.api_version})"
            )
        raise bad_request(
            f'{kind} in version "{short}" cannot be handled as a {expected.kind}: '
            f"no kind registered for {kind} in {expected.api_version}"
        )
    start = f'{kind} in version "{short}" cannot be handled as a {expected.kind}: '
    raise bad_request(start + _other_kind(version, kind, expected))


def _other_kind(version: str, kind: str, expected: Resource) -> str:
    if (version, kind) in _registered():
        internal_group = expected.group.partition(".")[0] or "core"
        return f"converting (v1.{kind}) to ({internal_group}.{expected.kind}): unknown conversion"
    return _not_registered(version, kind)


def _not_registered(version: str, kind: str) -> str:
    return f'no kind "{kind}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:111"'


def kind_problem(obj: Mapping[str, Any], expected: Resource) -> str | None:
    """Why a patched object is of another kind than the one it was, or None."""
    for key in ("apiVersion", "kind"):
        if not isinstance(value := obj.get(key, ""), str):
            words = f"cannot unmarshal {json_word(value)} into Go struct field .{key} of type string"
            return f"couldn't get version/kind; json parse error: json: {words}"
    version, kind = obj.get("apiVersion") or expected.api_version, obj.get("kind") or expected.kind
    is_same = (version, kind) == (expected.api_version, expected.kind)
    return None if is_same else _other_kind(version, kind, expected)


def _registered() -> Mapping[tuple[str, str], str]:
    from jobset.admission.schemas import component_of_kind

    return component_of_kind()


def json_word(value: Any) -> str:
    """What Go's decoder calls the type of a JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case Mapping():
            return "object"
        case _:
            return "array"


def read_patch(request: Request, rules: KindRules) -> Any:
    """The patch in the body of a request, whose type the server takes for this kind.

    Raises:
        ApiError: the media type is not taken, or the body is no such patch.
    """
    media_type = request.content_type.partition(";")[0].strip()
    if media_type == STRATEGIC_MERGE_PATCH and is_custom(rules):
        raise _unknown_format((*_WITHOUT_STRATEGY, APPLY_PATCH))
    if media_type not in _PATCHES:
        raise unsupported_media_type("415: Unsupported Media Type", {})
    body = request.body
    if isinstance(body, str):
        try:
            body = parse_json(body)
        except NotJson as error:
            start = "" if media_type == STRATEGIC_MERGE_PATCH else "error decoding patch: "
            raise bad_request(f"{start}{error}") from None
    if body is None:
        return _nothing(media_type)
    if media_type == JSON_PATCH:
        if not isinstance(body, list):
            raise bad_request(
                f"error decoding patch: json: cannot unmarshal {json_word(body)} into Go value of type "
                "[]handlers.jsonPatchOp"
            )
        for operation in body:
            _check_operation(operation)
        if len(body) > _MOST_OPERATIONS:
            words = f"The allowed maximum operations in a JSON patch is {_MOST_OPERATIONS}, got {len(body)}"
            raise too_large(words)
    elif not isinstance(body, Mapping):
        start = "" if media_type == STRATEGIC_MERGE_PATCH else "error decoding patch: "
        raise bad_request(
            f"{start}json: cannot unmarshal {json_word(body)} into Go value of type map[string]interface {{}}"
        )
    return body


def _nothing(media_type: str) -> Any:
    """What a patch of null is: no change, but for a merge patch."""
    if media_type == MERGE_PATCH:
        raise bad_request("Invalid JSON Patch")
    return [] if media_type == JSON_PATCH else {}


def _check_operation(operation: Any) -> None:
    if operation is None:
        return
    if not isinstance(operation, Mapping):
        _refuse_operation(operation, "Go value of type handlers.jsonPatchOp")
    for key in ("op", "path", "from"):
        if (value := operation.get(key)) is not None and not isinstance(value, str):
            _refuse_operation(value, f"Go struct field jsonPatchOp.{key} of type string")


def _refuse_operation(value: Any, place: str) -> NoReturn:
    raise bad_request(f"error decoding patch: json: cannot unmarshal {json_word(value)} into {place}")


def read_options(request: Request) -> Mapping[str, Any]:
    """The DeleteOptions in the body of a request; empty when there is none.

    Raises:
        ApiError: it is no object.
    """
    body = request.body
    if body:
        _check_media_type(request, _READABLE)
    if isinstance(body, str):
        try:
            body = parse_json(body) if body else None
        except NotJson as error:
            raise bad_request(f"couldn't get version/kind; json parse error: {error}") from None
    if body is None:
        return {}
    if not isinstance(body, Mapping):
        raise bad_request(
            f"couldn't get version/kind; json parse error: json: cannot unmarshal {json_word(body)} "
            f"into Go value of type {_HEADER}"
        )
    if (kind := body.get("kind") or _DELETE_OPTIONS) != _DELETE_OPTIONS:
        version = body.get("apiVersion") or "meta.k8s.io/v1"
        raise bad_request(_not_registered(version, kind))
    return body


def read_json(request: Request) -> Mapping[str, Any]:
    """The JSON object in the body of a request, of whatever kind.

    Raises:
        BadRequest: it is no object.
    """
    body = request.body
    if isinstance(body, str):
        try:
            body = parse_json(body)
        except NotJson as error:
            raise bad_request(f"couldn't get version/kind; json parse error: {error}") from None
    if not isinstance(body, Mapping):
        raise bad_request(f"json: cannot unmarshal {json_word(body)} into Go value of type {_HEADER}")
    return body

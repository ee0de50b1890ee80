"""What to do about a refused field: one short piece of advice for each kind of error."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jobset.admission.field_errors import NO_FIELD, ErrorType, FieldError
from jobset.admission.unknown_fields import nearest

_EXPECTED = re.compile(r'must be of type ([\w,-]+): "')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')

_BY_TYPE: Mapping[str, str] = {
    "array": "write a list: each item on its own line, starting with '- '",
    "object": "write fields below it, one 'name: value' a line",
    "boolean": "write true or false, without quotes",
    "date-time": "write a time such as 2030-01-02T03:04:05Z",
}
_NAME = "use lower-case letters, digits and '-' only; begin and end with a letter or digit"
_PORT_NAME = "write the number without quotes, or a name of at most 15 lower-case letters, digits and '-'"
_QUANTITY = "write a quantity such as 500m, 2 or 1Gi"
_RANGE = "write a number in the allowed range"
_BY_TEXT = (
    ("feature gate is disabled", "choose another value; this feature is off"),
    ("DependsOn can't be set for the first", "move the replicated job behind the one that it waits for"),
    ("cannot depend on replicatedJob", "name a replicated job that stands before this one in the list"),
    ("does not appear in .spec.ReplicatedJobs", "name one of the replicated jobs of this JobSet"),
    ("not a recognized job failure reason", "use a reason that Jobs fail with, such as BackoffLimitExceeded"),
    ("rule names are not unique", "give each rule its own name, or leave the names out"),
    ("failure policy rule name", "begin the name with a letter and use letters, digits, '_', ',' and ':'"),
    ("coordinator replicatedJob", "name one of the replicated jobs of this JobSet"),
    ("coordinator job index", "use an index below the replicas of that replicated job"),
    ("coordinator pod index", "use an index below the completions of that Job"),
    ("job for coordinator pod", "set completionMode: Indexed and completions in that Job template"),
    ("invalid label value", "shorten the names of the JobSet, the replicated job or the subdomain"),
    ("replicas and parallelism", "lower replicas or parallelism"),
    ("replicas > 1024", "use RestartJobSet instead, or at most 1024 replicas"),
    ("mutually exclusive", "use dependsOn alone and leave startupPolicy out"),
    ("no such key", "add the missing field"),
    ("namespace cannot be set", "remove the namespace: claims go where the JobSet is"),
    ("matching volumeMount", "mount the volume in a container, or remove the claim template"),
    ("volume name conflicts", "rename the volume or the claim template"),
    ("names must be unique", "give each claim template its own name"),
    ("when PVC exists", "set whenDeleted: Retain, or rename the claim template"),
    ("does not match existing PVC", "write the same spec as the existing claim, or rename the template"),
    ("domain-prefixed path", "write it like example.com/my-controller"),
    ("may not be specified when `value`", "keep either value or valueFrom"),
    ("must be unique", "give each its own value"),
    ("format int32", "write a whole number from -2147483648 to 2147483647"),
    ("format int64", "write a whole number that fits 64 bits"),
    ("type date-time", "write a time such as 2030-01-02T03:04:05Z"),
    (" limit of ", "lower the request, or raise the limit"),
    (
        "standard resource",
        "use cpu, memory, ephemeral-storage, or a name with a domain such as nvidia.com/gpu",
    ),
    ("at least one letter (a-z)", _PORT_NAME),
    ("only alpha-numeric characters (a-z", _PORT_NAME),
    ("consecutive hyphens", _PORT_NAME),
    ("must not contain '..'", "write the path without '..'"),
    ("must specify one of", "add one of those fields"),
    ("environment variable name", "write the name without '=' and without special characters"),
    ("field label not supported", "use a field that pods offer, such as metadata.name or status.podIP"),
    ('only "Never" is supported', "write restartPolicy: Never"),
    ("OnExitCodes and OnPodConditions", "add onExitCodes or onPodConditions"),
    ("requires the backoffLimitPerIndex", "add backoffLimitPerIndex to this Job, or use another action"),
    ("not auto-generated", "leave selector out: each Job gets its own"),
    ("does not match template `labels`", "leave selector and manualSelector out: each Job gets its own"),
    ("0777 (octal)", "write an octal number such as 0644"),
    ("valid IP address", "write an address such as 10.9.8.7"),
    ("must be 1", "write 1, or leave it out"),
    ("must not be 0", "leave out 0, which means success"),
    ("duplicate of key present", "keep the key in one of the two"),
    ("must be Exists when", "add key, or write operator: Exists"),
    ("must be non-empty", "write a name"),
    ("less than or equal to", "write a smaller number"),
    ("greater than or equal to", _RANGE),
    ("greater than zero", "write a number above zero"),
    ("must be between", _RANGE),
    ("too long", "shorten the name"),
    ("must be no more than", "shorten it"),
    ("RFC 1123", _NAME),
    ("DNS-1035", "use lower-case letters, digits and '-' only; begin with a letter"),
    ("alphanumeric", "use letters, digits, '-', '_' and '.' only; begin and end with a letter or digit"),
    ("quantit", _QUANTITY),
    ("should match '^(\\+|-)", _QUANTITY),
    ("field is immutable", "delete the object and create it anew"),
)
_MISSING = (
    ("handler type", "add exec, httpGet, tcpSocket or grpc"),
    ("volume type", "add the volume's type, such as emptyDir"),
)
_LAST_KEY = re.compile(r"\[([^\[\]]*)\]$")


def remedy_for(error: FieldError) -> str:
    """What to do about a refused field."""
    name = error.blamed.rpartition(".")[2] or "it"
    match error.type:
        case ErrorType.REQUIRED:
            return _addition(error)
        case ErrorType.NOT_SUPPORTED:
            return _choice(error)
        case ErrorType.TYPE_INVALID:
            return _retype(error)
        case ErrorType.TOO_MANY:
            return "remove the items above the limit"
        case ErrorType.TOO_LONG:
            return (
                "shorten it" if is_field(error.blamed) else "put big data into a volume, or split the object"
            )
        case ErrorType.DUPLICATE:
            return "remove or rename one of the two"
        case ErrorType.NOT_FOUND:
            return "define it, or correct the name"
        case ErrorType.FORBIDDEN:
            return f"remove {name}, or what it cannot go together with"
    return _by_text(_BY_TEXT, error.detail) or f"correct {name}"


def is_field(path: str) -> bool:
    """Whether a path leads anywhere; Kubernetes has `[]` for an object as a whole."""
    return path not in ("", "[]")


def _by_text(advice: Iterable[tuple[str, str]], message: str) -> str | None:
    return next((remedy for text, remedy in advice if text in message), None)


def _addition(error: FieldError) -> str:
    if choices := _QUOTED.findall(error.detail.partition("valid values:")[2]):
        return f"write {error.blamed.rpartition('.')[2]}: {' or '.join(choices)}"
    if remedy := _by_text(_MISSING, error.detail):
        return remedy
    if found := _LAST_KEY.search(error.blamed):
        return "add what is missing" if found[1].isdecimal() else f"add {found[1]}"
    return f"add {error.blamed.rpartition('.')[2]}"


def _choice(error: FieldError) -> str:
    choices = _QUOTED.findall(error.detail)
    if isinstance(error.value, str) and (near := nearest(error.value, choices)):
        return f"did you mean {near[0]}?"
    return f"use {', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else f"use {choices[0]}"


def _retype(error: FieldError) -> str:
    found = _EXPECTED.search(error.detail)
    expected = found[1] if found else ""
    if expected.startswith("string"):
        return (
            "put the value in quotes"
            if error.value in ("integer", "number", "boolean")
            else "write one string"
        )
    if expected.startswith(("int", "number")):
        return "write a whole number, without quotes"
    return _BY_TYPE.get(expected, "write a value of that type")


def told_once(errors: Sequence[FieldError]) -> list[FieldError]:
    """The errors without those that say again, in the words of an API server, that a type is wrong."""
    first: dict[str, FieldError] = {}
    for error in errors:
        first.setdefault(error.blamed, error)
    wrong = {place for place, error in first.items() if error.type is ErrorType.TYPE_INVALID}
    return [error for error in errors if error.blamed not in wrong or error is first[error.blamed]]


def meaning(error: FieldError) -> str:
    """The message of an error without what the place says already."""
    if error.type is ErrorType.INTERNAL:
        return error.detail
    if error.field == NO_FIELD:
        return error.detail.removesuffix(f" in {error.at}")
    bare = error.detail.removeprefix(f"{error.field} in body ")
    if error.type is ErrorType.TYPE_INVALID:
        return bare.partition(":")[0].replace(",", " or ") + (f", not {error.value}" if error.value else "")
    # A whole object would fill the screen, and stands in the manifest anyway.
    return bare if bare and isinstance(error.value, list | dict) else replace(error, detail=bare).message()


def too_long_by(names: Mapping[str, str], excess: int) -> str:
    """Advice for a generated name that is too long; `names` are its parts and where each is set."""
    parts = " or ".join(f"{where} ({name})" for where, name in names.items())
    return f"shorten {parts} by {excess} characters in all"


def shown(value: Any) -> Any:
    """A value fit for a report: large ones are left out."""
    return value if isinstance(value, str | int | float | bool) or value is None else None

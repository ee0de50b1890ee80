"""What to do about a refused field: one short piece of advice for each kind of error."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jobset.admission.field_errors import ErrorType, FieldError
from jobset.admission.unknown_fields import nearest

_EXPECTED = re.compile(r'must be of type ([\w-]+(?: or \w+)*): "')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')

_BY_TYPE: Mapping[str, str] = {
    "array": "write a list: each item on its own line, starting with '- '",
    "object": "write fields below it, one 'name: value' a line",
    "boolean": "write true or false, without quotes",
    "date-time": "write a time such as 2030-01-02T03:04:05Z",
}
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
    ("namespace cannot be set", "remove the namespace: claims go where the JobSet is"),
    ("matching volumeMount", "mount the volume in a container, or remove the claim template"),
    ("volume name conflicts", "rename the volume or the claim template"),
    ("names must be unique", "give each claim template its own name"),
    ("when PVC exists", "set whenDeleted: Retain, or rename the claim template"),
    ("does not match existing PVC", "write the same spec as the existing claim, or rename the template"),
    ("no such key", "add the missing field"),
    ("domain-prefixed path", "write it like example.com/my-controller"),
    ("may not be specified when `value`", "keep either value or valueFrom"),
    ("must be unique", "give each its own value"),
    ("greater than or equal to", "write a number in the allowed range"),
    ("greater than zero", "write a number above zero"),
    ("must be between", "write a number in the allowed range"),
    ("too long", "shorten the name"),
    ("must be no more than", "shorten it"),
    ("RFC 1123", "use lower-case letters, digits and '-' only; begin and end with a letter or digit"),
    ("DNS-1035", "use lower-case letters, digits and '-' only; begin with a letter"),
    ("alphanumeric", "use letters, digits, '-', '_' and '.' only; begin and end with a letter or digit"),
    ("quantit", "write a quantity such as 500m, 2 or 1Gi"),
    ("should match '^(\\+|-)", "write a quantity such as 500m, 2 or 1Gi"),
    ("Not found", "define it, or correct the name"),
    ("field is immutable", "delete the object and create it anew"),
)


def remedy_for(error: FieldError) -> str:
    """What to do about a refused field."""
    name = error.field.rpartition(".")[2]
    match error.type:
        case ErrorType.REQUIRED:
            return _addition(error, name)
        case ErrorType.NOT_SUPPORTED:
            return _choice(error)
        case ErrorType.TYPE_INVALID:
            return _retype(error)
        case ErrorType.TOO_MANY:
            return "remove the items above the limit"
        case ErrorType.TOO_LONG:
            return "shorten it"
        case ErrorType.DUPLICATE:
            return "remove or rename one of the two"
        case ErrorType.FORBIDDEN:
            return f"remove {name}, or what it cannot go together with"
    message = error.message()
    return next((advice for text, advice in _BY_TEXT if text in message), f"correct {error.blamed or 'it'}")


def _addition(error: FieldError, name: str) -> str:
    if choices := _QUOTED.findall(error.detail.partition("valid values:")[2]):
        return f"write {name}: {' or '.join(choices)}"
    return "add what is missing" if "[" in name else f"add {name}"


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


def meaning(error: FieldError) -> str:
    """The message of an error without what the place says already."""
    if error.type is ErrorType.INTERNAL:
        return error.detail
    bare = error.detail.removeprefix(f"{error.field} in body ")
    if error.type is ErrorType.TYPE_INVALID:
        return bare.partition(":")[0] + (f", not {error.value}" if error.value else "")
    # A whole object would fill the screen, and stands in the manifest anyway.
    return bare if bare and isinstance(error.value, list | dict) else replace(error, detail=bare).message()


def too_long_by(names: Mapping[str, str], excess: int) -> str:
    """Advice for a generated name that is too long; `names` are its parts and where each is set."""
    parts = " or ".join(f"{where} ({name})" for where, name in names.items())
    return f"shorten {parts} by {excess} characters in all"


def shown(value: Any) -> Any:
    """A value fit for a report: large ones are left out."""
    return value if isinstance(value, str | int | float | bool) or value is None else None

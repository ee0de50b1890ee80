"""What an API server itself writes into `metadata`; `kinds.meta` judges what the client wrote."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from random import Random
from typing import Any, TypeAlias

from jobset.api.times import format_time
from jobset.local.kinds.rules import KindRules

Object: TypeAlias = Mapping[str, Any]
Metadata: TypeAlias = dict[str, Any]

NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
NAME_SUFFIX_LENGTH = 5
GENERATED_BASE_LENGTH = 58
BUILT_IN_GROUPS = re.compile(r"|[a-z]+|[a-z]+(\.[a-z]+)*\.k8s\.io")

_REPEATED_OWNERS = (
    ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, "
    "and may reject such requests as early as 1.24; please fix your requests"
)
_SYSTEM_FIELDS = ("creationTimestamp", "uid", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")


def is_custom(rules: KindRules) -> bool:
    """Whether the kind comes from a CustomResourceDefinition rather than being built in."""
    return _is_custom_group(rules.resource.group)


@cache
def _is_custom_group(group: str) -> bool:
    # compat: x-k8s.io is for projects, k8s.io for the API server itself.
    return group.endswith(".x-k8s.io") or BUILT_IN_GROUPS.fullmatch(group) is None


def new_uid(random: Random) -> str:
    """A random UUID of version 4."""
    text = f"{random.getrandbits(128):032x}"
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


def generate_name(prefix: str, random: Random) -> str:
    """A name made of a prefix, cut to 58 characters, and five random ones."""
    suffix = "".join(random.choices(NAME_LETTERS, k=NAME_SUFFIX_LENGTH))
    return prefix[:GENERATED_BASE_LENGTH] + suffix


def clean_new_metadata(metadata: Metadata, namespace: str) -> Metadata:
    """The metadata of an object to be created without what only the server may set."""
    cleaned = {key: value for key, value in metadata.items() if key not in _SYSTEM_FIELDS}
    cleaned.pop("managedFields", None)
    if cleaned.get("resourceVersion") == "0":
        del cleaned["resourceVersion"]
    if namespace:
        cleaned["namespace"] = namespace
    return cleaned


def without_repeated_owners(obj: Object) -> tuple[Object, tuple[str, ...]]:
    """The object with each owner once, and what its client is told when that was not so."""
    owners = obj["metadata"].get("ownerReferences") or []
    kept = [owner for index, owner in enumerate(owners) if owner not in owners[:index]]
    if len(kept) == len(owners):
        return obj, ()
    repeated = [owner["uid"] for index, owner in enumerate(owners) if owner in owners[:index]]
    return (
        {**obj, "metadata": {**obj["metadata"], "ownerReferences": kept}},
        (f"{_REPEATED_OWNERS}; duplicate UID(s) observed: {', '.join(repeated)}",),
    )


def fill_new_metadata(metadata: Metadata, rules: KindRules, uid: str, now: datetime) -> Metadata:
    """The metadata of a new object with its identity."""
    filled = {**metadata, "uid": uid, "creationTimestamp": format_time(now)}
    if rules.counts_generation:
        filled["generation"] = 1
    return filled


def keep_system_metadata(new: Metadata, old: Object) -> Metadata:
    """The metadata of an update, in which what only the server may set stays as it was."""
    kept = {key: value for key, value in new.items() if key not in ("selfLink", "managedFields")}
    before = old["metadata"]
    if not kept.get("uid"):
        kept["uid"] = before["uid"]
    kept["creationTimestamp"] = before["creationTimestamp"]
    kept["resourceVersion"] = before["resourceVersion"]
    if "generation" in before:
        kept["generation"] = before["generation"]
    else:
        kept.pop("generation", None)
    if "deletionTimestamp" in before:
        kept["deletionTimestamp"] = before["deletionTimestamp"]
    if "deletionGracePeriodSeconds" in before:
        kept.setdefault("deletionGracePeriodSeconds", before["deletionGracePeriodSeconds"])
    return kept

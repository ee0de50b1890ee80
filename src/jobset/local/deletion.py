"""What a delete request does to one object: pure decisions on the object and the options."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from jobset.admission.field_errors import ErrorType, FieldError, invalid, not_supported
from jobset.api.times import format_time, parse_time
from jobset.local.kinds.rules import KindRules

Object: TypeAlias = Mapping[str, Any]

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
JOB_WARNING = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background "
    "to remove them or set propagationPolicy=Orphan to suppress this warning"
)

# compat: ReturnDeletedObject is true for these.
_SHOWN_WHEN_GONE = frozenset(
    {
        ("", "persistentvolumeclaims"),
        ("", "persistentvolumes"),
        ("", "pods"),
        ("", "podtemplates"),
        ("", "resourcequotas"),
        ("", "serviceaccounts"),
        ("", "services"),
        ("storage.k8s.io", "csidrivers"),
        ("storage.k8s.io", "csinodes"),
        ("storage.k8s.io", "storageclasses"),
        ("storage.k8s.io", "volumeattachments"),
        ("storage.k8s.io", "volumeattributesclasses"),
    }
)


class DeleteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a delete; None where the client said nothing."""

    propagation: str | None = None
    orphan_dependents: bool | None = None
    grace_seconds: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    dry_run: bool = False


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the object: `marked` is to be written when it is not None; then it may go at once."""

    marked: Object | None
    goes_now: bool


_POLICIES = ("Foreground", "Background", "Orphan", "nil")


def validate_delete_options(body: Mapping[str, Any]) -> list[FieldError]:
    """Errors of a DeleteOptions object whose types are right."""
    policy = body.get("propagationPolicy")
    errors: list[FieldError] = []
    if policy is not None and body.get("orphanDependents") is not None:
        detail = "orphanDependents and deletionPropagation cannot be both set"
        errors.append(invalid("propagationPolicy", policy, detail))
    elif policy is not None and policy not in _POLICIES[:3]:
        # compat: the supported values stand in upstream's order, which is not sorted.
        shown = ", ".join(f'"{value}"' for value in _POLICIES)
        errors.append(
            FieldError(
                type=ErrorType.NOT_SUPPORTED,
                field="propagationPolicy",
                value=policy,
                detail=f"supported values: {shown}",
            )
        )
    dry_run = body.get("dryRun") or []
    if dry_run and any(value != "All" for value in dry_run):
        errors.append(not_supported("dryRun", list(dry_run), ["All"]))
    return errors


def read_delete_request(body: Mapping[str, Any]) -> DeleteRequest:
    """The options in a valid DeleteOptions object."""
    preconditions = body.get("preconditions") or {}
    return DeleteRequest(
        propagation=body.get("propagationPolicy"),
        orphan_dependents=body.get("orphanDependents"),
        grace_seconds=body.get("gracePeriodSeconds"),
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        dry_run=bool(body.get("dryRun")),
    )


def broken_precondition(obj: Object, request: DeleteRequest) -> str | None:
    """Why the object is not the one that the client meant, or None."""
    uid, version = obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]
    if request.uid is not None and request.uid != uid:
        return (
            f"the UID in the precondition ({request.uid}) does not match the UID in record ({uid}). "
            "The object might have been deleted and then recreated"
        )
    if request.resource_version is not None and request.resource_version != version:
        return (
            f"the ResourceVersion in the precondition ({request.resource_version}) does not match "
            f"the ResourceVersion in record ({version}). The object might have been modified"
        )
    return None


def decide_deletion(obj: Object, rules: KindRules, request: DeleteRequest, now: datetime) -> Deletion:
    """What a delete does to an object that fulfils the preconditions."""
    grace = _grace(obj, rules, request)
    if grace is None:
        return Deletion(marked=None, goes_now=False)
    metadata = dict(obj["metadata"])
    finalizers = _finalizers(metadata.get("finalizers") or [], rules, request)
    _set(metadata, "finalizers", finalizers)
    if rules.is_graceful:
        is_first = "deletionTimestamp" not in metadata
        if is_first or grace < metadata.get("deletionGracePeriodSeconds", 0):
            _mark_gracefully(metadata, grace, now)
        marked = {**obj, "metadata": metadata}
        return Deletion(marked=marked, goes_now=not finalizers and grace == 0)
    if not finalizers:
        # The collector's finalizers go before the object, so that whoever sees its end sees it free of them.
        was_held = bool(obj["metadata"].get("finalizers"))
        return Deletion(marked={**obj, "metadata": metadata} if was_held else None, goes_now=True)
    _mark(metadata, now)
    return Deletion(marked={**obj, "metadata": metadata}, goes_now=False)


def _grace(obj: Object, rules: KindRules, request: DeleteRequest) -> int | None:
    """Seconds until the object may go; None when it is already going and this request changes nothing."""
    wanted = request.grace_seconds
    if wanted is not None and wanted < 0:
        wanted = 1
    if not rules.is_graceful:
        return 0
    pending = obj["metadata"].get("deletionGracePeriodSeconds")
    if "deletionTimestamp" not in obj["metadata"]:
        return rules.grace_seconds(obj, wanted)
    if not pending:
        return 0
    # A grace period can only be made shorter.
    return wanted if wanted is not None and wanted < pending else None


def _mark_gracefully(metadata: dict[str, Any], grace: int, now: datetime) -> None:
    if "deletionTimestamp" in metadata:
        asked_at = parse_time(metadata["deletionTimestamp"]) - timedelta(
            seconds=metadata["deletionGracePeriodSeconds"]
        )
    else:
        asked_at = now
        _count_generation(metadata)
    metadata["deletionTimestamp"] = format_time(asked_at + timedelta(seconds=grace))
    metadata["deletionGracePeriodSeconds"] = grace


def _mark(metadata: dict[str, Any], now: datetime) -> None:
    if "deletionTimestamp" not in metadata:
        _count_generation(metadata)
        metadata["deletionTimestamp"] = format_time(now)
    metadata["deletionGracePeriodSeconds"] = 0


def _count_generation(metadata: dict[str, Any]) -> None:
    if metadata.get("generation", 0) > 0:
        metadata["generation"] += 1


def _finalizers(present: list[str], rules: KindRules, request: DeleteRequest) -> list[str]:
    """The finalizers after the garbage collector's own two were added or taken away as asked."""
    wanted = _collector_finalizer(present, rules, request)
    kept = [name for name in present if name not in (ORPHAN, FOREGROUND)]
    if wanted is not None:
        kept.append(wanted)
    return list(present) if set(kept) == set(present) else kept


def _collector_finalizer(present: list[str], rules: KindRules, request: DeleteRequest) -> str | None:
    if (rules.resource.plural, rules.resource.group) in (("events", ""), ("events", "events.k8s.io")):
        return None
    if request.orphan_dependents is not None:
        return ORPHAN if request.orphan_dependents else None
    if request.propagation is not None:
        return {"Orphan": ORPHAN, "Foreground": FOREGROUND}.get(request.propagation)
    # Nothing was asked now: what an earlier delete asked for stands.
    for name in present:
        if name in (ORPHAN, FOREGROUND):
            return name
    return ORPHAN if orphans_by_default(rules) else None


def orphans_by_default(rules: KindRules) -> bool:
    """Whether a delete without a policy leaves the dependents alone."""
    # compat: batch/v1 Jobs keep the default of their first version.
    return (rules.resource.group, rules.resource.plural) == ("batch", "jobs")


def is_shown_when_gone(rules: KindRules) -> bool:
    """Whether a delete answers with the object that it removed instead of a Status."""
    return (rules.resource.group, rules.resource.plural) in _SHOWN_WHEN_GONE


def warns_of_orphans(rules: KindRules, request: DeleteRequest) -> bool:
    """Whether the answer carries the warning about pods that stay."""
    silent = request.propagation is None and request.orphan_dependents is None
    return silent and orphans_by_default(rules)


def is_finished(new: Object, old: Object) -> bool:
    """Whether this update took the last thing away that a deletion waited for."""
    if "deletionTimestamp" not in old["metadata"] or new["metadata"].get("finalizers"):
        return False
    return not old["metadata"].get("deletionGracePeriodSeconds")


def _set(metadata: dict[str, Any], key: str, value: list[str]) -> None:
    if value:
        metadata[key] = value
    else:
        metadata.pop(key, None)


def without_preconditions(request: DeleteRequest) -> DeleteRequest:
    """The same request for the parts of a collection: preconditions name one object only."""
    return replace(request, uid=None, resource_version=None)

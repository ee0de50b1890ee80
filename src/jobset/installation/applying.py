"""Brings objects to a cluster by server-side apply: first as a plan, which changes nothing, then truly."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from jobset.installation.changes import Action, Change, field_changes
from jobset.installation.objects import place_of, resource_of, title_of
from jobset.kube.client import Client, Object
from jobset.kube.errors import ApiError, Conflict, NotFound
from jobset.kube.resources import NAMESPACES

FIELD_MANAGER = "jobset"
_RELEASE, _RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"


class Refused(Exception):
    """Objects that the API server does not take, or that belong to somebody else; each with its reason."""

    def __init__(self, reasons: Sequence[str], *, only_conflicts: bool = False) -> None:
        super().__init__("\n".join(reasons))
        self.only_conflicts = only_conflicts
        """Whether force would be enough."""


async def plan_changes(client: Client, objects: Sequence[Object], *, force: bool) -> tuple[Change, ...]:
    """What `apply_objects` would do, as the API server itself tells.

    Raises:
        Refused: some would not be taken, are about to go, or Helm has installed them.
        ApiError, TransportError: it cannot be known.
    """
    stored = await asyncio.gather(*(find(client, each) for each in objects))
    refuse_releases(stored)
    refuse_ending(stored)
    absent = {
        it["metadata"]["name"] for it, found in zip(objects, stored, strict=True) if _is_gone(it, found)
    }
    planned = await asyncio.gather(
        *(_plan(client, it, found, absent, force) for it, found in zip(objects, stored, strict=True)),
        return_exceptions=True,
    )
    raise_refusals(objects, planned)
    return tuple(it for it in planned if isinstance(it, Change))


async def apply_objects(
    client: Client, objects: Iterable[Object], applied: Callable[[Object], None], *, force: bool
) -> None:
    """Apply the objects, one after the other; `applied` hears of each.

    Raises:
        ApiError, TransportError: as far as that one they are applied; to apply them again does no harm.
    """
    for each in objects:
        applied(await _apply(client, each, force=force, dry_run=False))


async def find(client: Client, wanted: Object) -> Object | None:
    """An object as it is stored, if it is."""
    try:
        return await client.get(resource_of(wanted), *place_of(wanted))
    except NotFound:
        return None


def refuse_releases(stored: Iterable[Object | None]) -> None:
    """Leave to Helm what it has installed.

    Raises:
        Refused: one of the objects belongs to a release.
    """
    for each in stored:
        notes = (each["metadata"].get("annotations") or {}) if each is not None else {}
        if each is not None and _RELEASE in notes:
            release, namespace = notes[_RELEASE], notes.get(_RELEASE_NAMESPACE, "default")
            whose = f"belongs to the Helm release {release} of namespace {namespace}"
            commands = f"helm -n {namespace} upgrade {release}, or uninstall"
            raise Refused([f"{title_of(each)} {whose}: change or remove it with {commands}"])


def refuse_ending(stored: Iterable[Object | None]) -> None:
    """Put nothing into what is being deleted.

    Raises:
        Refused: one of the objects is.
    """
    ending = [it for it in stored if it is not None and "deletionTimestamp" in it["metadata"]]
    if ending:
        raise Refused([f"{title_of(it)} is being deleted: try again when it is gone" for it in ending])


def raise_refusals(objects: Sequence[Object], answers: Sequence[object]) -> None:
    """Tell all that the API server refused at once.

    Raises:
        Refused: some answers are refusals.
        TransportError: there is no answer about an object.
    """
    errors = [
        (it, each) for it, each in zip(objects, answers, strict=True) if isinstance(each, BaseException)
    ]
    for _, error in errors:
        if not isinstance(error, ApiError):
            raise error
    if errors:
        reasons = [f"{title_of(it)}: {error}" for it, error in errors]
        raise Refused(reasons, only_conflicts=all(isinstance(error, Conflict) for _, error in errors))


async def _plan(
    client: Client, wanted: Object, stored: Object | None, absent: set[str], force: bool
) -> Change:
    title = title_of(wanted)
    if stored is None:
        # Nothing can be tried in a namespace that is not there yet.
        if place_of(wanted)[0] not in absent:
            await _apply(client, wanted, force=force, dry_run=True)
        return Change(title=title, action=Action.CREATE)
    fields = field_changes(stored, await _apply(client, wanted, force=force, dry_run=True))
    return Change(title=title, action=Action.CHANGE if fields else Action.KEEP, fields=fields)


async def _apply(client: Client, wanted: Object, *, force: bool, dry_run: bool) -> Object:
    return await client.apply(
        resource_of(wanted),
        *place_of(wanted),
        wanted,
        manager=FIELD_MANAGER,
        force=force,
        dry_run=dry_run,
    )


def _is_gone(wanted: Object, stored: Object | None) -> bool:
    return stored is None and wanted["kind"] == NAMESPACES.kind

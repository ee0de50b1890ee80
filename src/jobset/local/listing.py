"""The read path of an API server: lists, pages and where a watch begins, from the query of a request."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from jobset.admission.field_errors import FieldError, forbidden, not_supported
from jobset.kube.errors import api_error
from jobset.kube.resources import Resource
from jobset.local import selectors, statuses
from jobset.local.bodies import NotJson, parse_json
from jobset.local.routes import Route
from jobset.local.store import Collection, Predicate, Store, TooOld, collection_key

Object: TypeAlias = Mapping[str, Any]
Query: TypeAlias = Mapping[str, str]

_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results. Continuing with the provided token results in an inconsistent list - objects "
    "that were created, modified, or deleted between the time the first chunk was returned and now may show "
    "up in the list."
)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What a list request reads: all that matches, or a part of it."""

    items: Sequence[Object]
    version: int
    token: str = ""
    remaining: int | None = None


class WatchStart(msgspec.Struct, frozen=True, kw_only=True):
    """Where a watch begins: after `version`, with `initial` objects told first; or why it ends at once."""

    version: int
    initial: Sequence[Object] = ()
    ends_with_bookmark: bool = False
    """A bookmark follows the initial objects."""
    closes_with_bookmark: bool = False
    """A bookmark comes before the end that the client has asked for."""
    error: Mapping[str, Any] | None = None


def predicate_of(query: Query, route: Route) -> Predicate | None:
    """What the selectors of a request let through; None lets everything through.

    Raises:
        BadRequest: a selector cannot be understood.
    """
    try:
        labels = selectors.label_predicate(query.get("labelSelector", ""))
        fields = selectors.field_predicate(query.get("fieldSelector", ""), route.resource)
    except selectors.BadSelector as error:
        raise statuses.bad_request(str(error)) from None
    named = None
    if route.name is not None:
        named = selectors.field_predicate(f"metadata.name={route.name}", route.resource)
    return selectors.both(selectors.both(labels, fields), named)


def read_list(store: Store, route: Route, query: Query) -> Page:
    """The page that a list request asks for.

    Raises:
        ApiError: the options are wrong, or the version is forgotten or not reached.
    """
    errors = _list_errors(query)
    if errors:
        raise statuses.invalid_options("ListOptions", errors)
    predicate = predicate_of(query, route)
    collection = store.collection(collection_key(route.resource))
    whole_number(query, "timeoutSeconds")
    limit = max(whole_number(query, "limit"), 0)
    if query.get("continue"):
        return _next_page(store, collection, route, query, predicate, limit)
    asked = _list_version(query)
    _check_reached(asked, store)
    match = query.get("resourceVersionMatch")
    if asked == 0 and match != "Exact":
        # compat: any version will do, and what the server has at hand comes in one piece.
        limit = 0
    # compat: pages are of the version that is asked for, even when nobody says so.
    exact = match == "Exact" or (match is None and limit > 0)
    version = asked if exact and asked else store.version
    items = _read_at(collection, route.namespace, predicate, version)
    return _cut(items, version, limit, counts=predicate is None)


def read_watch(store: Store, route: Route, query: Query) -> WatchStart:
    """Where the watch of a request begins.

    Raises:
        ApiError: the options are wrong.
    """
    errors = _watch_errors(query)
    if errors:
        raise statuses.invalid_options("ListOptions", errors)
    predicate = predicate_of(query, route)
    text = query.get("resourceVersion", "")
    if text and not _is_number(text):
        raise statuses.internal(_not_a_number(text))
    asked = int(text or "0")
    wants_all = query.get("sendInitialEvents") == "true"
    if wants_all and asked > store.version:
        return WatchStart(version=asked, error=statuses.from_the_future(asked, store.version).status)
    if not wants_all and (asked or query.get("sendInitialEvents") == "false"):
        return WatchStart(version=asked or store.version)
    found = store.collection(collection_key(route.resource)).select(route.namespace, predicate)
    bookmarks = is_asked(query, "allowWatchBookmarks")
    return WatchStart(
        version=store.version,
        initial=found,
        ends_with_bookmark=wants_all and bookmarks,
        closes_with_bookmark=not wants_all and bookmarks,
    )


def render_list(page: Page, resource: Resource, custom: bool) -> dict[str, Any]:
    """The list object of a page."""
    metadata: dict[str, Any] = {"resourceVersion": str(page.version)}
    if page.token or custom:
        # compat: lists of custom resources tell an empty one too.
        metadata["continue"] = page.token
    if page.remaining is not None:
        metadata["remainingItemCount"] = page.remaining
    # compat: items of built-in kinds do not say what they are.
    items = list(page.items) if custom else [_bare(item) for item in page.items]
    return {
        "kind": f"{resource.kind}List",
        "apiVersion": resource.api_version,
        "metadata": metadata,
        "items": items,
    }


def _bare(item: Object) -> dict[str, Any]:
    bare = dict(item)
    bare.pop("kind", None)
    bare.pop("apiVersion", None)
    return bare


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _not_a_number(text: str) -> str:
    return f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'


def _list_version(query: Query) -> int | None:
    text = query.get("resourceVersion", "")
    if text and not _is_number(text):
        raise statuses.bad_request(f"invalid resource version: {_not_a_number(text)}")
    return int(text) if text else None


def _check_reached(version: int | None, store: Store) -> None:
    if version is not None and version > store.version:
        raise statuses.from_the_future(version, store.version)


def whole_number(query: Query, key: str) -> int:
    """The number that a query gives; 0 when it gives none.

    Raises:
        BadRequest: it is no number.
    """
    text = query.get(key) or "0"
    # compat: Python's own int() takes spaces, underscores and the digits of all scripts.
    if not re.fullmatch("[+-]?[0-9]+", text):
        raise statuses.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def is_asked(query: Query, key: str) -> bool:
    """Whether a query says yes."""
    # compat: whatever is neither "0" nor "false".
    return query.get(key, "false").lower() not in ("0", "false")


_MATCH = "resourceVersionMatch"
_NOT_OLDER = "NotOlderThan"


def _list_errors(query: Query) -> list[FieldError]:
    match, version = query.get(_MATCH, ""), query.get("resourceVersion", "")
    errors: list[FieldError] = []
    if query.get("sendInitialEvents"):
        errors.append(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if not match:
        return errors
    if not version:
        errors.append(forbidden(_MATCH, f"{_MATCH} is forbidden unless resourceVersion is provided"))
    if query.get("continue"):
        errors.append(forbidden(_MATCH, f"{_MATCH} is forbidden when continue is provided"))
    if match not in ("Exact", _NOT_OLDER):
        errors.append(not_supported(_MATCH, match, ["Exact", _NOT_OLDER, ""]))
    if match == "Exact" and version == "0":
        errors.append(forbidden(_MATCH, f'{_MATCH} "exact" is forbidden for resourceVersion "0"'))
    return errors


def _watch_errors(query: Query) -> list[FieldError]:
    match, initial = query.get(_MATCH, ""), query.get("sendInitialEvents", "")
    errors: list[FieldError] = []
    if initial and match != _NOT_OLDER:
        errors.append(forbidden(_MATCH, f"sendInitialEvents requires setting {_MATCH} to {_NOT_OLDER}"))
    if match and not initial:
        text = f"{_MATCH} is forbidden for watch unless sendInitialEvents is provided"
        errors.append(forbidden(_MATCH, text))
    if match and match != _NOT_OLDER:
        errors.append(not_supported(_MATCH, match, [_NOT_OLDER]))
    if query.get("continue"):
        errors.append(forbidden(_MATCH, f"{_MATCH} is forbidden when continue is provided"))
    return errors


def _read_at(
    collection: Collection, namespace: str | None, predicate: Predicate | None, version: int
) -> list[Object]:
    """The matching objects as they were at a version that the history still holds."""
    try:
        position = collection.position_after(version)
    except TooOld as error:
        raise api_error(statuses.expired(version, error.oldest)) from None
    later = collection.changes[position - collection.first :]
    if not later:
        return collection.select(namespace, predicate)
    present = {_place(obj): obj for obj in collection.select(None, None)}
    for change in reversed(later):
        place = _place(change.event.object)
        if change.before is None:
            present.pop(place, None)
        else:
            present[place] = change.before
    found = [present[place] for place in sorted(present) if namespace is None or place[0] == namespace]
    return [obj for obj in found if predicate is None or predicate(obj)]


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _cut(items: Sequence[Object], version: int, limit: int, *, counts: bool) -> Page:
    if not limit or len(items) <= limit:
        return Page(items=items, version=version)
    token = _token(version, _place(items[limit - 1]))
    remaining = len(items) - limit if counts else None
    return Page(items=items[:limit], version=version, token=token, remaining=remaining)


def _token(version: int, after: tuple[str, str]) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": "/".join(after) + "\0"})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _next_page(
    store: Store, collection: Collection, route: Route, query: Query, predicate: Predicate | None, limit: int
) -> Page:
    version, after = _read_token(query["continue"])
    if (beside := query.get("resourceVersion", "")) not in ("", "0"):
        raise statuses.bad_request("specifying resource version is not allowed when using continue")
    # A token that was given with an expired answer goes on with what is there now.
    at = store.version if version < 0 else version
    if at < collection.forgotten:
        status = statuses.failure(410, "Expired", _CONTINUE_EXPIRED)
        raise api_error({**status, "metadata": {"continue": _token(-1, after)}})
    items = [item for item in _read_at(collection, route.namespace, predicate, at) if _place(item) > after]
    return _cut(items, at, 0 if beside == "0" else limit, counts=predicate is None)


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    text = b""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        decoded = json.loads(text)
        namespace, _, name = decoded["start"].rstrip("\0").partition("/")
        return int(decoded["rv"]), (namespace, name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"continue key is not valid: {_why_no_key(text, error)}"
        raise statuses.bad_request(f"invalid continue token: {why}") from None


def _why_no_key(text: bytes, error: Exception) -> str:
    try:
        parse_json(text.decode(errors="replace"))
    except NotJson as no_json:
        return str(no_json)
    return f"it holds no place to go on from: {error}"

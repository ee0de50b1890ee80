"""The Kubernetes API in this process: requests in, answers and watches out, each request one atomic step."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from random import Random
from typing import Any, TypeAlias

from jobset.api.gates import FeatureGates
from jobset.api.times import format_time
from jobset.kube.errors import ApiError, NotFound
from jobset.kube.resources import JOBSETS, Resource
from jobset.kube.transport import (
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_MERGE_PATCH,
    Request,
    Response,
    WatchEvent,
)
from jobset.local import bodies, deletion, listing, patch, statuses, subresources
from jobset.local.clock import Clock
from jobset.local.decoding import DELETE_OPTIONS, decode_component
from jobset.local.discovery import discover
from jobset.local.kinds.events import event_in_events_form
from jobset.local.kinds.registry import KINDS
from jobset.local.kinds.rules import KindRules
from jobset.local.merging import merge_schema
from jobset.local.metadata import is_custom, new_uid
from jobset.local.options import read_options
from jobset.local.plugins import Plugin
from jobset.local.priority import PodDefaults
from jobset.local.routes import Route, Router
from jobset.local.store import HISTORY, Store, TooOld, Watch, collection_key
from jobset.local.webhooks import JOBSET_RULES, JobSetAdmission, PodAdmission
from jobset.local.writes import Change, Writer, Written

Object: TypeAlias = Mapping[str, Any]
Kinds: TypeAlias = Mapping[tuple[str, str], KindRules]

FIRST_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
SERVED_KINDS: Kinds = {**KINDS, (JOBSETS.api_version, JOBSETS.kind): JOBSET_RULES}
_BOOKMARK_AFTER = 1000
"""How many changes a watcher may pass over in silence before it is told how far it has come."""


class ApiServer:
    """A Kubernetes API server without a network.

    Bodies that are handed in belong to the server from then on, and objects that come out belong to
    everybody: neither is changed in place. `random` gives uids and name suffixes. `admission` is what
    comes after the server's own plugins; None means JobSet's webhooks.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        random: Random,
        gates: FeatureGates = FeatureGates(),
        kinds: Kinds = SERVED_KINDS,
        admission: Sequence[Plugin] | None = None,
        history: int = HISTORY,
    ) -> None:
        self.store = Store(history=history)
        self._clock = clock
        self._random = random
        self._kinds = kinds
        self._router = Router(kinds)
        webhooks = (JobSetAdmission(gates), PodAdmission()) if admission is None else admission
        self._writer = Writer(self.store, self, (PodDefaults(), *webhooks), clock, random)
        self.load(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in FIRST_NAMESPACES
        )

    def handle(self, request: Request) -> Response:
        """The answer to one request; watches go to `watch`."""
        try:
            return self._dispatch(request)
        except ApiError as error:
            return Response(code=error.code, body=error.status)
        except UnicodeEncodeError:
            # A body that is handed over as an object can hold what no text can: half of a surrogate pair.
            refused = statuses.bad_request("the body holds a character that cannot be written")
            return Response(code=refused.code, body=refused.status)

    def load(self, objects: Iterable[Object]) -> list[Object]:
        """Store objects as they are, without admission; what has no uid, time or namespace gets one.

        For worlds that begin in the middle of a story. Statuses and deletion times are kept.
        """
        return [self._load(obj) for obj in objects]

    def _load(self, obj: Object) -> Object:
        rules = self._kinds[(obj["apiVersion"], obj["kind"])]
        found = {"uid": new_uid(self._random), "creationTimestamp": format_time(self._clock())}
        if rules.resource.namespaced:
            found["namespace"] = "default"
        if rules.resource.kind == "Namespace":
            obj = rules.prepare_create(rules.default(obj))
        return self.store.put(
            collection_key(rules.resource), {**obj, "metadata": {**found, **obj["metadata"]}}
        )

    def read(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object as stored, or None."""
        return self.store.get(collection_key(resource), namespace, name)

    def read_all(self, resource: Resource, namespace: str | None = None) -> Sequence[Object]:
        """The stored objects of a resource, in the order of namespace and name."""
        return self.store.collection(collection_key(resource)).select(namespace, None)

    def _dispatch(self, request: Request) -> Response:
        try:
            route = self._router.find(request.path)
        except NotFound:
            # Questions about the server itself are rare: they come after the resources.
            about_itself = discover(request.path, self._kinds) if request.method == "GET" else None
            if about_itself is None:
                raise
            return about_itself
        if route.subresource is not None and not _is_part(route):
            return self._act(route, request)
        match request.method, route.name:
            case "GET", None:
                if listing.is_asked(request.query, "watch"):
                    # A watch comes in through `watch`; here only its refusals can be answered.
                    listing.read_watch(self.store, route, request.query)
                page = listing.read_list(self.store, route, request.query)
                shown = listing.render_list(page, route.resource, is_custom(route.rules))
                return Response(code=200, body=_shown_list(shown, route.rules))
            case "GET", _:
                return Response(code=200, body=_shown(self._find(route), route.rules))
            case "POST", None:
                body = bodies.read_object(request, route.rules)
                options = read_options(request.query, "CreateOptions")
                return _answer(self._writer.create(route, body, options), route.rules)
            case "PUT", str():
                body = bodies.read_object(request, route.rules)
                options = read_options(request.query, "UpdateOptions")
                return _answer(self._writer.update(route, body, options), route.rules)
            case "PATCH", str():
                return self._patch(route, request)
            case "DELETE", _ if route.subresource is None:
                return self._delete(route, request)
        raise statuses.method_not_allowed()

    def _find(self, route: Route) -> Object:
        found = self.read(route.resource, route.namespace or "", route.name or "")
        if found is None:
            raise statuses.not_found(route.resource, route.name or "")
        return found

    def _patch(self, route: Route, request: Request) -> Response:
        body = bodies.read_patch(request, route.rules)
        options = read_options(request.query, "PatchOptions")
        media_type = request.content_type.partition(";")[0].strip()
        change = _change(media_type, body, route.rules)
        strategic = body if media_type == STRATEGIC_MERGE_PATCH else None
        return _answer(self._writer.patch(route, change, options, strategic), route.rules)

    def _delete(self, route: Route, request: Request) -> Response:
        options = decode_component(
            DELETE_OPTIONS, {**bodies.read_options(request), **_delete_query(request.query)}
        )
        errors = deletion.validate_delete_options(options)
        if errors:
            raise statuses.invalid_options("DeleteOptions", errors)
        wanted = deletion.read_delete_request(options)
        warned = deletion.warns_of_orphans(route.rules, wanted)
        warnings = (deletion.JOB_WARNING,) if warned else ()
        if route.name is None:
            return self._delete_all(route, request, wanted, warnings)
        obj, gone = subresources.delete(self._writer, route, wanted, self._clock())
        if gone and not deletion.is_shown_when_gone(route.rules):
            found = obj["metadata"]
            return Response(
                code=200,
                body=statuses.success(route.resource, found["name"], found["uid"]),
                warnings=warnings,
            )
        return Response(code=200, body=_shown(obj, route.rules), warnings=warnings)

    def _delete_all(
        self, route: Route, request: Request, wanted: deletion.DeleteRequest, warnings: tuple[str, ...]
    ) -> Response:
        page = listing.read_list(self.store, route, request.query)
        for item in page.items:
            found = item["metadata"]
            one = Route(route.rules, found.get("namespace"), found["name"], None)
            self._writer.delete(one, deletion.without_preconditions(wanted))
        shown = listing.render_list(page, route.resource, is_custom(route.rules))
        return Response(code=200, body=_shown_list(shown, route.rules), warnings=warnings)

    def _act(self, route: Route, request: Request) -> Response:
        if not subresources.is_served(route):
            raise statuses.no_such_path()
        if request.method not in ("POST", "PUT"):
            raise statuses.method_not_allowed()
        return subresources.act(self._writer, route, request, self._find(route), self._clock())

    def watch(self, request: Request) -> "Stream":
        """The stream of a watch request.

        Raises:
            ApiError: the watch is refused.
        """
        route = self._router.find(request.path)
        start = listing.read_watch(self.store, route, request.query)
        return Stream(self.store, route, request.query, start)


def _is_part(route: Route) -> bool:
    return route.subresource == "status" and route.rules.has_status


def _answer(written: Written, rules: KindRules) -> Response:
    code = 201 if written.created else 200
    return Response(code=code, body=_shown(written.object, rules), warnings=written.warnings)


def _shown(obj: Object, rules: KindRules) -> Object:
    """A stored object in the form of the API that was asked: both event APIs show one object."""
    return event_in_events_form(obj) if rules.resource.group == "events.k8s.io" else obj


def _shown_list(body: dict[str, Any], rules: KindRules) -> dict[str, Any]:
    if rules.resource.group != "events.k8s.io":
        return body
    shown = []
    for item in body["items"]:
        event = dict(event_in_events_form({**item, "apiVersion": "v1", "kind": "Event"}))
        del event["apiVersion"], event["kind"]
        shown.append(event)
    return {**body, "items": shown}


def _change(media_type: str, body: Any, rules: KindRules) -> Change:
    """What a patch does to an object, in the form of the API that was asked."""

    def change(obj: Object) -> Object:
        shown = _shown(obj, rules)
        try:
            if media_type == JSON_PATCH:
                changed = patch.json_patch(shown, body)
            elif media_type == MERGE_PATCH:
                changed = patch.merge_patch(shown, body)
            else:
                changed = patch.strategic_merge_patch(shown, body, merge_schema(rules.schema))
                # compat: whatever text it names, this kind of patch cannot change the kind.
                texts = (key for key in ("apiVersion", "kind") if isinstance(changed.get(key, ""), str))
                changed |= {key: shown[key] for key in texts}
        except patch.PatchMisfit:
            raise statuses.rejected_patch() from None
        except patch.BadDirective as error:
            raise statuses.bad_request(str(error)) from None
        except patch.BadPatch as error:
            raise statuses.internal(str(error)) from None
        if not isinstance(changed, dict):
            raise statuses.rejected_patch()
        return changed

    return change


def _delete_query(query: Mapping[str, str]) -> dict[str, Any]:
    """Delete options that came in the query instead of the body."""
    found: dict[str, Any] = {}
    if query.get("propagationPolicy"):
        found["propagationPolicy"] = query["propagationPolicy"]
    if query.get("orphanDependents"):
        found["orphanDependents"] = listing.is_asked(query, "orphanDependents")
    if query.get("gracePeriodSeconds"):
        found["gracePeriodSeconds"] = listing.whole_number(query, "gracePeriodSeconds")
    if query.get("dryRun"):
        found["dryRun"] = [query["dryRun"]]
    return found


class Stream:
    """The events of one watch, from its first to the one at which it ends."""

    def __init__(
        self, store: Store, route: Route, query: Mapping[str, str], start: listing.WatchStart
    ) -> None:
        self._store = store
        self._rules = route.rules
        self._start = start
        self._wants_bookmarks = listing.is_asked(query, "allowWatchBookmarks")
        self._seconds = listing.whole_number(query, "timeoutSeconds") or None
        self._watch: Watch | None = None
        self._error = start.error
        if self._error is None:
            self._open(route, listing.predicate_of(query, route))

    def _open(self, route: Route, predicate: Any) -> None:
        collection, version = self._store.collection(collection_key(route.resource)), self._start.version
        try:
            self._watch = Watch(collection, version, route.namespace, predicate)
        except TooOld as error:
            self._error = statuses.expired(version, error.oldest)

    def stop(self) -> None:
        """End the stream; whoever waits for its next event is told so."""
        if self._watch is not None:
            self._watch.stop()

    async def events(self) -> AsyncIterator[WatchEvent]:
        """Every event; ends when the time is over, the reader was too slow, or the stream was stopped."""
        if self._watch is None:
            yield WatchEvent("ERROR", self._error or {})
            return
        for obj in self._start.initial:
            yield WatchEvent("ADDED", _shown(obj, self._rules))
        if self._start.ends_with_bookmark:
            yield self._bookmark({"k8s.io/initial-events-end": "true"})
        loop = asyncio.get_running_loop()
        deadline = None if self._seconds is None else loop.time() + self._seconds
        silent_since = self._store.version
        while (events := self._watch.next_events()) is not None:
            for event in events:
                yield self._as_asked(event)
            if events:
                silent_since = self._store.version
            elif self._wants_bookmarks and self._store.version - silent_since >= _BOOKMARK_AFTER:
                silent_since = self._store.version
                yield self._bookmark(None)
            if deadline is None:
                await self._watch.changed()
                continue
            if loop.time() >= deadline:
                # Where there is always something new, nobody waits below.
                break
            try:
                async with asyncio.timeout_at(deadline):
                    await self._watch.changed()
            except TimeoutError:
                break
        else:
            return
        if self._start.closes_with_bookmark:
            yield self._bookmark(None)

    def _as_asked(self, event: WatchEvent) -> WatchEvent:
        if self._rules.resource.group != "events.k8s.io":
            return event
        return WatchEvent(event.type, event_in_events_form(event.object))

    def _bookmark(self, annotations: Mapping[str, str] | None) -> WatchEvent:
        resource = self._rules.resource
        found: dict[str, Any] = {"resourceVersion": str(self._store.version), "creationTimestamp": None}
        if annotations:
            found["annotations"] = annotations
        return WatchEvent(
            "BOOKMARK", {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": found}
        )


class LocalTransport:
    """Carries requests to an API server in this process.

    Bodies are handed over, not copied: a caller must not change what it has sent. Every call lets other
    tasks run first, as a network would.
    """

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._streams: set[Stream] = set()

    async def send(self, request: Request) -> Response:
        """The answer, whatever its code."""
        await asyncio.sleep(0)
        return self._server.handle(request)

    async def watch(self, request: Request) -> AsyncIterator[WatchEvent]:
        """The events of a watch."""
        await asyncio.sleep(0)
        stream = self._server.watch(request)
        self._streams.add(stream)
        try:
            async for event in stream.events():
                yield event
        finally:
            self._streams.discard(stream)

    async def close(self) -> None:
        """End all watches."""
        for stream in list(self._streams):
            stream.stop()

"""The write path of an API server: create, update, patch, delete, and the parts of an object."""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, TypeAlias

import msgspec

from jobset.admission.field_errors import FieldError, invalid
from jobset.kube.resources import CORE_EVENTS, EVENTS, NAMESPACES, PODS, Resource
from jobset.local import deletion, metadata, plugins, statuses
from jobset.local.clock import Clock
from jobset.local.decoding import Decoded, decode, decode_patched
from jobset.local.deletion import DeleteRequest
from jobset.local.kinds import meta
from jobset.local.kinds.rules import KindRules
from jobset.local.plugins import Plugin, Review
from jobset.local.routes import Route
from jobset.local.store import CollectionKey, Store, collection_key
from jobset.local.write_warnings import warnings_of

Object: TypeAlias = Mapping[str, Any]
Change: TypeAlias = Callable[[Object], Object]
"""From the object as it is to the object as the client wants it."""

_NAME_ATTEMPTS = 8
# compat: AllowUnconditionalUpdate is false for these built-in kinds and for all custom resources.
_ONLY_CONDITIONAL = frozenset(
    {
        ("coordination.k8s.io", "leases"),
        ("policy", "poddisruptionbudgets"),
        ("storage.k8s.io", "csidrivers"),
        ("storage.k8s.io", "csinodes"),
        ("storage.k8s.io", "csistoragecapacities"),
        ("storage.k8s.io", "volumeattachments"),
        ("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
        ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
        ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
        ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
        ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
        ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
    }
)
# compat: AllowCreateOnUpdate is true for these.
_CREATED_BY_UPDATE = frozenset(
    {
        ("coordination.k8s.io", "leases"),
        ("", "events"),
        ("events.k8s.io", "events"),
        ("", "endpoints"),
        ("", "limitranges"),
        ("", "services"),
        ("rbac.authorization.k8s.io", "roles"),
        ("rbac.authorization.k8s.io", "rolebindings"),
        ("rbac.authorization.k8s.io", "clusterroles"),
        ("rbac.authorization.k8s.io", "clusterrolebindings"),
    }
)
# compat: an update of these is checked as a change and as a new object, each time with its metadata.
_CHECKED_TWICE = frozenset(
    {
        ("", "configmaps"),
        ("", "endpoints"),
        ("", "namespaces"),
        ("", "nodes"),
        ("", "persistentvolumeclaims"),
        ("", "persistentvolumes"),
        ("", "pods"),
        ("", "secrets"),
        ("", "serviceaccounts"),
        ("batch", "jobs"),
        ("rbac.authorization.k8s.io", "clusterrolebindings"),
        ("rbac.authorization.k8s.io", "clusterroles"),
        ("rbac.authorization.k8s.io", "rolebindings"),
        ("rbac.authorization.k8s.io", "roles"),
        ("storage.k8s.io", "storageclasses"),
    }
)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the query of a write asks for."""

    dry_run: bool = False
    field_validation: str = "Warn"


class Written(msgspec.Struct, frozen=True):
    """What a write answers."""

    object: Object
    created: bool = False
    warnings: tuple[str, ...] = ()


class Writer:
    """Carries writes out on a store, each as one atomic step."""

    def __init__(
        self, store: Store, world: plugins.World, admission: Sequence[Plugin], clock: Clock, random: Random
    ) -> None:
        self._store = store
        self._world = world
        self._admission = admission
        self._clock = clock
        self._random = random
        self._interested: dict[CollectionKey, tuple[Plugin, ...]] = {}

    def create(self, route: Route, body: Object, options: Options) -> Written:
        """A new object.

        Raises:
            ApiError: it is refused.
        """
        rules, namespace = route.rules, route.namespace or ""
        decoded = decode(body, rules, options.field_validation)
        raw = decoded.object.get("metadata") or {}
        _check_given_namespace(raw, route)
        cleaned = metadata.clean_new_metadata(dict(raw), namespace)
        obj: Object = rules.default({**decoded.object, "metadata": cleaned})
        if namespace:
            self._check_namespace(rules.resource, namespace, cleaned.get("name", ""))
        obj = self._mutate(plugins.CREATE, rules, "", obj, None)
        obj, about_owners = metadata.without_repeated_owners(self._prepare_new(obj, rules))
        errors = [*_meta_errors(obj["metadata"], rules), *rules.validate_create(obj)]
        if errors:
            raise _invalid(rules, obj["metadata"].get("name", ""), errors)
        self._validate(plugins.CREATE, rules, "", obj, None)
        warnings = decoded.warnings + about_owners + warnings_of(obj, rules.resource)
        stored = self._insert(rules.complete(obj), rules, options)
        return Written(stored, created=True, warnings=warnings)

    def _prepare_new(self, obj: Object, rules: KindRules) -> Object:
        filled = metadata.fill_new_metadata(
            dict(obj["metadata"]), rules, metadata.new_uid(self._random), self._clock()
        )
        if not filled.get("name") and filled.get("generateName"):
            filled["name"] = self._free_name(filled, rules)
        return rules.prepare_create({**obj, "metadata": filled})

    def _free_name(self, filled: Mapping[str, Any], rules: KindRules) -> str:
        key, namespace = collection_key(rules.resource), filled.get("namespace", "")
        for _ in range(_NAME_ATTEMPTS):
            name = metadata.generate_name(filled["generateName"], self._random)
            if self._store.get(key, namespace, name) is None:
                break
        return name

    def _insert(self, obj: Object, rules: KindRules, options: Options) -> Object:
        found, key = obj["metadata"], collection_key(rules.resource)
        if found.get("resourceVersion"):
            raise statuses.internal("resourceVersion should not be set on objects to be created")
        if self._store.get(key, found.get("namespace", ""), found["name"]) is not None:
            # compat: who gives a prefix is told so, even when the name is his own.
            refuse = statuses.no_free_name if found.get("generateName") else statuses.already_exists
            raise refuse(rules.resource, found["name"])
        return obj if options.dry_run else self._store.put(key, obj)

    def _check_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        found = self._store.get(("", "namespaces"), "", namespace)
        if found is None:
            raise statuses.not_found(NAMESPACES, namespace)
        if "deletionTimestamp" in found["metadata"]:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise statuses.forbidden(resource, name, why, [cause])

    def update(self, route: Route, body: Object, options: Options) -> Written:
        """PUT: the object becomes what the body says, or its part does when a subresource is named.

        Raises:
            ApiError: it is refused.
        """
        old = self._find(route)
        decoded = decode(body, route.rules, options.field_validation, old)
        raw = decoded.object.get("metadata") or {}
        _check_given_namespace(raw, route)
        _check_identity(raw, route)
        if old is None:
            if route.subresource is None and _key(route) in _CREATED_BY_UPDATE:
                return self.create(route, body, options)
            raise statuses.not_found(route.resource, route.name or "")
        check_uid(raw, old, route)
        self._check_version(raw, old, route)
        return self._replace(route, decoded, old, options)

    def patch(
        self, route: Route, change: Change, options: Options, strategic: Object | None = None
    ) -> Written:
        """PATCH: the object becomes what the change makes of it; `strategic` when such a patch does it.

        Raises:
            ApiError: it is refused.
        """
        old = self._find(route)
        if old is None:
            raise statuses.not_found(route.resource, route.name or "")
        validation = options.field_validation
        decoded = decode_patched(change(old), old, route.rules, validation, strategic)
        # compat: without an apiVersion a patched object is read as an empty one.
        raw = (decoded.object.get("metadata") or {}) if decoded.object.get("apiVersion") else {}
        _check_given_namespace(raw, route)
        _check_identity(raw, route)
        self._check_version(raw, old, route)
        return self._replace(route, decoded, old, options)

    def _find(self, route: Route) -> Object | None:
        return self._store.get(collection_key(route.resource), route.namespace or "", route.name or "")

    def _check_version(self, raw: Mapping[str, Any], old: Object, route: Route) -> None:
        version = raw.get("resourceVersion") or ""
        if version == old["metadata"]["resourceVersion"]:
            return
        if version and not (version.isascii() and version.isdigit()):
            raise statuses.internal(f'strconv.ParseUint: parsing "{version}": invalid syntax')
        if version and int(version):
            raise statuses.conflict(route.resource, route.name or "", statuses.STALE)
        if _key(route) in _ONLY_CONDITIONAL or metadata.is_custom(route.rules):
            error = invalid("metadata.resourceVersion", 0, "must be specified for an update")
            resource = route.resource
            named = Resource(resource.group, resource.version, resource.plural, resource.plural)
            raise statuses.invalid_object(named, route.name or "", [error])

    def _replace(self, route: Route, decoded: Decoded, old: Object, options: Options) -> Written:
        rules = route.rules
        new, about_owners = metadata.without_repeated_owners(_with_metadata(decoded.object, old))
        if route.subresource == "status":
            new = _only_status(new, old, rules)
            new = self._mutate(plugins.UPDATE, rules, "status", new, old)
            new = rules.prepare_status_update(new, old)
            own_errors = rules.validate_status_update(new, old)
        else:
            new = rules.default(new)
            if rules.has_status:
                new = _with(new, "status", old.get("status"))
            new = self._mutate(plugins.UPDATE, rules, "", new, old)
            new = rules.prepare_update(new, old)
            new = _count_generation(new, old, rules)
            own_errors = rules.validate_update(new, old)
        errors = _meta_update_errors(new["metadata"], old["metadata"], rules)
        if route.subresource is None and _key(route) in _CHECKED_TWICE:
            errors += _meta_errors(new["metadata"], rules)
        errors += own_errors
        if errors:
            raise _invalid(rules, route.name or "", errors)
        self._validate(plugins.UPDATE, rules, route.subresource or "", new, old)
        warnings = decoded.warnings + about_owners
        if new.get("spec") is not old.get("spec") and new.get("spec") != old.get("spec"):
            warnings += warnings_of(new, rules.resource)
        return Written(self._overwrite(rules.complete(new), old, rules, options), warnings=warnings)

    def _overwrite(self, new: Object, old: Object, rules: KindRules, options: Options) -> Object:
        key = collection_key(rules.resource)
        if deletion.is_finished(new, old):
            if options.dry_run:
                return new
            gone = self._store.remove(key, old)
            return _with_version(new, gone)
        if new == old:
            return old
        return new if options.dry_run else self._store.put(key, new)

    def delete(self, route: Route, request: DeleteRequest) -> tuple[Object, bool]:
        """The object as it is after the delete, and whether it is gone.

        Raises:
            ApiError: it is not there, or not the one that is meant.
        """
        old = self._find(route)
        if old is None:
            raise statuses.not_found(route.resource, route.name or "")
        why = deletion.broken_precondition(old, request)
        if why is not None:
            # compat: this conflict names the kind where others name the resource.
            resource = route.resource
            named = Resource(resource.group, resource.version, resource.kind, resource.kind)
            raise statuses.conflict(named, old["metadata"]["name"], why)
        return self._carry_out(old, route.rules, request)

    def _carry_out(self, old: Object, rules: KindRules, request: DeleteRequest) -> tuple[Object, bool]:
        key = collection_key(rules.resource)
        verdict = deletion.decide_deletion(old, rules, request, self._clock())
        obj = old
        if verdict.marked is not None and verdict.marked != old:
            obj = verdict.marked if request.dry_run else self._store.put(key, verdict.marked)
        if verdict.goes_now and not request.dry_run:
            obj = self._store.remove(key, obj)
        return obj, verdict.goes_now

    def find(self, route: Route) -> Object:
        """The object of a route.

        Raises:
            NotFound: there is none.
        """
        found = self._find(route)
        if found is None:
            raise statuses.not_found(route.resource, route.name or "")
        return found

    def put(self, rules: KindRules, obj: Object) -> Object:
        """Store an object as it is, without admission: for parts of the server that have judged it."""
        return self._store.put(collection_key(rules.resource), obj)

    def remove(self, rules: KindRules, obj: Object) -> Object:
        """Remove an object without further questions."""
        return self._store.remove(collection_key(rules.resource), obj)

    def _plugins(self, rules: KindRules) -> tuple[Plugin, ...]:
        key = (rules.resource.group, rules.resource.plural)
        found = self._interested.get(key)
        if found is None:
            found = self._interested[key] = tuple(p for p in self._admission if key in p.resources)
        return found

    def _mutate(
        self, operation: str, rules: KindRules, subresource: str, obj: Object, old: Object | None
    ) -> Object:
        for plugin in self._plugins(rules):
            obj = plugin.mutate(self._review(operation, rules, subresource, obj, old))
        return obj

    def _validate(
        self, operation: str, rules: KindRules, subresource: str, obj: Object, old: Object | None
    ) -> None:
        for plugin in self._plugins(rules):
            plugin.validate(self._review(operation, rules, subresource, obj, old))

    def _review(
        self, operation: str, rules: KindRules, subresource: str, obj: Object, old: Object | None
    ) -> Review:
        return Review(
            operation=operation,
            resource=rules.resource,
            subresource=subresource,
            object=obj,
            old=old,
            world=self._world,
        )


def check_uid(given: Mapping[str, Any], old: Object, route: Route) -> None:
    """Returns when metadata names no uid or that of the object.

    Raises:
        Conflict: it names another.
    """
    uid = given.get("uid")
    if uid and uid != old["metadata"]["uid"]:
        place = "/".join(part for part in (route.resource.plural, route.namespace, route.name) if part)
        why = (
            f"StorageError: invalid object, Code: 4, Key: /registry/{place}, ResourceVersion: 0, "
            f"AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, "
            f"UID in object meta: {old['metadata']['uid']}"
        )
        raise statuses.conflict(route.resource, route.name or "", why)


def _key(route: Route) -> tuple[str, str]:
    return route.resource.group, route.resource.plural


def _check_given_namespace(raw: Mapping[str, Any], route: Route) -> None:
    if raw.get("namespace") not in (None, "", route.namespace or ""):
        raise statuses.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def _check_identity(raw: Mapping[str, Any], route: Route) -> None:
    name = raw.get("name", "")
    if not name:
        why = "name must be provided"
        raise statuses.bad_request(
            f"the name of the object ({route.name} based on URL) was undeterminable: {why}"
        )
    if name != route.name:
        raise statuses.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({route.name})"
        )


def _with_metadata(new: Object, old: Object) -> Object:
    given = dict(new.get("metadata") or {})
    if "namespace" in old["metadata"]:
        given["namespace"] = given.get("namespace") or old["metadata"]["namespace"]
    return {**new, "metadata": metadata.keep_system_metadata(given, old)}


def _with(obj: Object, key: str, value: Any) -> Object:
    if value is None:
        return {k: v for k, v in obj.items() if k != key} if key in obj else obj
    return {**obj, key: value}


def _only_status(new: Object, old: Object, rules: KindRules) -> Object:
    """The old object with the new status; built-in kinds take new labels, annotations and so on as well."""
    changed = {**old, "metadata": old["metadata"] if metadata.is_custom(rules) else new["metadata"]}
    if rules.resource == PODS:
        # compat: kubelets of old wrote owner references that broke garbage collection.
        changed["metadata"] = _with(
            changed["metadata"], "ownerReferences", old["metadata"].get("ownerReferences")
        )
    return _with(changed, "status", new.get("status"))


def _count_generation(new: Object, old: Object, rules: KindRules) -> Object:
    if not rules.counts_generation or not _has_new_spec(new, old, rules):
        return new
    generation = old["metadata"].get("generation", 0) + 1
    return {**new, "metadata": {**new["metadata"], "generation": generation}}


def _has_new_spec(new: Object, old: Object, rules: KindRules) -> bool:
    if not metadata.is_custom(rules):
        return bool(new.get("spec") != old.get("spec"))
    # compat: a custom resource with a status counts every change outside of metadata and status.
    apart = ("metadata", "status") if rules.has_status else ("metadata",)
    return {k: v for k, v in new.items() if k not in apart} != {
        k: v for k, v in old.items() if k not in apart
    }


def _invalid(rules: KindRules, name: str, errors: Sequence[FieldError]) -> Exception:
    # compat: both event APIs refuse in the name of the core kind, in which they are stored.
    resource = CORE_EVENTS if rules.resource.plural == EVENTS.plural else rules.resource
    return statuses.invalid_object(resource, name, errors)


def _with_version(obj: Object, other: Object) -> Object:
    version = other["metadata"]["resourceVersion"]
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": version}}


def _meta_errors(found: Mapping[str, Any], rules: KindRules) -> list[FieldError]:
    return meta.validate_meta_create(
        found, rules.resource.namespaced, rules.validate_name, custom=metadata.is_custom(rules)
    )


def _meta_update_errors(new: Mapping[str, Any], old: Mapping[str, Any], rules: KindRules) -> list[FieldError]:
    # compat: the registry checks the change itself before the kind does it again, so causes come twice.
    changes = meta.validate_meta_update(new, old, rules.resource.namespaced, rules.validate_name, custom=True)
    custom = metadata.is_custom(rules)
    return changes + meta.validate_meta_update(
        new, old, rules.resource.namespaced, rules.validate_name, custom=custom
    )

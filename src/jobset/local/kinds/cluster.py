"""Namespaces, Nodes, Leases, PriorityClasses: defaults, preparation and validation."""

from collections.abc import Mapping
from typing import Any

from jobset.admission.field_errors import FieldError, duplicate, forbidden, invalid, not_supported, required
from jobset.local.kinds import formats
from jobset.local.kinds.checks import Problems, ip_address, quantity, quantity_of
from jobset.local.kinds.meta import STANDARD_FINALIZERS
from jobset.local.kinds.pods.priority import SYSTEM_PRIORITIES
from jobset.local.kinds.resource_lists import canonical_list
from jobset.local.kinds.sharing import changed, filled, keep_status

Struct = Mapping[str, Any]

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
HIGHEST_USER_PRIORITY = 1_000_000_000
_NODE_INFO = dict.fromkeys(
    (
        "architecture",
        "bootID",
        "containerRuntimeVersion",
        "kernelVersion",
        "kubeProxyVersion",
        "kubeletVersion",
        "machineID",
        "operatingSystem",
        "osImage",
        "systemUUID",
    ),
    "",
)
_TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def default_namespace(namespace: Struct) -> Struct:
    """A namespace with the label of its name."""
    meta = namespace.get("metadata") or {}
    labels = meta.get("labels") or {}
    if not meta.get("name") or labels.get(NAMESPACE_LABEL) == meta["name"]:
        return namespace
    return {**namespace, "metadata": {**meta, "labels": {**labels, NAMESPACE_LABEL: meta["name"]}}}


def prepare_namespace_create(namespace: Struct) -> Struct:
    """A new namespace: active, with the finalizer that lets it empty itself."""
    spec = namespace.get("spec") or {}
    finalizers = list(spec.get("finalizers") or ())
    if "kubernetes" not in finalizers:
        finalizers.append("kubernetes")
    return {**namespace, "spec": {**spec, "finalizers": finalizers}, "status": {"phase": "Active"}}


def validate_namespace(namespace: Struct) -> list[FieldError]:
    """Every problem of a namespace beside its metadata."""
    words = "name is neither a standard finalizer name nor is it fully qualified"
    return [
        invalid("spec.finalizers", finalizer, words)
        for finalizer in (namespace.get("spec") or {}).get("finalizers") or ()
        if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS
    ]


def prepare_namespace_update(new: Struct, old: Struct) -> Struct:
    """A changed namespace; its own finalizers and status stay."""
    return keep_status({**new, "spec": old.get("spec") or {}}, old)


def default_node(node: Struct) -> Struct:
    """A node whose allocatable resources are its capacity when not given."""
    status = changed(node.get("status") or {}, {"capacity": canonical_list, "allocatable": canonical_list})
    if status.get("capacity"):
        status = filled(status, {"allocatable": status["capacity"]})
    status = filled(status, {"daemonEndpoints": {"kubeletEndpoint": {"Port": 0}}, "nodeInfo": _NODE_INFO})
    return filled({**node, "status": status}, {"spec": {}})


def prepare_node_update(new: Struct, old: Struct) -> Struct:
    """A changed node; its status stays."""
    return keep_status(new, old)


def validate_node(node: Struct) -> list[FieldError]:
    """Every problem of a node beside its metadata."""
    return list(_node(node))


def validate_node_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed node."""
    return [*_node(new), *_node_changes(new, old)]


def validate_lease(lease: Struct) -> list[FieldError]:
    """Every problem of a lease beside its metadata."""
    return list(_lease(lease.get("spec") or {}))


def default_priority_class(priority_class: Struct) -> Struct:
    """A PriorityClass with its preemption policy and value."""
    return filled(priority_class, {"preemptionPolicy": "PreemptLowerPriority", "value": 0})


def validate_priority_class(priority_class: Struct) -> list[FieldError]:
    """Every problem of a PriorityClass beside its metadata."""
    return list(_priority_class(priority_class))


def validate_priority_class_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed PriorityClass: value and preemption policy stay."""
    errors = []
    if (new.get("value") or 0) != (old.get("value") or 0):
        errors.append(forbidden("value", "may not be changed in an update."))
    if new.get("preemptionPolicy") != old.get("preemptionPolicy"):
        errors.append(invalid("preemptionPolicy", new.get("preemptionPolicy"), "field is immutable"))
    return errors


def _node(node: Struct) -> Problems:
    spec, status = node.get("spec") or {}, node.get("status") or {}
    yield from _taints(spec.get("taints") or (), "spec.taints")
    for index, cidr in enumerate(spec.get("podCIDRs") or ()):
        yield from ip_address(f"spec.podCIDRs[{index}]", str(cidr).partition("/")[0])
    for kind in ("capacity", "allocatable"):
        for name, amount in sorted((status.get(kind) or {}).items()):
            path = f"status.{kind}[{name}]"
            yield from quantity(path, amount)
            if (number := quantity_of(amount)) and number.nano < 0:
                yield invalid(path, amount, "must be greater than or equal to 0")


def _taints(taints: Any, path: str) -> Problems:
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(taints):
        here = f"{path}[{index}]"
        key, effect = taint.get("key") or "", taint.get("effect") or ""
        for problem in formats.qualified_name(key):
            yield invalid(f"{here}.key", key, problem)
        for problem in formats.label_value(taint.get("value") or ""):
            yield invalid(f"{here}.value", taint.get("value"), problem)
        if not effect:
            yield required(f"{here}.effect")
        elif effect not in _TAINT_EFFECTS:
            yield not_supported(f"{here}.effect", effect, _TAINT_EFFECTS)
        if (key, effect) in seen:
            yield duplicate(here, taint)
        seen.add((key, effect))


def _node_changes(new: Struct, old: Struct) -> Problems:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    if before.get("providerID") and spec.get("providerID") != before["providerID"]:
        yield forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid')


def _lease(spec: Struct) -> Problems:
    duration = spec.get("leaseDurationSeconds")
    if duration is not None and duration <= 0:
        yield invalid("spec.leaseDurationSeconds", duration, "must be greater than 0")
    transitions = spec.get("leaseTransitions")
    if transitions is not None and transitions < 0:
        yield invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0")
    if spec.get("strategy") == "":
        yield invalid("spec.strategy", "", "must not be empty")
    if spec.get("preferredHolder") and not spec.get("strategy"):
        yield forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined")


def _priority_class(priority_class: Struct) -> Problems:
    name = priority_class["metadata"].get("name") or ""
    value = priority_class.get("value") or 0
    if name.startswith("system-"):
        if SYSTEM_PRIORITIES.get(name) != value:
            reason = "priority class names with 'system-' prefix are reserved for system use only"
            yield forbidden("metadata.name", f"{reason}. error: {name} is not a known system priority class")
    elif value > HIGHEST_USER_PRIORITY:
        yield forbidden(
            "value",
            f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}",
        )
    if priority_class.get("preemptionPolicy") not in ("PreemptLowerPriority", "Never"):
        yield not_supported(
            "preemptionPolicy",
            priority_class.get("preemptionPolicy"),
            ("PreemptLowerPriority", "Never"),
        )

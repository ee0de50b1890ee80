"""What may change about a pod that exists."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobset.admission.field_errors import FieldError, forbidden, invalid, required
from jobset.local.kinds.checks import (
    Problems,
    dns_subdomain,
    in_range,
    ip_address,
    is_empty,
    qualified_name,
)
from jobset.local.kinds.pods.affinity import REQUIRED
from jobset.local.kinds.pods.go_text import pod_spec_difference
from jobset.local.kinds.pods.resources import claim_names
from jobset.local.kinds.pods.scheduling import check_tolerations
from jobset.local.kinds.pods.validation import MAX_INT32, check_pod_always, check_pod_annotations
from jobset.local.kinds.sharing import without

Struct = Mapping[str, Any]

_CHANGEABLE = (
    "`spec.containers[*].image`",
    "`spec.initContainers[*].image`",
    "`spec.activeDeadlineSeconds`",
    "`spec.tolerations` (only additions to existing tolerations)",
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
)
_CONTAINER_LISTS = ("containers", "initContainers")
_ONLY_ADDED_NODES = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
_ONLY_ADDED = "only additions are allowed (no mutations or deletions)"
_SAME_TERMS = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"


def validate_pod_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed pod beside its metadata."""
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    errors = [*check_pod_annotations(new), *check_pod_always(spec)]
    if spec == before:
        return errors
    for kind in _CONTAINER_LISTS:
        if len(spec.get(kind) or ()) != len(before.get(kind) or ()):
            return [*errors, forbidden(f"spec.{kind}", "pod updates may not add or remove containers")]
        errors += _images(spec.get(kind) or (), f"spec.{kind}")
    deadline = list(_deadline(spec.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds")))
    errors += deadline
    if deadline and spec.get("activeDeadlineSeconds") is not None:
        return errors
    errors += _tolerations(spec.get("tolerations") or (), before.get("tolerations") or ())
    errors += _gates(spec.get("schedulingGates") or (), before.get("schedulingGates") or ())
    errors += _the_rest(spec, before)
    return errors


def validate_pod_status_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed status of a pod."""
    status, before = new.get("status") or {}, old.get("status") or {}
    spec = old.get("spec") or {}
    errors: list[FieldError] = []
    if (old_node := spec.get("nodeName")) != (node := (new.get("spec") or {}).get("nodeName")):
        errors.append(forbidden("status.nodeName", f"may not be changed directly ({old_node} to {node})"))
    for field in ("containerStatuses", "initContainerStatuses"):
        errors += _transitions(status.get(field) or (), before.get(field) or (), spec, f"status.{field}")
    return [*errors, *_addresses(status), *_status(status, before, spec)]


def _addresses(status: Struct) -> Problems:
    addresses = [address.get("ip") or "" for address in status.get("podIPs") or ()]
    for index, address in enumerate(addresses):
        yield from ip_address(f"status.podIPs[{index}]", address)
    if len(addresses) > len({":" in address for address in addresses}):
        listed = [{"IP": address} for address in addresses]
        yield invalid("status.podIPs", listed, "may specify no more than one IP for each IP family")


def _status(status: Struct, before: Struct, spec: Struct) -> Problems:
    if (node := status.get("nominatedNodeName")) and node != before.get("nominatedNodeName"):
        yield from dns_subdomain("status.nominatedNodeName", node)
        if spec.get("nodeName"):
            words = "may not be set on pods that are already bound to a node"
            yield forbidden("status.nominatedNodeName", words)
    for index, condition in enumerate(status.get("conditions") or ()):
        yield from qualified_name(f"status.conditions[{index}].Type", condition.get("type") or "")
    if (generation := status.get("observedGeneration") or 0) < 0:
        yield invalid("status.observedGeneration", generation, "must be a non-negative integer")
    if before.get("qosClass") not in (None, qos := status.get("qosClass")):
        yield invalid("status.qosClass", qos, "field is immutable")
    for index, claim in enumerate(status.get("resourceClaimStatuses") or ()):
        if claim.get("name") not in claim_names(spec):
            words = "must match the name of an entry in `spec.resourceClaims`"
            yield invalid(f"status.resourceClaimStatuses[{index}].name", claim.get("name") or "", words)


def _images(containers: Sequence[Struct], path: str) -> Problems:
    for index, container in enumerate(containers):
        image = container.get("image") or ""
        if not image:
            yield required(f"{path}[{index}].image")
        if image.strip() != image:
            words = "must not have leading or trailing whitespace"
            yield invalid(f"{path}[{index}].image", image, words)


def _deadline(new: int | None, old: int | None) -> Problems:
    here = "spec.activeDeadlineSeconds"
    if new is None:
        if old is not None:
            yield invalid(here, None, "must not update from a positive integer to nil value")
        return
    problems = list(in_range(here, new, 0, MAX_INT32))
    yield from problems
    if not problems and old is not None and old < new:
        yield invalid(here, new, "must be less than or equal to previous value")


def _tolerations(new: Sequence[Struct], old: Sequence[Struct]) -> Problems:
    kept = [without(toleration, "tolerationSeconds") for toleration in new]
    for toleration in old:
        if without(toleration, "tolerationSeconds") not in kept:
            words = "existing toleration can not be modified except its tolerationSeconds"
            yield forbidden("spec.tolerations", words)
            return
    yield from check_tolerations(new, "spec.tolerations")


def _gates(new: Sequence[Struct], old: Sequence[Struct]) -> Problems:
    known = {gate.get("name") for gate in old}
    for index, gate in enumerate(new):
        if gate.get("name") not in known:
            words = f"only deletion is allowed, but found new scheduling gate '{gate.get('name')}'"
            yield forbidden(f"spec.schedulingGates[{index}].name", words)


def _the_rest(spec: Struct, before: Struct) -> Problems:
    """What is neither changeable nor judged above must be as it was."""
    munged = dict(spec)
    for field in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        _take(munged, before, field)
    for kind in _CONTAINER_LISTS:
        if kind in munged:
            pairs = zip(munged[kind], before[kind], strict=True)
            munged[kind] = [{**one, "image": other.get("image")} for one, other in pairs]
    if (before.get("terminationGracePeriodSeconds") or 0) < 0 and spec.get(
        "terminationGracePeriodSeconds"
    ) == 1:
        _take(munged, before, "terminationGracePeriodSeconds")
    if before.get("schedulingGates"):
        yield from _while_gated(munged, before)
    if _dense(munged) != _dense(before):
        difference = pod_spec_difference(before, munged)
        listed = ",".join(_CHANGEABLE)
        yield forbidden("spec", f"pod updates may not change fields other than {listed}\n{difference}")


def _while_gated(munged: dict[str, Any], before: Struct) -> Problems:
    wanted, old = munged.get("nodeSelector") or {}, before.get("nodeSelector") or {}
    if any(wanted.get(key) != value for key, value in old.items()):
        yield invalid("spec.nodeSelector", wanted or None, _ONLY_ADDED_NODES)
    _take(munged, before, "nodeSelector")
    new_affinity, old_affinity = munged.get("affinity") or {}, before.get("affinity") or {}
    nodes, old_nodes = new_affinity.get("nodeAffinity"), old_affinity.get("nodeAffinity")
    if nodes != old_nodes:
        yield from _narrowed(nodes, old_nodes, "spec.affinity.nodeAffinity")
        pods = without(new_affinity, "nodeAffinity")
        if pods == without(old_affinity, "nodeAffinity"):
            _take(munged, before, "affinity")


def _narrowed(new: Struct | None, old: Struct | None, path: str) -> Problems:
    terms = (((old or {}).get(REQUIRED)) or {}).get("nodeSelectorTerms") or []
    if not terms:
        return
    wanted = (((new or {}).get(REQUIRED)) or {}).get("nodeSelectorTerms") or []
    here = f"{path}.{REQUIRED}.nodeSelectorTerms"
    if len(wanted) != len(terms):
        yield invalid(here, wanted or None, _SAME_TERMS)
        return
    for index, (term, before) in enumerate(zip(wanted, terms, strict=True)):
        parts = ("matchExpressions", "matchFields")
        if any(
            (term.get(part) or [])[: len(before.get(part) or [])] != (before.get(part) or [])
            for part in parts
        ):
            yield invalid(f"{here}[{index}]", term, _ONLY_ADDED)


def _take(munged: dict[str, Any], before: Struct, field: str) -> None:
    munged.pop(field, None)
    if field in before:
        munged[field] = before[field]


def _dense(spec: Struct) -> Struct:
    # compat: an empty map is as good as none, an empty struct is not.
    return {
        key: value
        for key, value in spec.items()
        if not is_empty(value) or (value == {} and key not in ("nodeSelector", "overhead"))
    }


def _transitions(new: Sequence[Struct], old: Sequence[Struct], spec: Struct, path: str) -> Problems:
    """A container that ended for good does not come back."""
    if spec.get("restartPolicy") == "Always":
        return
    restartable = {
        container.get("name")
        for kind in _CONTAINER_LISTS
        for container in spec.get(kind) or ()
        if container.get("restartPolicy") or container.get("restartPolicyRules")
    }
    ended = {
        status.get("name"): (status.get("state") or {})["terminated"]
        for status in old
        if (status.get("state") or {}).get("terminated")
    }
    for index, status in enumerate(new):
        last = ended.get(status.get("name"))
        if last is None or status.get("name") in restartable:
            continue
        # With OnFailure a failed container may start again.
        if last.get("exitCode") != 0 and spec.get("restartPolicy") == "OnFailure":
            continue
        if not (status.get("state") or {}).get("terminated"):
            yield forbidden(f"{path}[{index}].state", "may not be transitioned to non-terminated state")

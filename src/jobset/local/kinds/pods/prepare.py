"""What a server does to pods on the way in, beside defaults: first status, merged selectors, kept status."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobset.local.kinds.pods.qos import qos_class
from jobset.local.kinds.sharing import changed, each, keep_all_but_status, keep_status

Struct = Mapping[str, Any]

_GATED = "Scheduling is blocked due to non-empty scheduling gates"


def prepare_pod_create(pod: Struct) -> Struct:
    """A new pod with its first status."""
    spec = _with_account_for_tokens(pod.get("spec") or {})
    spec = _merge_label_keys(spec, pod["metadata"].get("labels") or {})
    status: dict[str, Any] = {"phase": "Pending", "qosClass": qos_class(spec)}
    if spec.get("schedulingGates"):
        status["conditions"] = [_gated_condition(pod["metadata"].get("creationTimestamp"))]
    return {**pod, "spec": spec, "status": status}


def prepare_pod_update(new: Struct, old: Struct) -> Struct:
    """A changed pod; status and what admission had computed stay."""
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    computed = {
        key: before[key]
        for key in ("priority", "preemptionPolicy")
        if spec.get(key) is None and before.get(key) is not None
    }
    return keep_status({**new, "spec": {**spec, **computed}} if computed else new, old)


def prepare_pod_status_update(new: Struct, old: Struct) -> Struct:
    """A changed status; spec, owners and deletion stay as they are, and the IPs agree."""
    merged = keep_all_but_status(new, old)
    status = merged.get("status") or {}
    before = (old.get("status") or {}).get("qosClass")
    if not status.get("qosClass") and before:
        status = {**status, "qosClass": before}
    status = _same_ips(status)
    return {**merged, "status": changed(status, {"conditions": each(_condition)})}


def grace_seconds(pod: Struct, requested: int | None) -> int:
    """How long a deleted pod may take to stop; 0 when nothing can be running."""
    spec = pod.get("spec") or {}
    own = spec.get("terminationGracePeriodSeconds", 30)
    seconds = int(own if requested is None else requested)
    if not spec.get("nodeName") or (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
        return 0
    return 1 if seconds < 0 else seconds


def _gated_condition(now: Any) -> Struct:
    return {
        "lastProbeTime": None,
        "lastTransitionTime": now,
        "message": _GATED,
        "reason": "SchedulingGated",
        "status": "False",
        "type": "PodScheduled",
    }


def _condition(condition: Struct) -> Struct:
    # compat: these times have no omitempty, so that an absent one is written as null.
    missing = {key: None for key in ("lastProbeTime", "lastTransitionTime") if key not in condition}
    return {**missing, **condition} if missing else condition


def _same_ips(status: Struct) -> Struct:
    # compat: the single address is the first of the list; who writes one of them gets both.
    address, addresses = status.get("podIP"), status.get("podIPs")
    if address and (not addresses or addresses[0].get("ip") != address):
        return {**status, "podIPs": [{"ip": address}]}
    if addresses and not address:
        return {**status, "podIP": addresses[0].get("ip")}
    return status


def _with_account_for_tokens(spec: Struct) -> Struct:
    """The pod with the account `default` when it asks for a token of an account and names none.

    compat: admission of service accounts does that for every pod, where it is switched on.
    """
    projections = (volume.get("projected") or {} for volume in spec.get("volumes") or ())
    asks = any(
        source.get("serviceAccountToken") for found in projections for source in found.get("sources") or ()
    )
    if not asks or spec.get("serviceAccountName"):
        return spec
    return {**spec, "serviceAccountName": "default", "serviceAccount": "default"}


def _merge_label_keys(spec: Struct, labels: Mapping[str, str]) -> Struct:
    """Fold matchLabelKeys of affinity terms and spread constraints into their selectors."""
    if not spec.get("affinity") and not spec.get("topologySpreadConstraints"):
        return spec
    terms = each(lambda term: _merge_term(term, labels))
    weighted = each(lambda term: changed(term, {"podAffinityTerm": lambda t: _merge_term(t, labels)}))
    lists = {
        "requiredDuringSchedulingIgnoredDuringExecution": terms,
        "preferredDuringSchedulingIgnoredDuringExecution": weighted,
    }
    sides = {key: (lambda side: changed(side, lists)) for key in ("podAffinity", "podAntiAffinity")}
    return changed(
        spec,
        {
            "affinity": lambda affinity: changed(affinity, sides),
            "topologySpreadConstraints": each(lambda constraint: _merge_term(constraint, labels)),
        },
    )


def _merge_term(term: Struct, labels: Mapping[str, str]) -> Struct:
    selector = term.get("labelSelector")
    if selector is None:
        return term
    extra = [
        *_requirements(term.get("matchLabelKeys") or (), "In", labels),
        *_requirements(term.get("mismatchLabelKeys") or (), "NotIn", labels),
    ]
    if not extra:
        return term
    expressions = [*(selector.get("matchExpressions") or ()), *extra]
    return {**term, "labelSelector": {**selector, "matchExpressions": expressions}}


def _requirements(keys: Sequence[str], operator: str, labels: Mapping[str, str]) -> list[Struct]:
    return [{"key": key, "operator": operator, "values": [labels[key]]} for key in keys if key in labels]

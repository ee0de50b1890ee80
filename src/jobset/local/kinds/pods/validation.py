"""Which pods and pod templates a server takes."""

import re
from collections.abc import Mapping
from typing import Any

from jobset.admission.field_errors import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)
from jobset.local.kinds.checks import Problems, dns_label, dns_subdomain, in_range, one_of
from jobset.local.kinds.meta import validate_annotations, validate_labels
from jobset.local.kinds.pods import network
from jobset.local.kinds.pods.affinity import check_affinity
from jobset.local.kinds.pods.containers import (
    PodFacts,
    check_containers,
    check_ephemeral_containers,
    check_init_containers,
)
from jobset.local.kinds.pods.resources import check_pod_resources, check_resources, claim_names
from jobset.local.kinds.pods.scheduling import (
    check_gates,
    check_readiness_gates,
    check_spread_constraints,
    check_tolerations,
)
from jobset.local.kinds.pods.security import check_pod_security
from jobset.local.kinds.pods.volumes import check_volumes

Struct = Mapping[str, Any]

MAX_INT32 = 2**31 - 1
_MIRROR = "kubernetes.io/config.mirror"
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_RESTART_POLICIES = ("Always", "OnFailure", "Never")


def validate_pod(pod: Struct) -> list[FieldError]:
    """Every problem of a new pod beside its metadata."""
    spec = pod.get("spec") or {}
    return [*check_pod_annotations(pod), *check_pod_always(spec), *_create_only(spec)]


def validate_pod_template(template: Struct, path: str) -> list[FieldError]:
    """Every problem of a pod template that has its defaults."""
    meta, spec = template.get("metadata") or {}, template.get("spec") or {}
    # compat: the server's paths leave `metadata` out here.
    errors = [
        *validate_labels(meta.get("labels"), f"{path}.labels"),
        *validate_annotations(meta.get("annotations"), f"{path}.annotations"),
        *check_pod_spec(spec, f"{path}.spec"),
    ]
    if spec.get("ephemeralContainers"):
        words = "ephemeral containers not allowed in pod template"
        errors.append(forbidden(f"{path}.spec.ephemeralContainers", words))
    return errors


def check_pod_annotations(pod: Struct) -> Problems:
    """The annotations that mean something to the server itself."""
    for key, value in sorted(((pod.get("metadata") or {}).get("annotations") or {}).items()):
        here = f"metadata.annotations[{key}]"
        if key == _MIRROR and not (pod.get("spec") or {}).get("nodeName"):
            yield invalid(here, value, "must set spec.nodeName if mirror pod annotation is set")
        if key == _DELETION_COST and not _is_whole_number(value):
            yield invalid(here, value, "must be a 32bit integer")


def _is_whole_number(text: str) -> bool:
    # compat: the server's check knows neither a plus sign nor leading zeros.
    return re.fullmatch("-?(0|[1-9][0-9]*)", text) is not None and -MAX_INT32 - 1 <= int(text) <= MAX_INT32


def check_pod_always(spec: Struct) -> Problems:
    """What holds for the spec of pods on create and update, beyond that of templates."""
    yield from check_pod_spec(spec, "spec")
    if not spec.get("serviceAccountName"):
        yield from _tokens_without_account(spec)
    for kind in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(kind) or ()):
            image = container.get("image") or ""
            if image.strip() != image:
                words = "must not have leading or trailing whitespace"
                yield invalid(f"spec.{kind}[{index}].image", image, words)


def check_pod_spec(spec: Struct, path: str) -> Problems:
    """Every rule about the spec of a pod, in the server's order."""
    if spec.get("terminationGracePeriodSeconds") is None:
        yield required(f"{path}.terminationGracePeriodSeconds")
    errors, sound_volumes = check_volumes(spec.get("volumes") or (), f"{path}.volumes")
    yield from errors
    yield from _resource_claims(spec, f"{path}.resourceClaims")
    yield from _all_containers(spec, path, _facts(spec, sound_volumes))
    yield from check_pod_resources(spec, f"{path}.resources")
    yield from network.check_host_network(spec, path)
    yield from _restart_policy(spec, f"{path}.restartPolicy")
    yield from network.check_dns_policy(spec.get("dnsPolicy"), f"{path}.dnsPolicy")
    yield from validate_labels(spec.get("nodeSelector"), f"{path}.nodeSelector")
    yield from check_pod_security(spec.get("securityContext"), spec, path)
    yield from check_affinity(spec.get("affinity"), f"{path}.affinity")
    yield from network.check_dns_config(spec.get("dnsConfig"), spec.get("dnsPolicy"), f"{path}.dnsConfig")
    yield from check_readiness_gates(spec.get("readinessGates") or (), f"{path}.readinessGates")
    yield from check_gates(spec.get("schedulingGates") or (), f"{path}.schedulingGates")
    constraints = spec.get("topologySpreadConstraints") or ()
    yield from check_spread_constraints(constraints, f"{path}.topologySpreadConstraints")
    yield from _host_users(spec, path)
    yield from _dns_names(spec, path, ("serviceAccountName", "nodeName"))
    if (deadline := spec.get("activeDeadlineSeconds")) is not None:
        yield from in_range(f"{path}.activeDeadlineSeconds", deadline, 1, MAX_INT32)
    yield from network.check_host_names(spec, path)
    yield from check_tolerations(spec.get("tolerations") or (), f"{path}.tolerations")
    yield from network.check_host_aliases(spec, f"{path}.hostAliases")
    yield from _dns_names(spec, path, ("priorityClassName", "runtimeClassName"))
    if (policy := spec.get("preemptionPolicy")) is not None:
        yield from one_of(f"{path}.preemptionPolicy", policy, ("PreemptLowerPriority", "Never"))
    if overhead := spec.get("overhead"):
        yield from check_resources({"limits": overhead}, f"{path}.overhead")
    yield from _operating_system(spec, path)


def _facts(spec: Struct, volumes: Mapping[str, Struct]) -> PodFacts:
    return PodFacts(
        volumes=volumes,
        grace=spec.get("terminationGracePeriodSeconds") or 0,
        restart_policy=spec.get("restartPolicy") or "",
        host_users=spec.get("hostUsers") is not False,
        claims=claim_names(spec),
    )


def _all_containers(spec: Struct, path: str, facts: PodFacts) -> Problems:
    main, init = spec.get("containers") or (), spec.get("initContainers") or ()
    yield from check_containers(main, f"{path}.containers", facts)
    yield from check_init_containers(init, f"{path}.initContainers", facts, main)
    ephemeral = spec.get("ephemeralContainers") or ()
    yield from check_ephemeral_containers(ephemeral, f"{path}.ephemeralContainers", facts, [*main, *init])


def _create_only(spec: Struct) -> Problems:
    if spec.get("ephemeralContainers"):
        yield forbidden("spec.ephemeralContainers", "cannot be set on create")
    if spec.get("nodeName") and spec.get("schedulingGates"):
        yield forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")


def _tokens_without_account(spec: Struct) -> Problems:
    for index, volume in enumerate(spec.get("volumes") or ()):
        for place, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
            if source.get("serviceAccountToken") is not None:
                here = f"spec.volumes[{index}].projected.sources[{place}].serviceAccountToken"
                yield forbidden(here, "must not be specified when serviceAccountName is not set")


def _resource_claims(spec: Struct, path: str) -> Problems:
    seen: set[str] = set()
    for index, claim in enumerate(spec.get("resourceClaims") or ()):
        here = f"{path}[{index}]"
        name = claim.get("name") or ""
        if not name:
            yield required(f"{here}.name")
        elif name in seen:
            yield duplicate(f"{here}.name", name)
        else:
            yield from dns_label(f"{here}.name", name)
        seen.add(name)
        given = [key for key in ("resourceClaimName", "resourceClaimTemplateName") if claim.get(key)]
        if len(given) == 2:
            words = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            yield invalid(here, dict(claim), words)
        elif not given:
            words = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            yield invalid(here, dict(claim), words)
        for key in given:
            yield from dns_subdomain(f"{here}.{key}", claim[key])


def _restart_policy(spec: Struct, path: str) -> Problems:
    policy = spec.get("restartPolicy")
    if not policy:
        yield required(path)
    elif policy not in _RESTART_POLICIES:
        yield not_supported(path, policy, _RESTART_POLICIES)


def _host_users(spec: Struct, path: str) -> Problems:
    if spec.get("hostUsers") is not False:
        return
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield forbidden(f"{path}.{field}", "when `hostUsers` is false")


def _dns_names(spec: Struct, path: str, fields: tuple[str, ...]) -> Problems:
    for field in fields:
        if spec.get(field):
            yield from dns_subdomain(f"{path}.{field}", spec[field])


def _operating_system(spec: Struct, path: str) -> Problems:
    system = spec.get("os")
    if system is None:
        return
    name = system.get("name") or ""
    if not name:
        yield required(f"{path}.os.name")
    elif name not in ("linux", "windows"):
        yield not_supported(f"{path}.os", name, ("linux", "windows"))
    elif name == "linux" and (spec.get("securityContext") or {}).get("windowsOptions"):
        words = "windows options cannot be set for a linux pod"
        yield forbidden(f"{path}.securityContext.windowsOptions", words)

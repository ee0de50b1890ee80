"""What a server fills into pods and pod templates."""

from collections.abc import Mapping
from typing import Any

from jobset.local.kinds.pods.images import image_pull_policy
from jobset.local.kinds.pods.pod_resources import with_pod_requests
from jobset.local.kinds.pods.tolerations import with_default_tolerations
from jobset.local.kinds.pods.volume_defaults import default_volume
from jobset.local.kinds.resource_lists import canonical_quantity, rounded_list, rounded_requirements
from jobset.local.kinds.sharing import Change, changed, each, filled

Struct = Mapping[str, Any]

_POD_SPEC = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
}
_NO_PRIORITY_CLASS = {"priority": 0, "preemptionPolicy": "PreemptLowerPriority"}
_CONTAINER = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_PROBE = {"failureThreshold": 3, "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1}


def default_pod(pod: Struct) -> Struct:
    """A pod with every default; templates get those of `default_pod_spec` only."""
    spec = default_pod_spec(pod.get("spec") or {})
    spec = filled(spec, {"enableServiceLinks": True})
    for key in ("containers", "initContainers"):
        spec = changed(spec, {key: each(_request_what_is_limited)})
    spec = with_pod_requests(spec)
    if spec.get("hostNetwork"):
        ports = {"ports": each(_host_port)}
        for key in ("containers", "initContainers"):
            spec = changed(spec, {key: each(lambda container: changed(container, ports))})
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        spec = {**spec, "terminationGracePeriodSeconds": 1}
    if not spec.get("priorityClassName"):
        spec = filled(spec, _NO_PRIORITY_CLASS)
    spec = with_default_tolerations(spec)
    return pod if spec is pod.get("spec") else {**pod, "spec": spec}


def default_pod_template(template: Struct) -> Struct:
    """A pod template with the defaults that a server gives it."""
    spec = default_pod_spec(template.get("spec") or {})
    return template if spec is template.get("spec") else {**template, "spec": spec}


def default_pod_spec(spec: Struct) -> Struct:
    """A pod spec with the defaults that pods and templates share."""
    return changed(_same_names(filled(spec, _POD_SPEC)), _IN_POD_SPEC)


def _same_names(spec: Struct) -> Struct:
    # compat: serviceAccount is the old name of serviceAccountName; a server writes both.
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if not name or (spec.get("serviceAccountName") == name == spec.get("serviceAccount")):
        return spec
    return {**spec, "serviceAccount": name, "serviceAccountName": name}


def _container(container: Struct) -> Struct:
    container = filled(container, _CONTAINER)
    if not container.get("imagePullPolicy"):
        policy = image_pull_policy(container.get("image") or "")
        container = {**container, "imagePullPolicy": policy}
    return changed(container, _IN_CONTAINER)


def _probe(probe: Struct) -> Struct:
    missing = {key: value for key, value in _PROBE.items() if not probe.get(key)}
    return changed({**probe, **missing} if missing else probe, _IN_HANDLER)


def _http_get(action: Struct) -> Struct:
    return filled(action, {"path": "/", "scheme": "HTTP"})


def _grpc(action: Struct) -> Struct:
    return action if action.get("service") is not None else {**action, "service": ""}


def _lifecycle(lifecycle: Struct) -> Struct:
    return changed(lifecycle, {"postStart": _handler, "preStop": _handler})


def _handler(handler: Struct) -> Struct:
    return changed(handler, _IN_HANDLER)


def _port(port: Struct) -> Struct:
    return filled(port, {"protocol": "TCP"})


def _host_port(port: Struct) -> Struct:
    return port if port.get("hostPort") else {**port, "hostPort": port.get("containerPort")}


def _env_var(variable: Struct) -> Struct:
    return changed(variable, {"valueFrom": _env_source})


def _env_source(source: Struct) -> Struct:
    return changed(source, _IN_ENV_SOURCE)


def _resource_ref(reference: Struct) -> Struct:
    return changed(filled(reference, {"divisor": "0"}), {"divisor": canonical_quantity})


def _request_what_is_limited(container: Struct) -> Struct:
    return changed(container, {"resources": _requests_from_limits})


def _requests_from_limits(resources: Struct) -> Struct:
    limits = resources.get("limits")
    if limits is None:
        return resources
    requests = resources.get("requests") or {}
    if all(name in requests for name in limits):
        return resources
    return {**resources, "requests": {**limits, **requests}}


_IN_HANDLER: Mapping[str, Change] = {"httpGet": _http_get, "grpc": _grpc}
_IN_ENV_SOURCE: Mapping[str, Change] = {
    "fieldRef": lambda reference: filled(reference, {"apiVersion": "v1"}),
    "resourceFieldRef": _resource_ref,
    "fileKeyRef": lambda reference: (
        reference if reference.get("optional") is not None else {**reference, "optional": False}
    ),
}
_IN_CONTAINER: Mapping[str, Change] = {
    "ports": each(_port),
    "env": each(_env_var),
    "resources": rounded_requirements,
    "livenessProbe": _probe,
    "readinessProbe": _probe,
    "startupProbe": _probe,
    "lifecycle": _lifecycle,
}
_IN_POD_SPEC: Mapping[str, Change] = {
    "containers": each(_container),
    "initContainers": each(_container),
    "ephemeralContainers": each(_container),
    "volumes": each(default_volume),
    "resources": rounded_requirements,
    "overhead": rounded_list,
}

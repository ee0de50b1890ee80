"""What the schemas do not tell of the API server's Go types: their names, and which fields are pointers.

A pointer keeps a zero value that somebody wrote (`suspend: false`); a plain field drops it.
"""

from collections.abc import Mapping
from typing import Any

from jobset.admission import schemas

_PLAIN_NUMBERS = frozenset(
    {
        "initialDelaySeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
        "hostPort",
        "generation",
        "observedGeneration",
        "active",
        "succeeded",
        "failed",
        "nodePort",
        "healthCheckNodePort",
        "count",
        "signal",
        "minReadySeconds",
        "readyReplicas",
        "updatedReplicas",
        "availableReplicas",
        "currentReplicas",
        "fullyLabeledReplicas",
        "unavailableReplicas",
        "partition",
        "iscsiPartition",
    }
)
_PLAIN_BOOLEANS = frozenset(
    {
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "stdin",
        "stdinOnce",
        "tty",
        "readOnly",
        "publishNotReadyAddresses",
        "unschedulable",
        "paused",
        "globalDefault",
        "chapAuthDiscovery",
        "chapAuthSession",
        "sslEnabled",
        "fsGroupChangePolicy",
    }
)
_POINTER_STRINGS = frozenset(
    {
        "storageClassName",
        "runtimeClassName",
        "preemptionPolicy",
        "managedBy",
        "volumeMode",
        "containerName",
        "holderIdentity",
        "loadBalancerClass",
        "trafficDistribution",
        "appProtocol",
        "apiGroup",
        "ingressClassName",
        "hostnameOverride",
        "volumeAttributesClassName",
        "succeededIndexes",
        "failedIndexes",
        "propagationPolicy",
        "localhostProfile",
        "procMount",
        "ipFamilyPolicy",
        "strategy",
        "preferredHolder",
        "clusterName",
    }
)
_PLAIN_BY_STRUCT = frozenset({("Probe", "timeoutSeconds")})
_POINTERS_BY_STRUCT = frozenset(
    {("EndpointPort", "name"), ("Endpoint", "nodeName"), ("Endpoint", "hostname")}
)

_STRINGS = {
    ("PodSpec", "restartPolicy"): "v1.RestartPolicy",
    ("PodSpec", "dnsPolicy"): "v1.DNSPolicy",
    ("PodSpec", "preemptionPolicy"): "v1.PreemptionPolicy",
    ("PriorityClass", "preemptionPolicy"): "v1.PreemptionPolicy",
    ("Container", "imagePullPolicy"): "v1.PullPolicy",
    ("Container", "restartPolicy"): "v1.ContainerRestartPolicy",
    ("Container", "terminationMessagePolicy"): "v1.TerminationMessagePolicy",
    ("ContainerPort", "protocol"): "v1.Protocol",
    ("ServicePort", "protocol"): "v1.Protocol",
    ("ServiceSpec", "type"): "v1.ServiceType",
    ("ServiceSpec", "sessionAffinity"): "v1.ServiceAffinity",
    ("JobSpec", "completionMode"): "v1.CompletionMode",
    ("JobSpec", "podReplacementPolicy"): "v1.PodReplacementPolicy",
    ("PodFailurePolicyRule", "action"): "v1.PodFailurePolicyAction",
    ("PodFailurePolicyOnExitCodesRequirement", "operator"): "v1.PodFailurePolicyOnExitCodesOperator",
    ("ObjectMeta", "uid"): "types.UID",
    ("OwnerReference", "uid"): "types.UID",
    ("ObjectReference", "uid"): "types.UID",
    ("Toleration", "effect"): "v1.TaintEffect",
    ("Toleration", "operator"): "v1.TolerationOperator",
    ("Taint", "effect"): "v1.TaintEffect",
    ("NodeSelectorRequirement", "operator"): "v1.NodeSelectorOperator",
    ("LabelSelectorRequirement", "operator"): "v1.LabelSelectorOperator",
    ("PodStatus", "phase"): "v1.PodPhase",
    ("PodStatus", "qosClass"): "v1.PodQOSClass",
    ("PersistentVolumeClaimStatus", "phase"): "v1.PersistentVolumeClaimPhase",
    ("PersistentVolumeSpec", "accessModes"): "v1.PersistentVolumeAccessMode",
    ("EndpointSlice", "addressType"): "v1.AddressType",
    ("PodCondition", "type"): "v1.PodConditionType",
    ("PodCondition", "status"): "v1.ConditionStatus",
    ("JobCondition", "type"): "v1.JobConditionType",
    ("JobCondition", "status"): "v1.ConditionStatus",
    ("Secret", "type"): "v1.SecretType",
    ("EmptyDirVolumeSource", "medium"): "v1.StorageMedium",
    ("HostPathVolumeSource", "type"): "v1.HostPathType",
    ("HTTPGetAction", "scheme"): "v1.URIScheme",
    ("TopologySpreadConstraint", "whenUnsatisfiable"): "v1.UnsatisfiableConstraintAction",
    ("PersistentVolumeClaimSpec", "accessModes"): "v1.PersistentVolumeAccessMode",
    ("PersistentVolumeClaimSpec", "volumeMode"): "v1.PersistentVolumeMode",
    ("NamespaceSpec", "finalizers"): "v1.FinalizerName",
}
_PLAIN_LISTS = {"PodFailurePolicy": ("rules",), "ProjectedVolumeSource": ("sources",)}
_LOCAL = "LocalObjectReference"
_REFERENCE = {"name": _LOCAL}
_EMBEDDED: Mapping[str, Mapping[str, str]] = {
    "Probe": dict.fromkeys(("exec", "httpGet", "tcpSocket", "grpc"), "ProbeHandler"),
    **dict.fromkeys(("ConfigMapKeySelector", "SecretKeySelector"), _REFERENCE),
    **dict.fromkeys(("ConfigMapEnvSource", "SecretEnvSource"), _REFERENCE),
    **dict.fromkeys(("ConfigMapVolumeSource", "ConfigMapProjection", "SecretProjection"), _REFERENCE),
}
_EMBEDDED_BUT = {
    "Volume": ("VolumeSource", ("name",)),
    "EphemeralContainer": ("EphemeralContainerCommon", ("targetContainerName",)),
}
_PLAIN_TIMES = {
    "PodCondition": ("lastProbeTime", "lastTransitionTime"),
    "JobCondition": ("lastProbeTime", "lastTransitionTime"),
    "NodeCondition": ("lastHeartbeatTime", "lastTransitionTime"),
    "PersistentVolumeClaimCondition": ("lastProbeTime", "lastTransitionTime"),
    "NamespaceCondition": ("lastTransitionTime",),
    "Condition": ("lastTransitionTime",),
    "ContainerStateRunning": ("startedAt",),
    "ContainerStateTerminated": ("startedAt", "finishedAt"),
    "Event": ("eventTime",),
}
_EVENT_TIMES = {
    "io.k8s.api.core.v1.Event": ("firstTimestamp", "lastTimestamp"),
    "io.k8s.api.events.v1.Event": ("deprecatedFirstTimestamp", "deprecatedLastTimestamp"),
}


def short_name(component: str) -> str:
    """The Go name of a component: `io.k8s.api.core.v1.Pod` is `Pod`."""
    return component.rpartition(".")[2]


def written_as_null(component: str) -> tuple[str, ...]:
    """The times and lists of a component that are written as null when they are not set."""
    short = short_name(component)
    return _PLAIN_TIMES.get(short, ()) + _PLAIN_LISTS.get(short, ()) + _EVENT_TIMES.get(component, ())


def is_written_empty(struct: str, key: str, field: Mapping[str, Any]) -> bool:
    """Whether a text, number or boolean without a pointer is written when it is zero."""
    return "default" in field and _LOCAL not in (struct, embedded(struct, key))


def embedded(struct: str, key: str) -> str | None:
    """The embedded Go struct that a field of another struct comes from, if any."""
    if struct in _EMBEDDED_BUT:
        name, own = _EMBEDDED_BUT[struct]
        return None if key in own else name
    return _EMBEDDED.get(struct, {}).get(key)


def is_pointer(struct: str, key: str, field: Mapping[str, Any]) -> bool:
    """Whether a scalar field keeps a zero value."""
    if (struct, key) in _PLAIN_BY_STRUCT:
        return False
    match field.get("type"):
        case "integer" | "number":
            return key not in _PLAIN_NUMBERS
        case "boolean":
            return key not in _PLAIN_BOOLEANS
        case "string":
            return key in _POINTER_STRINGS or (struct, key) in _POINTERS_BY_STRUCT
        case _:
            return False


def type_of(struct: str, key: str, field: Mapping[str, Any]) -> str:
    """The Go type of a field as the decoder names it."""
    target = schemas.reference(field)
    if target is not None:
        return f"v1.{short_name(target)}"
    match field.get("type"):
        case "string" if field.get("format") == "byte":
            return "[]uint8"
        case "string":
            return _STRINGS.get((struct, key), "string")
        case "integer":
            return str(field.get("format", "int64"))
        case "number":
            return "float64"
        case "boolean":
            return "bool"
        case "array":
            return f"[]{type_of(struct, key, field['items'])}"
        case "object" if "additionalProperties" in field:
            values = type_of(struct, key, field["additionalProperties"])
            return "v1.ResourceList" if values == "v1.Quantity" else f"map[string]{values}"
        case _:
            return "map[string]interface {}"

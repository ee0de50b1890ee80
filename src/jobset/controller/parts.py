"""Which part of each object the controllers read; the rest is neither decoded nor kept.

Labels and annotations are spelled out key by key: a pod of a training job may carry kilobytes of them.
"""

from collections.abc import Mapping
from typing import Any, TypedDict

from jobset.api import keys
from jobset.kube.cache import Part, controller_of
from jobset.kube.client import INITIAL_EVENTS_END, Object
from jobset.kube.resources import JOBSETS

Raw = dict[str, Any]


class _Owner(TypedDict, total=False):
    apiVersion: str
    kind: str
    name: str
    uid: str
    controller: bool


class _Metadata(TypedDict, total=False):
    name: str
    namespace: str
    uid: str
    resourceVersion: str
    deletionTimestamp: str
    ownerReferences: list[_Owner]


def _texts(*names: str) -> Any:
    """A mapping of which these keys are read."""
    return TypedDict("Texts", dict.fromkeys(names, str), total=False)  # type: ignore[operator]


_OnlyBookmarks = _texts(INITIAL_EVENTS_END)


class _JobMetadata(_Metadata, total=False):
    labels: _texts(  # type: ignore[valid-type]
        keys.REPLICATED_JOB_NAME, keys.RESTART_ATTEMPT, keys.JOB_INDEX, keys.JOB_RESTART_ATTEMPT
    )
    annotations: _OnlyBookmarks  # type: ignore[valid-type]
    finalizers: list[str]


class _PodTemplateSpec(TypedDict, total=False):
    nodeSelector: dict[str, str]
    tolerations: list[Raw]
    schedulingGates: list[Raw]


class _PodTemplate(TypedDict, total=False):
    spec: _PodTemplateSpec


class _JobSpec(TypedDict, total=False):
    suspend: bool
    parallelism: int
    completions: int
    template: _PodTemplate


class _Condition(TypedDict, total=False):
    type: str
    status: str
    reason: str
    message: str
    lastTransitionTime: str


class _JobStatus(TypedDict, total=False):
    conditions: list[_Condition]
    startTime: str
    active: int
    ready: int
    succeeded: int


class _Job(TypedDict, total=False):
    kind: str
    metadata: _JobMetadata
    spec: _JobSpec
    status: _JobStatus


class _InPlaceMetadata(_Metadata, total=False):
    labels: _texts(keys.JOBSET_NAME)  # type: ignore[valid-type]
    annotations: _texts(keys.IN_PLACE_RESTART_ATTEMPT, INITIAL_EVENTS_END)  # type: ignore[valid-type]


class _ContainerStatus(TypedDict, total=False):
    restartCount: int


class _InPlaceStatus(TypedDict, total=False):
    phase: str
    containerStatuses: list[_ContainerStatus]
    initContainerStatuses: list[_ContainerStatus]


class _InPlacePod(TypedDict, total=False):
    metadata: _InPlaceMetadata
    status: _InPlaceStatus


class _ExclusiveMetadata(_Metadata, total=False):
    labels: _texts(keys.JOB_KEY)  # type: ignore[valid-type]
    annotations: _texts(  # type: ignore[valid-type]
        keys.EXCLUSIVE_TOPOLOGY, keys.NODE_SELECTOR, keys.JOB_COMPLETION_INDEX, INITIAL_EVENTS_END
    )


class _ExclusiveSpec(TypedDict, total=False):
    nodeName: str
    nodeSelector: dict[str, str]


class _Verdict(TypedDict, total=False):
    type: str
    status: str


class _ExclusiveStatus(TypedDict, total=False):
    phase: str
    conditions: list[_Verdict]


class _ExclusivePod(TypedDict, total=False):
    metadata: _ExclusiveMetadata
    spec: _ExclusiveSpec
    status: _ExclusiveStatus


class _NamedMetadata(_Metadata, total=False):
    annotations: _OnlyBookmarks  # type: ignore[valid-type]


class _Named(TypedDict, total=False):
    metadata: _NamedMetadata


class _NodeMetadata(_Metadata, total=False):
    labels: dict[str, str]
    annotations: _OnlyBookmarks  # type: ignore[valid-type]


class _Node(TypedDict, total=False):
    metadata: _NodeMetadata


class _ReviewedMetadata(TypedDict, total=False):
    name: str
    namespace: str
    labels: dict[str, str] | None
    annotations: dict[str, str] | None
    ownerReferences: list[_Owner] | None


class _Terms(TypedDict, total=False):
    requiredDuringSchedulingIgnoredDuringExecution: list[Any] | None


class _Affinity(TypedDict, total=False):
    podAffinity: _Terms | None
    podAntiAffinity: _Terms | None


class _ReviewedSpec(TypedDict, total=False):
    priority: int | None
    nodeName: str
    nodeSelector: dict[str, str] | None
    affinity: _Affinity | None


class _ReviewedPod(TypedDict, total=False):
    metadata: _ReviewedMetadata
    spec: _ReviewedSpec


def _without_managed_fields(jobset: Object) -> Object:
    """Who wrote which field is a quarter of a JobSet, and nothing that we decide by."""
    metadata = jobset["metadata"]
    if "managedFields" not in metadata:
        return jobset
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    return {**jobset, "metadata": kept}


def _child_job(job: Object) -> Object | None:
    """Jobs of JobSets; of their pod templates what a resume merges, which only suspended Jobs need."""
    if not is_of_jobset(job):
        return None
    spec: Mapping[str, Any] = job.get("spec") or {}
    if spec.get("suspend") or "template" not in spec:
        return job
    return {**job, "spec": {key: value for key, value in spec.items() if key != "template"}}


def is_of_jobset(child: Object) -> bool:
    """Whether the controller owner of an object is a JobSet, of whatever version."""
    owner = controller_of(child)
    return (
        owner is not None
        and owner.get("kind") == JOBSETS.kind
        and owner.get("apiVersion", "").startswith(f"{JOBSETS.group}/")
    )


def _exclusive_pod(pod: Object) -> Object | None:
    return pod if keys.EXCLUSIVE_TOPOLOGY in (pod["metadata"].get("annotations") or {}) else None


JOBSET_PART = Part(trim=_without_managed_fields)
JOB_PART = Part(shape=_Job, trim=_child_job)
SERVICE_PART = Part(shape=_Named, metadata_only=True)
CLAIM_PART = Part(shape=_Named, metadata_only=True)
IN_PLACE_POD_PART = Part(shape=_InPlacePod)
EXCLUSIVE_POD_PART = Part(shape=_ExclusivePod, trim=_exclusive_pod)
NODE_PART = Part(shape=_Node, metadata_only=True)
REVIEWED_POD = _ReviewedPod

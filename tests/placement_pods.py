"""Pods, Jobs and nodes of exclusive placement, as its tests make and read them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobset.api import keys

RACK = "example.com/rack"
NAMESPACE = "default"


@dataclass(kw_only=True)
class JobModel:
    """A child Job; its uid is another one when it is made anew under its name."""

    number: int
    pods: int
    priority: int
    attempt: int = 0
    succeeded: set[int] = field(default_factory=set)

    @property
    def uid(self) -> str:
        return f"job-{self.number}-{self.attempt}"

    @property
    def is_led(self) -> bool:
        """Whether there is a leader to follow: one that has succeeded has no successor."""
        return 0 not in self.succeeded


def a_pod(job: JobModel, index: int, suffix: str) -> dict[str, Any]:
    """A pod as the Job controller asks for it."""
    told = {keys.JOBSET_NAME: "js", keys.REPLICATED_JOB_NAME: "w", keys.JOB_INDEX: str(job.number)}
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": f"js-w-{job.number}"}
    metadata = {
        "name": f"js-w-{job.number}-{index}-{suffix}",
        "namespace": NAMESPACE,
        "labels": {**told, keys.JOB_KEY: f"key-{job.number}"},
        "annotations": {**told, keys.EXCLUSIVE_TOPOLOGY: RACK, keys.JOB_COMPLETION_INDEX: str(index)},
        "ownerReferences": [owner | {"uid": job.uid, "controller": True}],
    }
    spec = {"priority": job.priority, "containers": [{"name": "c", "image": "x"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def bystanders(node: str) -> list[dict[str, Any]]:
    """Leader and follower of Jobs that the managers must leave alone: they follow nobody, in no domain."""
    strategies = {"chosen": {keys.EXCLUSIVE_TOPOLOGY: RACK, keys.NODE_SELECTOR: "true"}, "plain": {}}
    return [
        _bystander(name, index, annotations, node)
        for name, annotations in strategies.items()
        for index in range(2)
    ]


def _bystander(name: str, index: int, annotations: Mapping[str, str], node: str) -> dict[str, Any]:
    pod = a_pod(JobModel(number=9, pods=2, priority=0), index, name)
    metadata = pod["metadata"]
    metadata["annotations"] = {keys.JOBSET_NAME: "js", keys.JOB_COMPLETION_INDEX: str(index), **annotations}
    return {**pod, "spec": {"nodeName": node, "containers": pod["spec"]["containers"]}}


def name_of(obj: Any) -> str:
    return str(obj["metadata"]["name"])


def uid_of(obj: Any) -> str:
    return str(obj["metadata"]["uid"])


def annotations_of(pod: Any) -> Mapping[str, str]:
    return pod["metadata"].get("annotations") or {}


def owner_of(pod: Any) -> str:
    """The uid of the Job."""
    return next((owner["uid"] for owner in pod["metadata"].get("ownerReferences", ())), "")


def job_key_of(pod: Any) -> str:
    """What is the same for all Jobs that ever had its name."""
    return str(pod["metadata"]["labels"][keys.JOB_KEY])


def index_of(pod: Any) -> int:
    return int(annotations_of(pod)[keys.JOB_COMPLETION_INDEX])


def node_of(pod: Any) -> str:
    """The name of its node, empty when it has none."""
    return str(pod["spec"].get("nodeName", ""))


def selected(pod: Any) -> str | None:
    """The domain that a pod asks for."""
    return (pod["spec"].get("nodeSelector") or {}).get(RACK)


def domain_of(node: Any) -> str | None:
    return (node["metadata"].get("labels") or {}).get(RACK)


def is_leader(pod: Any) -> bool:
    return annotations_of(pod).get(keys.JOB_COMPLETION_INDEX) == "0"


def is_terminating(pod: Any) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def is_finished(pod: Any) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def is_alive(pod: Any) -> bool:
    return not is_terminating(pod) and not is_finished(pod)


def leads_others(pod: Any) -> bool:
    return is_leader(pod) and is_alive(pod) and bool(node_of(pod))


def is_marked(pod: Any) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(found["type"] == "DisruptionTarget" and found["status"] == "True" for found in conditions)

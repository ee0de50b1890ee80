"""A JobSet as typed, frozen data: metadata, spec and status.

Templates of Jobs, pods and claims are carried as the raw mappings that the user wrote.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from jobset.api.status import JobSetStatus

Raw: TypeAlias = dict[str, Any]
"""JSON of a foreign object; read, never changed."""


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """A wire type: camelCase names, unknown fields ignored."""


class StartupOrder(StrEnum):
    """`spec.startupPolicy.startupPolicyOrder`."""

    ANY_ORDER = "AnyOrder"
    IN_ORDER = "InOrder"


class DependencyStatus(StrEnum):
    """What a dependency must have reached."""

    READY = "Ready"
    COMPLETE = "Complete"


class RestartStrategy(StrEnum):
    """`spec.failurePolicy.restartStrategy`."""

    RECREATE = "Recreate"
    BLOCKING_RECREATE = "BlockingRecreate"
    IN_PLACE_RESTART = "InPlaceRestart"


class FailureAction(StrEnum):
    """What a failure policy rule does."""

    FAIL_JOBSET = "FailJobSet"
    RESTART_JOBSET = "RestartJobSet"
    RESTART_JOBSET_AND_IGNORE_MAX_RESTARTS = "RestartJobSetAndIgnoreMaxRestarts"
    RESTART_JOB = "RestartJob"
    RESTART_JOB_AND_IGNORE_MAX_RESTARTS = "RestartJobAndIgnoreMaxRestarts"


class Operator(StrEnum):
    """`spec.successPolicy.operator`."""

    ALL = "All"
    ANY = "Any"


class DependsOn(_Wire, frozen=True):
    """One replicated job that must be `status` before the dependent is created."""

    name: str
    status: str


class ReplicatedJob(_Wire, frozen=True):
    """A role: `replicas` Jobs made from one Job template."""

    name: str
    template: Raw = msgspec.field(default_factory=dict)
    group_name: str = "default"
    replicas: int = 1
    depends_on: tuple[DependsOn, ...] | None = None

    @property
    def job_spec(self) -> Raw:
        """`template.spec`: the raw Job spec."""
        return self.template.get("spec") or {}

    @property
    def pod_template(self) -> Raw:
        """`template.spec.template`: the raw pod template."""
        return self.job_spec.get("template") or {}

    @property
    def parallelism(self) -> int | None:
        """Pods of one Job at a time, or None when not given."""
        return self.job_spec.get("parallelism")

    @property
    def completions(self) -> int | None:
        """Successful pods that one Job needs, or None when not given."""
        return self.job_spec.get("completions")


class Network(_Wire, frozen=True):
    """`spec.network`; an absent `enable_dns_hostnames` counts as false, an absent `publish…` as true."""

    enable_dns_hostnames: bool | None = msgspec.field(default=None, name="enableDNSHostnames")
    subdomain: str | None = None
    publish_not_ready_addresses: bool | None = None


class SuccessPolicy(_Wire, frozen=True):
    """When the JobSet is complete; no targets means all replicated jobs."""

    operator: str = Operator.ALL
    target_replicated_jobs: tuple[str, ...] | None = None


class FailurePolicyRule(_Wire, frozen=True):
    """One rule: an action for the failed Jobs that match all its lists; an empty list matches everything."""

    name: str = ""
    action: str = ""
    on_job_failure_reasons: tuple[str, ...] | None = None
    on_job_failure_message_patterns: tuple[str, ...] | None = None
    target_replicated_jobs: tuple[str, ...] | None = None


class FailurePolicy(_Wire, frozen=True):
    """What to do when a Job fails."""

    max_restarts: int | None = None
    restart_strategy: str = RestartStrategy.RECREATE
    rules: tuple[FailurePolicyRule, ...] | None = None


class StartupPolicy(_Wire, frozen=True):
    """In which order replicated jobs start."""

    startup_policy_order: str = StartupOrder.ANY_ORDER


class Coordinator(_Wire, frozen=True):
    """The pod whose endpoint all pods are told."""

    replicated_job: str = ""
    job_index: int = 0
    pod_index: int = 0


class RetentionPolicy(_Wire, frozen=True):
    """What becomes of claims when the JobSet is deleted."""

    when_deleted: str = "Delete"


class VolumeClaimPolicy(_Wire, frozen=True):
    """Claims that all replicated jobs share; templates are raw PersistentVolumeClaims."""

    templates: tuple[Raw, ...] | None = None
    retention_policy: RetentionPolicy | None = None


class JobSetSpec(_Wire, frozen=True):
    """`spec` of a JobSet. None means that the field is absent."""

    replicated_jobs: tuple[ReplicatedJob, ...] | None = None
    network: Network | None = None
    success_policy: SuccessPolicy | None = None
    failure_policy: FailurePolicy | None = None
    startup_policy: StartupPolicy | None = None
    suspend: bool | None = None
    coordinator: Coordinator | None = None
    managed_by: str | None = None
    ttl_seconds_after_finished: int | None = None
    volume_claim_policies: tuple[VolumeClaimPolicy, ...] | None = None


class Metadata(_Wire, frozen=True):
    """The part of ObjectMeta that decisions read."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None


class JobSet(_Wire, frozen=True):
    """One JobSet."""

    metadata: Metadata = Metadata()
    spec: JobSetSpec = JobSetSpec()
    status: JobSetStatus = JobSetStatus()

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """`metadata.namespace`."""
        return self.metadata.namespace

    @property
    def annotations(self) -> Mapping[str, str]:
        """`metadata.annotations`, empty when absent."""
        return self.metadata.annotations or {}

    @property
    def replicated_jobs(self) -> tuple[ReplicatedJob, ...]:
        """The roles in spec order, empty when absent."""
        return self.spec.replicated_jobs or ()

    @property
    def subdomain(self) -> str:
        """The effective subdomain: name of the headless Service and domain of the pods."""
        network = self.spec.network
        return (network.subdomain if network else None) or self.name

    @property
    def is_suspended(self) -> bool:
        """Whether the user or a queue wants it suspended."""
        return bool(self.spec.suspend)

    @property
    def max_restarts(self) -> int:
        """Counted restarts that are allowed; 0 when not given."""
        policy = self.spec.failure_policy
        return (policy.max_restarts if policy else None) or 0


def read_jobset(raw: Mapping[str, Any]) -> JobSet:
    """A typed JobSet; unknown fields are left behind in `raw`.

    Raises:
        msgspec.ValidationError: a field has the wrong type; the message tells its path.
    """
    return msgspec.convert(_without_nulls(raw), JobSet)


def _without_nulls(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Explicit nulls at the top (`status: null`) mean absent."""
    return {key: value for key, value in raw.items() if value is not None}

"""Which new JobSets are refused, rule by rule, with the exact texts."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobset.admission import names
from jobset.admission.claim_validation import ExistingClaim, check_claims
from jobset.admission.field_errors import FieldError, invalid, plain, too_long
from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.api.jobset import (
    Coordinator,
    FailureAction,
    FailurePolicy,
    FailurePolicyRule,
    JobSet,
    ReplicatedJob,
    RestartStrategy,
    read_jobset,
)
from jobset.api.names import job_name, pod_hostname
from jobset.api.status import MOST_JOB_RESTARTS

MAX_INT32 = 2**31 - 1
JOB_FAILURE_REASONS = (
    "BackoffLimitExceeded",
    "DeadlineExceeded",
    "FailedIndexes",
    "MaxFailedIndexesExceeded",
    "PodFailurePolicy",
)
RESTART_JOB_ACTIONS = (FailureAction.RESTART_JOB, FailureAction.RESTART_JOB_AND_IGNORE_MAX_RESTARTS)

_GENERATE_NAME_MAX = 58
_RULE_NAME = r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_POD_SUFFIX = "-abcde"
_TOO_LONG = f"must be no more than {names.DNS1035_LABEL_MAX} characters"


@dataclass(frozen=True, slots=True)
class _Case:
    """One JobSet in judgement.

    `name` is the one that generated names start with; `places` are the replicated jobs by name, each where
    its name comes first.
    """

    jobset: JobSet
    raw: Mapping[str, Any]
    name: str
    gates: FeatureGates
    places: Mapping[str, int]

    @property
    def restarts_in_place(self) -> bool:
        policy = self.jobset.spec.failure_policy
        return policy is not None and policy.restart_strategy == RestartStrategy.IN_PLACE_RESTART


def validate_jobset(
    raw: Mapping[str, Any],
    gates: FeatureGates,
    claims: Mapping[str, ExistingClaim] | None = None,
    suffix: str = "xxxxx",
) -> list[FieldError]:
    """Everything that is wrong with a new JobSet that fits its schema, in the order of the rules.

    `claims` are the PersistentVolumeClaims of its namespace by name. `suffix` stands for the five random
    characters of a name that is still to be generated.
    """
    jobset = read_jobset(raw)
    places: dict[str, int] = {}
    for index, job in enumerate(jobset.replicated_jobs):
        places.setdefault(job.name, index)
    case = _Case(jobset, raw, generated_name(raw.get("metadata", {}), suffix), gates, places)
    return [
        *_check_restart_strategy(case),
        *_check_first_dependencies(case),
        *_check_subdomain(case),
        *_check_managed_by(case),
        *(e for i, job in enumerate(jobset.replicated_jobs) for e in _check_replicated_job(case, i, job)),
        *_check_success_targets(case),
        *_check_failure_policy(case),
        *_check_coordinator(case),
        *_check_coordinator_label(case),
        *check_claims(raw, case.name, claims or {}),
    ]


def generated_name(metadata: Mapping[str, Any], suffix: str) -> str:
    """The JobSet's name, or what `generateName` will become with `suffix`, or nothing."""
    if name := metadata.get("name"):
        return str(name)
    prefix = str(metadata.get("generateName") or "").encode()
    # compat: the name generator of apimachinery cuts bytes, and may cut a letter in two.
    return prefix[:_GENERATE_NAME_MAX].decode(errors="replace") + suffix if prefix else ""


def _check_restart_strategy(case: _Case) -> Iterator[FieldError]:
    if case.restarts_in_place and not case.gates.in_place_restart:
        yield plain(
            "InPlaceRestart restart strategy cannot be set when InPlaceRestart feature gate is disabled",
            "spec.failurePolicy.restartStrategy",
        )


def _check_first_dependencies(case: _Case) -> Iterator[FieldError]:
    jobs = case.jobset.replicated_jobs
    if jobs and jobs[0].depends_on is not None:
        yield plain("DependsOn can't be set for the first ReplicatedJob", "spec.replicatedJobs[0].dependsOn")


def _check_subdomain(case: _Case) -> Iterator[FieldError]:
    network = case.jobset.spec.network
    if network is None or not network.subdomain:
        return
    field = "spec.network.subdomain"
    for problem in names.dns1123_subdomain(network.subdomain):
        yield invalid(field, network.subdomain, problem)
    text = ".spec.network.subdomain is too long, must be less than 63 characters"
    yield from _check_label(field, network.subdomain, network.subdomain, text)


def _check_managed_by(case: _Case) -> Iterator[FieldError]:
    managed_by = case.jobset.spec.managed_by
    if managed_by is None:
        return
    yield from names.domain_prefixed_path("spec.managedBy", managed_by)
    if len(managed_by.encode()) > 63:
        yield too_long("spec.managedBy", 63)


def _check_replicated_job(case: _Case, index: int, job: ReplicatedJob) -> Iterator[FieldError]:
    path = f"spec.replicatedJobs[{index}]"
    parallelism = 1 if job.parallelism is None else job.parallelism
    if parallelism * job.replicas > MAX_INT32:
        yield plain(
            "the product of replicas and parallelism must not exceed 2147483647 "
            f"for replicatedJob '{job.name}'",
            f"{path}.replicas",
        )
    text = ".spec.replicatedJob[].groupName is too long, must be less than 63 characters"
    yield from _check_label(f"{path}.groupName", job.group_name, job.group_name, text)
    yield from _check_generated_names(case, f"{path}.name", job)
    yield from _check_dependencies(case, index, job)
    if case.gates.in_place_restart and case.restarts_in_place:
        yield from _check_in_place(f"{path}.template.spec", job)


def _check_generated_names(case: _Case, field: str, job: ReplicatedJob) -> Iterator[FieldError]:
    text = "JobSet name is too long, {} names generated for this JobSet will exceed 63 characters"
    longest = job_name(case.name, job.name, job.replicas - 1)
    yield from _check_label(field, longest, longest, text.format("job"))
    if _is_indexed(job) and job.completions is not None:
        pod = pod_hostname(longest, job.completions - 1) + _POD_SUFFIX
        # compat: the value in the error is the Job's name, also when the pod's is the problem.
        yield from _check_label(field, pod, longest, text.format("pod"))


def _check_dependencies(case: _Case, index: int, job: ReplicatedJob) -> Iterator[FieldError]:
    # compat: a replicated job may name itself, and then never starts.
    for place, need in enumerate(job.depends_on or ()):
        if case.places.get(need.name, index + 1) > index:
            at = f"spec.replicatedJobs[{index}].dependsOn[{place}].name"
            yield plain(f"replicatedJob: {job.name} cannot depend on replicatedJob: {need.name}", at)


def _check_in_place(path: str, job: ReplicatedJob) -> Iterator[FieldError]:
    spec = job.job_spec
    who = f"replicatedJob {job.name}: "
    limit, replacement = spec.get("backoffLimit"), spec.get("podReplacementPolicy")
    if limit != MAX_INT32:
        text = "must be set to 2147483647 (MaxInt32) when in-place restart is enabled"
        yield invalid(f"{path}.backoffLimit", limit, who + text)
    if replacement != "Failed":
        text = "must be set to Failed when in-place restart is enabled"
        yield invalid(f"{path}.podReplacementPolicy", replacement, who + text)
    if job.completions is None or job.completions != job.parallelism:
        text = "completions and parallelism must be set and equal to each other "
        yield invalid(f"{path}.completions", job.completions, f"{who}{text}when in-place restart is enabled")


def _check_success_targets(case: _Case) -> Iterator[FieldError]:
    policy = case.jobset.spec.success_policy
    for index, target in enumerate((policy and policy.target_replicated_jobs) or ()):
        if target not in case.places:
            yield plain(
                f"invalid replicatedJob name '{target}' does not appear in .spec.ReplicatedJobs",
                f"spec.successPolicy.targetReplicatedJobs[{index}]",
            )


def _check_failure_policy(case: _Case) -> Iterator[FieldError]:
    policy = case.jobset.spec.failure_policy
    if policy is None:
        return
    restarts_jobs = any(rule.action in RESTART_JOB_ACTIONS for rule in policy.rules or ())
    if restarts_jobs and not case.gates.restart_job:
        yield plain(
            "RestartJob and RestartJobAndIgnoreMaxRestarts failure policy actions "
            "are not allowed when RestartJob feature gate is disabled",
            "spec.failurePolicy.rules",
        )
        return
    sizes = [job.replicas for job in case.jobset.replicated_jobs]
    if restarts_jobs and max(sizes, default=0) > MOST_JOB_RESTARTS:
        yield plain(
            "JobSet cannot have a failure policy rule with RestartJob or RestartJobAndIgnoreMaxRestarts "
            "action and a replicated job with replicas > 1024",
            "spec.failurePolicy.rules",
        )
    for index, rule in enumerate(policy.rules or ()):
        yield from _check_rule(case, f"spec.failurePolicy.rules[{index}]", rule)
    yield from _check_unique_rules(policy)


def _check_rule(case: _Case, path: str, rule: FailurePolicyRule) -> Iterator[FieldError]:
    length = len(rule.name.encode())
    if not 1 <= length <= 128:
        yield plain(
            f"invalid failure policy rule name of length {length}, the rule name must be "
            "at least 1 characters long and at most 128 characters long",
            f"{path}.name",
        )
    if not re.fullmatch(_RULE_NAME, rule.name):
        yield plain(
            f"invalid failure policy rule name '{rule.name}', a failure policy rule name must start with "
            "an alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', "
            "and must end with an alphanumeric character or '_'",
            f"{path}.name",
        )
    for index, target in enumerate(rule.target_replicated_jobs or ()):
        if target not in case.places:
            where = "in failure policy does not appear in .spec.ReplicatedJobs"
            at = f"{path}.targetReplicatedJobs[{index}]"
            yield plain(f"invalid replicatedJob name '{target}' {where}", at)
    for index, reason in enumerate(rule.on_job_failure_reasons or ()):
        if reason not in JOB_FAILURE_REASONS:
            where = "in failure policy is not a recognized job failure reason"
            at = f"{path}.onJobFailureReasons[{index}]"
            yield plain(f"invalid job failure reason '{reason}' {where}", at)


def _check_unique_rules(policy: FailurePolicy) -> Iterator[FieldError]:
    places: dict[str, list[str]] = {}
    for index, rule in enumerate(policy.rules or ()):
        places.setdefault(rule.name, []).append(str(index))
    for name, indices in places.items():
        if len(indices) > 1:
            yield plain(
                f"rule names are not unique, rules with indices [{' '.join(indices)}] "
                f"all have the same name '{name}'",
                f"spec.failurePolicy.rules[{indices[1]}].name",
            )


def _check_coordinator(case: _Case) -> Iterator[FieldError]:
    coordinator = case.jobset.spec.coordinator
    if coordinator is not None and (problem := _coordinator_problem(case, coordinator)):
        yield plain(problem, "spec.coordinator")


def _coordinator_problem(case: _Case, coordinator: Coordinator) -> str | None:
    role, job_index, pod_index = coordinator.replicated_job, coordinator.job_index, coordinator.pod_index
    job = next((job for job in case.jobset.replicated_jobs if job.name == role), None)
    if job is None:
        return f"coordinator replicatedJob {role} does not exist"
    if not 0 <= job_index < job.replicas:
        return f"coordinator job index {job_index} is invalid for replicatedJob {role}"
    if not _is_indexed(job) or job.completions is None:
        return "job for coordinator pod must be indexed completion mode, and completions number must be set"
    if not 0 <= pod_index < job.completions:
        return f"coordinator pod index {pod_index} is invalid for replicatedJob {role} job index {job_index}"
    return None


def _check_coordinator_label(case: _Case) -> Iterator[FieldError]:
    coordinator = case.jobset.spec.coordinator
    if coordinator is None:
        return
    network = case.jobset.spec.network
    job = job_name(case.name, coordinator.replicated_job, coordinator.job_index)
    subdomain = (network and network.subdomain) or case.name
    value = f"{pod_hostname(job, coordinator.pod_index)}.{subdomain}"
    if problems := names.label_value(value):
        yield plain(
            f'spec will lead to invalid label value "{value}" for coordinator label "{keys.COORDINATOR}" '
            f"(long JobSet / ReplicatedJob / SubDomain name?): {', '.join(problems)}",
            "spec.coordinator",
        )


def _check_label(field: str, judged: str, shown: str, too_long_text: str) -> Iterator[FieldError]:
    """Errors of a DNS-1035 label; the library's text about its length is replaced."""
    for problem in names.dns1035_label(judged):
        yield invalid(field, shown, too_long_text if problem == _TOO_LONG else problem)


def _is_indexed(job: ReplicatedJob) -> bool:
    return job.job_spec.get("completionMode") == "Indexed"

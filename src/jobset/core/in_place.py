"""In-place restarts: pods restart their containers, and the JobSet tells them when to go on."""

from collections.abc import Iterable, Sequence

from jobset.api import keys
from jobset.api.children import ChildPod, go_int
from jobset.api.gates import FeatureGates
from jobset.api.jobset import JobSet, ReplicatedJob, RestartStrategy
from jobset.api.status import JobSetStatus
from jobset.core.conditions import Draft, fail
from jobset.core.plan import Problem


def restarts_in_place(jobset: JobSet, gates: FeatureGates) -> bool:
    """Whether the JobSet asks for in-place restarts and may have them; otherwise it is recreated."""
    policy = jobset.spec.failure_policy
    asks = policy is not None and policy.restart_strategy == RestartStrategy.IN_PLACE_RESTART
    return asks and gates.in_place_restart


def advance(jobset: JobSet, pods: Sequence[ChildPod], draft: Draft) -> Draft | Problem:
    """The status after a look at the pods: failed, all in step, or some ahead of the others."""
    if largest_restart_count(pods) > jobset.max_restarts:
        return _fail(draft)
    attempts = read_attempts(pods)
    if isinstance(attempts, Problem):
        return attempts
    if exceeds_limit(jobset, attempts):
        return _fail(draft)
    expected = expected_pods(jobset.replicated_jobs)
    if isinstance(expected, Problem):
        return expected
    if is_in_step(attempts, expected):
        return draft.changing(current_in_place_restart_attempt=attempts[0])
    return draft.changing(previous_in_place_restart_attempt=next_previous(draft.status, attempts))


def pods_of(jobset: JobSet, pods: Iterable[ChildPod]) -> tuple[ChildPod, ...]:
    """The pods that carry the name of the JobSet, whoever owns them."""
    return tuple(pod for pod in pods if pod.jobset == jobset.name and pod.namespace == jobset.namespace)


def largest_restart_count(pods: Iterable[ChildPod]) -> int:
    """The most restarts of any container, in pods of any phase."""
    return max((pod.container_restarts for pod in pods), default=0)


def read_attempts(pods: Iterable[ChildPod]) -> tuple[int, ...] | Problem:
    """The attempts that pods tell; those that failed or tell none do not count."""
    attempts = []
    for pod in pods:
        if pod.phase == "Failed" or pod.in_place_restart_attempt is None:
            continue
        attempt = _read(pod.in_place_restart_attempt)
        if attempt is None:
            key = keys.IN_PLACE_RESTART_ATTEMPT
            return Problem(f"invalid value for annotation {key}, must be non-negative integer")
        attempts.append(attempt)
    return tuple(attempts)


def exceeds_limit(jobset: JobSet, attempts: Sequence[int]) -> bool:
    """Whether pods have restarted more often than allowed; uncounted recreations do not count."""
    uncounted = jobset.status.restarts - jobset.status.restarts_count_towards_max
    return max(attempts, default=0) - uncounted > jobset.max_restarts


def expected_pods(rjobs: Iterable[ReplicatedJob]) -> int | Problem:
    """How many pods the JobSet has when it is complete."""
    total = 0
    for rjob in rjobs:
        if rjob.parallelism is None or rjob.parallelism != rjob.completions:
            wanted = "jobTemplate.spec.completions == jobTemplate.spec.parallelism != nil"
            return Problem(f"{rjob.name}: in-place restart requires {wanted}")
        total += rjob.replicas * rjob.parallelism
    return total


def is_in_step(attempts: Sequence[int], expected: int) -> bool:
    """Whether all expected pods are there, at the same attempt."""
    return len(attempts) == expected and len(set(attempts)) == 1


def next_previous(status: JobSetStatus, attempts: Sequence[int]) -> int | None:
    """The attempt that is over: whoever is still in it restarts. Never lowered."""
    largest, known = max(attempts, default=0), status.previous_in_place_restart_attempt
    if largest == 0:
        return known
    return largest - 1 if known is None else max(known, largest - 1)


def _read(text: str) -> int | None:
    try:
        attempt = go_int(text)
    except ValueError:
        return None
    return attempt if attempt >= 0 else None


def _fail(draft: Draft) -> Draft:
    return fail(draft, "ReachedMaxRestarts", "jobset failed due to reaching max number of restarts")

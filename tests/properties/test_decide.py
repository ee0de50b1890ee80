"""What holds for every reading of a JobSet, however odd."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobset.api import keys
from jobset.api.children import ChildJob, JobState, StrayJob, read_child
from jobset.api.gates import FeatureGates
from jobset.api.jobset import JobSet, read_jobset
from jobset.api.status import write_status
from jobset.core.decide import decide
from jobset.core.plan import CreateJob, DeleteJob, Plan
from jobset.core.snapshot import Snapshot
from tests.builders import NOW, at

ROLES = ("a", "b", "c")
ACTIONS = (
    "FailJobSet",
    "RestartJobSet",
    "RestartJobSetAndIgnoreMaxRestarts",
    "RestartJob",
    "RestartJobAndIgnoreMaxRestarts",
)
CONDITIONS = (
    "Suspended",
    "RestartingJobSet",
    "StartupPolicyInProgress",
    "StartupPolicyCompleted",
    "Completed",
    "Failed",
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def some_of(values: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), unique=True, max_size=2)


def fields(**strategies: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Objects in which every field may be left out."""
    present = st.fixed_dictionaries({}, optional=strategies)
    return present.map(lambda found: {key: value for key, value in found.items() if value is not None})


rules = st.fixed_dictionaries(
    {"name": st.sampled_from(("r1", "r2")), "action": st.sampled_from(ACTIONS)},
    optional={
        "targetReplicatedJobs": some_of(ROLES),
        "onJobFailureReasons": some_of(("BackoffLimitExceeded", "PodFailurePolicy")),
        "onJobFailureMessagePatterns": some_of(("x", "^y", "(")),
    },
)
failure_policies = st.fixed_dictionaries(
    {
        "maxRestarts": st.sampled_from((9, 1, 0, -1)),
        "restartStrategy": st.sampled_from(("Recreate", "BlockingRecreate", "InPlaceRestart")),
    },
    optional={"rules": st.lists(rules, max_size=2)},
)
roles = st.fixed_dictionaries(
    {
        "name": st.none(),
        "replicas": st.integers(0, 2),
        "template": st.just({"spec": {"parallelism": 1, "completions": 1}}),
    },
    optional={
        "dependsOn": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(ROLES), "status": st.sampled_from(("Ready", "Complete"))}
            ),
            max_size=2,
        )
    },
)
specs = fields(
    suspend=st.booleans(),
    network=fields(enableDNSHostnames=st.booleans()),
    successPolicy=st.fixed_dictionaries(
        {"operator": st.sampled_from(("All", "Any")), "targetReplicatedJobs": some_of(ROLES)}
    ),
    startupPolicy=st.fixed_dictionaries({"startupPolicyOrder": st.sampled_from(("AnyOrder", "InOrder"))}),
    ttlSecondsAfterFinished=st.integers(0, 20),
)
conditions = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(CONDITIONS),
            "status": st.sampled_from(("True", "False")),
            "reason": st.sampled_from(("r", "ResumeJobs", "JobsReady")),
            "message": st.just("m"),
            "lastTransitionTime": st.just(at(-10)),
        }
    ),
    max_size=2,
    unique_by=lambda condition: condition["type"],
)


mostly = st.integers(0, 3).map(bool)


@st.composite
def jobsets(draw: st.DrawFn) -> dict[str, Any]:
    """A JobSet with up to three roles and any status."""
    names = ROLES[: draw(st.integers(0, 3))]
    rjobs = [draw(roles) | {"name": name} for name in names]
    counted = draw(st.integers(0, 2))
    lists = fields(
        jobRestarts=st.lists(st.integers(0, 1), min_size=2, max_size=2),
        jobRestartsCountTowardsMax=st.lists(st.integers(0, 1), min_size=2, max_size=2),
    )
    counts = [{"name": name, **draw(lists)} for name in names if draw(st.booleans())]
    status = {
        "restarts": counted + draw(st.integers(0, 1)),
        "restartsCountTowardsMax": counted,
        "conditions": draw(conditions) if draw(st.booleans()) else [],
        "replicatedJobsStatus": counts,
    }
    metadata = {"name": "train", "namespace": "default", "uid": "uid-train"}
    policy = {"failurePolicy": draw(failure_policies)} if draw(mostly) else {}
    return {"metadata": metadata, "spec": draw(specs) | policy | {"replicatedJobs": rjobs}, "status": status}


few = st.integers(0, 1)
ends = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(("Failed", "Failed", "Complete", "Suspended")),
            "status": st.just("True"),
            "reason": st.sampled_from(("BackoffLimitExceeded", "PodFailurePolicy")),
            "message": st.sampled_from(("x", "yx", "z")),
            "lastTransitionTime": st.sampled_from((at(0), at(-1))),
        }
    ),
    max_size=1,
)


@st.composite
def jobs(draw: st.DrawFn, restarts: int) -> dict[str, Any]:
    """A Job of some role, about this attempt, in some state; now and then with a label missing."""
    role, index = draw(st.sampled_from(ROLES)), draw(st.integers(0, 1))
    labels = {
        keys.REPLICATED_JOB_NAME: role,
        keys.JOB_INDEX: str(index),
        keys.RESTART_ATTEMPT: str(restarts + draw(st.sampled_from((0, 0, -1, 1)))),
        keys.JOB_RESTART_ATTEMPT: str(draw(st.integers(0, 1))),
    }
    missing = draw(st.sampled_from((*[None] * 100, *sorted(labels))))
    metadata = {"name": f"train-{role}-{index}", "namespace": "default", "uid": f"{role}{index}"}
    going = {"deletionTimestamp": at(0)} if draw(st.booleans()) else {}
    return {
        "metadata": {**metadata, **going, "labels": {k: v for k, v in labels.items() if k != missing}},
        "spec": {"parallelism": 1, "completions": 1, "suspend": draw(st.booleans())},
        "status": {
            "active": draw(st.integers(0, 1)),
            "ready": draw(st.integers(0, 1)),
            "conditions": draw(ends),
        },
    }


gates = st.builds(
    FeatureGates,
    restart_job=st.booleans(),
    elastic_jobset=st.booleans(),
    in_place_restart=st.booleans(),
)


@st.composite
def all_worlds(draw: st.DrawFn) -> dict[str, Any]:
    """A JobSet, its Jobs and the gates."""
    jobset = draw(jobsets())
    job, least = jobs(jobset["status"]["restarts"]), draw(st.sampled_from((3, 1, 0)))
    return {
        "jobset": jobset,
        "jobs": draw(
            st.lists(job, min_size=least, max_size=6, unique_by=lambda found: str(found["metadata"]["name"]))
        ),
        "gates": draw(gates),
        "service_exists": draw(st.booleans()),
    }


worlds = all_worlds()
World = dict[str, Any]


def read(world: World) -> Snapshot:
    return Snapshot(
        jobset=read_jobset(world["jobset"]),
        now=NOW,
        jobs=tuple(read_child(job) for job in world["jobs"]),
        gates=world["gates"],
        service_exists=world["service_exists"],
    )


def actions_of(plan: Plan, kind: type) -> list[Any]:
    return [action for action in plan.actions if isinstance(action, kind)]


@given(worlds)
def test_equal_snapshots_give_equal_plans_and_stay_as_they_are(world: World) -> None:
    before = copy.deepcopy(world)

    plan, other = decide(read(world)), decide(read(before))

    assert plan == other
    assert bodies(plan) == bodies(other)
    assert world == before


def bodies(plan: Plan) -> list[Any]:
    return [action.body() for action in actions_of(plan, CreateJob)]


@settings(max_examples=300)
@given(worlds)
def test_the_order_in_which_jobs_are_read_does_not_matter(world: World) -> None:
    backwards = {**world, "jobs": world["jobs"][::-1]}
    plan, other = decide(read(world)), decide(read(backwards))

    assert (plan.status, plan.events, plan.outcome) == (other.status, other.events, other.outcome)
    assert [sorted(map(repr, step)) for step in plan.steps] == [
        sorted(map(repr, step)) for step in other.steps
    ]
    assert (plan.error is None) == (other.error is None)


def unordered(plan: Plan) -> list[list[str]]:
    return [sorted(map(repr, step)) for step in plan.steps]


@given(worlds)
def test_a_job_is_created_once_under_a_free_name_of_its_role(world: World) -> None:
    taken = {job["metadata"]["name"] for job in world["jobs"]}
    wanted = {
        f"train-{role['name']}-{index}"
        for role in world["jobset"]["spec"]["replicatedJobs"]
        for index in range(role["replicas"])
    }

    created = [action.name for action in actions_of(decide(read(world)), CreateJob)]

    assert len(created) == len(set(created))
    assert set(created) <= wanted - taken


@given(worlds)
def test_restarts_grow_by_at_most_one_and_never_beside_a_creation(world: World) -> None:
    before = read(world).jobset.status

    plan = decide(read(world))

    after = plan.status or before
    growth = after.restarts - before.restarts
    counted = after.restarts_count_towards_max - before.restarts_count_towards_max
    alone = _individual(after) - _individual(before) if world["gates"].restart_job else 0
    assert 0 <= counted <= growth <= 1
    assert 0 <= alone <= 1 - growth
    assert not (growth or alone) or not actions_of(plan, CreateJob)


def _individual(status: Any) -> int:
    return sum(sum(entry.job_restarts or ()) for entry in status.replicated_jobs_status or ())


@given(worlds)
def test_only_superseded_jobs_go_before_the_end_and_only_running_ones_after(world: World) -> None:
    snapshot = read(world)
    status, alone = snapshot.jobset.status, world["gates"].restart_job
    jobs = {job.name: job for job in snapshot.jobs if isinstance(job, ChildJob)}

    for action in actions_of(decide(snapshot), DeleteJob):
        job = jobs[action.name]
        is_old = job.restart_attempt < status.restarts
        assert not job.is_being_deleted
        if status.finished is not None:
            assert job.state is JobState.ACTIVE
            assert not is_old
        else:
            assert is_old or (alone and job.job_restart_attempt == 0)


@given(worlds)
def test_all_superseded_jobs_go(world: World) -> None:
    snapshot = read(world)
    plan = decide(snapshot)
    deleted = {action.name for action in actions_of(plan, DeleteJob)}

    for job in snapshot.jobs if plan.error is None and snapshot.jobset.status.finished is None else ():
        assert isinstance(job, ChildJob)
        is_old = job.restart_attempt < snapshot.jobset.status.restarts
        assert not is_old or job.is_being_deleted or job.name in deleted


@given(worlds)
def test_a_finished_jobset_stays_finished_and_makes_nothing(world: World) -> None:
    snapshot = read(world)
    plan = decide(snapshot)

    if (finished := snapshot.jobset.status.finished) is not None:
        assert plan.status is None or plan.status.finished == finished
        assert not actions_of(plan, CreateJob)
        assert plan.outcome is None
    elif plan.status is not None and (ended := plan.status.finished) is not None:
        assert plan.outcome == plan.status.terminal_state == ended.type
    else:
        assert plan.outcome is None


@given(worlds)
def test_events_come_with_a_status_and_never_beside_a_problem(world: World) -> None:
    plan = decide(read(world))

    assert not plan.events or plan.status is not None
    assert plan.error is None or plan.status is None


@settings(max_examples=200)
@given(worlds)
def test_when_the_world_stands_still_the_status_comes_to_rest(world: World) -> None:
    snapshot = read(world)

    for _ in range(len(world["jobs"]) + 4):
        status = decide(snapshot).status
        if status is None:
            break
        snapshot = with_status(snapshot, status)

    assert decide(snapshot).status is None


def with_status(snapshot: Snapshot, status: Any) -> Snapshot:
    """The reading after the status has been written and read again."""
    jobset = read_jobset({"metadata": {}, "status": write_status(status, None)})
    rewritten = JobSet(metadata=snapshot.jobset.metadata, spec=snapshot.jobset.spec, status=jobset.status)
    return Snapshot(
        jobset=rewritten,
        now=snapshot.now,
        jobs=snapshot.jobs,
        gates=snapshot.gates,
        service_exists=snapshot.service_exists,
    )


@given(worlds)
def test_ended_jobs_are_counted_at_most_once_and_only_those_of_this_attempt(world: World) -> None:
    snapshot = read(world)
    plan = decide(snapshot)

    restarts = snapshot.jobset.status.restarts
    current = [job for job in snapshot.jobs if isinstance(job, ChildJob) and job.restart_attempt >= restarts]
    ended = [job for job in current if job.state is not JobState.ACTIVE]
    entries = (plan.status.replicated_jobs_status if plan.status else None) or ()
    assert sum(entry.succeeded + entry.failed for entry in entries) <= len(ended)


@given(worlds)
def test_a_stray_job_stops_everything(world: World) -> None:
    snapshot = read(world)
    plan = decide(snapshot)

    if any(isinstance(job, StrayJob) for job in snapshot.jobs):
        assert plan.steps == ()
        assert plan.error is not None

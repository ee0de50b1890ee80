"""Agents and the controller's step together: whatever fails, whoever reads late, all pods go on in step."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from jobset.agent.decide import AskForRestart, LiftBarrier, TellAttempt, decide_agent
from jobset.agent.jobset import JobSet
from jobset.core.conditions import Draft
from jobset.core.in_place import advance
from tests.builders import NOW, a_jobset, a_pod, an_rjob

MOST_PODS = 4


@dataclass
class Pod:
    """One pod: what it tells, and what its agent has in memory. `seen` is how much it has heard."""

    told: int | None = None
    attempt: int | None = None
    barrier_is_up: bool = True
    seen: int = 0

    def restart(self, heard: int) -> None:
        """Its containers begin again; the annotation stays, and a new agent reads first what is true now."""
        self.attempt, self.barrier_is_up, self.seen = None, True, heard


@dataclass
class World:
    """Pods and the JobSet; `said` are all values its status ever had, as previous and current attempt."""

    pods: list[Pod]
    said: list[tuple[int | None, int | None]] = field(default_factory=lambda: [(None, None)])
    was_in_step: set[int | None] = field(default_factory=set)
    crashes: int = 0
    broken: list[int] = field(default_factory=list)
    """The attempts in which a worker failed."""

    def controller_turn(self) -> None:
        previous, current = self.said[-1]
        size = len(self.pods)
        jobset = a_jobset(
            an_rjob(replicas=1, spec={"parallelism": size, "completions": size}),
            failurePolicy={"restartStrategy": "InPlaceRestart", "maxRestarts": 1000},
            status={"previousInPlaceRestartAttempt": previous, "currentInPlaceRestartAttempt": current},
        )
        told = [None if pod.told is None else str(pod.told) for pod in self.pods]
        draft = advance(
            jobset, [a_pod(f"p-{i}", attempt=text) for i, text in enumerate(told)], _draft(jobset)
        )
        assert isinstance(draft, Draft)
        now = draft.status.previous_in_place_restart_attempt, draft.status.current_in_place_restart_attempt
        if now != self.said[-1]:
            self.said.append(now)

    def agent_turn(self, pod: Pod, late_by: int = 0) -> None:
        """One step of an agent that has heard of the JobSet as it was so many changes ago, at most."""
        pod.seen = max(pod.seen, len(self.said) - 1 - late_by)
        previous, current = self.said[pod.seen]
        known = JobSet(restarts_in_place=True, previous_attempt=previous, current_attempt=current)
        match decide_agent(known, pod.attempt, pod.barrier_is_up):
            case TellAttempt(attempt):
                pod.told = pod.attempt = attempt
                if len({other.told for other in self.pods}) == 1:
                    self.was_in_step.add(attempt)
            case LiftBarrier():
                assert pod.attempt in self.was_in_step
                pod.barrier_is_up = False
            case AskForRestart():
                pod.restart(len(self.said) - 1)

    def crash(self, pod: Pod) -> None:
        if pod.attempt is not None and not pod.barrier_is_up:
            self.broken.append(pod.attempt)
        pod.restart(len(self.said) - 1)
        self.crashes += 1

    def settle(self) -> None:
        for _ in range(20 * MOST_PODS):
            for pod in self.pods:
                self.agent_turn(pod)
            self.controller_turn()


def _draft(jobset) -> Draft:
    return Draft(jobset.status, NOW)


indexes = st.integers(0, MOST_PODS - 1)
events = st.one_of(
    st.tuples(st.just("agent"), indexes, st.integers(0, 3)),
    st.tuples(st.just("controller"), st.just(0), st.just(0)),
    st.tuples(st.just("crash"), indexes, st.just(0)),
)


# Long ones: little happens before several pods have taken several turns.
histories = st.lists(events, min_size=30, max_size=90)


def a_world_after(size: int, history: list[tuple[str, int, int]]) -> World:
    world = World([Pod() for _ in range(size)])
    for what, index, late_by in history:
        pod = world.pods[index % size]
        match what:
            case "agent":
                world.agent_turn(pod, late_by)
            case "controller":
                world.controller_turn()
            case "crash":
                world.crash(pod)
    return world


@given(size=st.integers(1, MOST_PODS), history=histories)
def test_all_pods_work_in_the_same_attempt_in_the_end(size: int, history) -> None:
    world = a_world_after(size, history)

    world.settle()

    _, current = world.said[-1]
    assert {(pod.told, pod.attempt, pod.barrier_is_up) for pod in world.pods} == {(current, current, False)}


@given(size=st.integers(1, MOST_PODS), history=histories)
def test_an_attempt_in_which_a_worker_failed_is_over_for_all(size: int, history) -> None:
    world = a_world_after(size, history)

    world.settle()

    assert min(pod.told for pod in world.pods) > max(world.broken, default=-1)


@given(size=st.integers(1, MOST_PODS), history=histories)
def test_no_attempt_comes_without_a_failure(size: int, history) -> None:
    world = a_world_after(size, history)

    world.settle()

    assert max(pod.told or 0 for pod in world.pods) <= world.crashes

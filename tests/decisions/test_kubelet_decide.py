"""What the kubelet decides about one pod: who starts, who stops, and what the status says."""

from datetime import UTC, datetime, timedelta

import pytest

from jobset.local.kubelet.decide import decide_pod, start_over
from jobset.local.kubelet.facts import Attempt, ContainerFacts, Ended, Eviction, PodSnapshot, Problem
from jobset.local.kubelet.plan import Release, RemovePod, StartContainer, StartOver, StopContainer

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def a_container(name="main", **fields):
    return {"name": name, "image": "x", "command": ["true"], **fields}


def a_pod(*mains, inits=(), metadata=None, status=None, **spec):
    spec = {"restartPolicy": "Never", "nodeName": "n", "containers": list(mains or (a_container(),)), **spec}
    if inits:
        spec["initContainers"] = list(inits)
    identity = {"name": "p", "namespace": "default", "uid": "u1"}
    return {"metadata": identity | (metadata or {}), "spec": spec, "status": status or {"phase": "Pending"}}


def running(name="main", number=0, *, seconds=5, **facts):
    attempt = Attempt(number=number, id="jobset://1", started_at=NOW - timedelta(seconds=seconds))
    facts = {"hooked": True, "started": True, "ready": True} | facts
    return ContainerFacts(name=name, attempt=attempt, attempts=number + 1, **facts)


def ended(name="main", code=0, number=0, *, ago=0.0, ran=5.0, unhealthy=False, never_ran=False, **facts):
    finished = NOW - timedelta(seconds=ago)
    attempt = Attempt(
        number=number,
        id="jobset://1",
        started_at=finished - timedelta(seconds=ran),
        ended=Ended(code=code, reason="Error" if code else "Completed", finished_at=finished),
        unhealthy=unhealthy,
        never_ran=never_ran,
    )
    return ContainerFacts(name=name, attempt=attempt, attempts=number + 1, **facts)


def decide(pod, *facts, **more):
    snapshot = PodSnapshot(
        pod=pod, now=NOW, containers={item.name: item for item in facts}, address="127.1.0.1", **more
    )
    return decide_pod(snapshot)


def started(plan):
    return [action.name for action in plan.actions if isinstance(action, StartContainer)]


def stopped(plan):
    return [action.name for action in plan.actions if isinstance(action, StopContainer)]


def condition(plan, type_):
    return next(item for item in plan.status["conditions"] if item["type"] == type_)


SIDECAR = a_container("proxy", restartPolicy="Always")
INIT = a_container("init")
HOOKED = a_container("a", lifecycle={"postStart": {"exec": {"command": ["x"]}}})
RULES = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]
NOT_RULES = [{"action": "Restart", "exitCodes": {"operator": "NotIn", "values": [1]}}]
ALL_AGAIN = [{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}}]

STARTS = {
    "main containers start together": (a_pod(a_container("a"), a_container("b")), [], ["a", "b"]),
    "init containers come first, one at a time": (a_pod(inits=[INIT, a_container("i2")]), [], ["init"]),
    "the next init container follows a success": (
        a_pod(inits=[INIT, a_container("i2")]),
        [ended("init")],
        ["i2"],
    ),
    "main containers follow the last init container": (a_pod(inits=[INIT]), [ended("init")], ["main"]),
    "a sidecar holds the next back until it has started": (
        a_pod(inits=[SIDECAR]),
        [running("proxy", started=False)],
        [],
    ),
    "a started sidecar lets the next go": (a_pod(inits=[SIDECAR]), [running("proxy")], ["main"]),
    "a sidecar that ended starts again beside running containers": (
        a_pod(inits=[SIDECAR]),
        [ended("proxy", 1), running()],
        ["proxy"],
    ),
    "an init container that failed is tried again under OnFailure": (
        a_pod(inits=[INIT], restartPolicy="OnFailure"),
        [ended("init", 1)],
        ["init"],
    ),
    "an init container that succeeded stays done under Always": (
        a_pod(inits=[INIT], restartPolicy="Always"),
        [ended("init")],
        ["main"],
    ),
    "the first restart is immediate": (a_pod(restartPolicy="OnFailure"), [ended(code=1)], ["main"]),
    "a restart waits for its back-off": (
        a_pod(restartPolicy="OnFailure"),
        [ended(code=1, ago=9, back_off=timedelta(seconds=10))],
        [],
    ),
    "a restart is due after its back-off": (
        a_pod(restartPolicy="OnFailure"),
        [ended(code=1, ago=10, back_off=timedelta(seconds=10))],
        ["main"],
    ),
    "ten minutes of running make the next restart immediate": (
        a_pod(restartPolicy="OnFailure"),
        [ended(code=1, ran=600, back_off=timedelta(seconds=300))],
        ["main"],
    ),
    "Always restarts a success": (a_pod(restartPolicy="Always"), [ended()], ["main"]),
    "an unhealthy container that ended with 0 runs again under OnFailure": (
        a_pod(restartPolicy="OnFailure"),
        [ended(unhealthy=True)],
        ["main"],
    ),
    "a container's own policy beats the pod's": (
        a_pod(a_container(restartPolicy="OnFailure")),
        [ended(code=1)],
        ["main"],
    ),
    "a rule beats the container's policy": (
        a_pod(a_container(restartPolicy="Never", restartPolicyRules=RULES)),
        [ended(code=42)],
        ["main"],
    ),
    "a rule with NotIn matches what is not listed": (
        a_pod(a_container(restartPolicy="Never", restartPolicyRules=NOT_RULES)),
        [ended(code=2)],
        ["main"],
    ),
    "a postStart hook under way holds the next container back": (
        a_pod(HOOKED, a_container("b")),
        [running("a", hooked=False)],
        [],
    ),
    "a blocked container waits": (
        a_pod(),
        [ContainerFacts(name="main", blocked=Problem(reason="CreateContainerConfigError", message="m"))],
        [],
    ),
}


@pytest.mark.parametrize(("pod", "facts", "names"), STARTS.values(), ids=STARTS)
def test_what_starts(pod, facts, names):
    assert started(decide(pod, *facts)) == names


DELETED = {"deletionTimestamp": "2030-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30}

STOPS = {
    "a deleted pod stops its main containers first": (
        a_pod(inits=[SIDECAR], metadata=DELETED),
        [running("proxy"), running()],
        ["main"],
    ),
    "sidecars stop one by one, the last first": (
        a_pod(inits=[SIDECAR, a_container("p2", restartPolicy="Always")], metadata=DELETED),
        [running("proxy"), running("p2"), ended()],
        ["p2"],
    ),
    "sidecars of a pod whose work is done stop": (
        a_pod(inits=[SIDECAR], restartPolicy="OnFailure"),
        [running("proxy"), ended()],
        ["proxy"],
    ),
    "a failed init container under Never stops the sidecars": (
        a_pod(inits=[SIDECAR, INIT]),
        [running("proxy"), ended("init", 1)],
        ["proxy"],
    ),
    "a sick container is stopped": (
        a_pod(restartPolicy="OnFailure"),
        [running(sick="liveness")],
        ["main"],
    ),
    "a container whose postStart hook failed is stopped": (
        a_pod(HOOKED),
        [running("a", hooked=False, post_start_failed=True)],
        ["a"],
    ),
    "nobody stops a healthy container": (a_pod(), [running()], []),
}


@pytest.mark.parametrize(("pod", "facts", "names"), STOPS.values(), ids=STOPS)
def test_what_stops(pod, facts, names):
    assert stopped(decide(pod, *facts)) == names


def test_a_grace_period_of_zero_is_the_shortest_not_the_default():
    pod = a_pod(inits=[SIDECAR], terminationGracePeriodSeconds=0)

    (stop,) = decide(pod, running("proxy"), ended()).actions

    assert stop.grace == timedelta(seconds=1)


def test_a_probe_may_bring_its_own_grace_period():
    probe = {"terminationGracePeriodSeconds": 3}
    pod = a_pod(a_container(livenessProbe=probe), restartPolicy="Always", terminationGracePeriodSeconds=60)

    (stop,) = decide(pod, running(sick="liveness")).actions

    assert stop.grace == timedelta(seconds=3)
    assert stop.message == "Container main failed liveness probe, will be restarted"


PHASES = {
    "nothing started": (a_pod(inits=[INIT]), [running("init")], "Pending"),
    "all main containers have been started": (a_pod(), [running()], "Running"),
    "one main container cannot start yet": (
        a_pod(a_container("a"), a_container("b")),
        [running("a"), ContainerFacts(name="b", blocked=Problem(reason="r", message="m"))],
        "Pending",
    ),
    "Running never goes back": (
        a_pod(status={"phase": "Running"}, inits=[INIT]),
        [running("init")],
        "Running",
    ),
    "waiting for a restart is Running": (
        a_pod(restartPolicy="OnFailure"),
        [ended(code=1, back_off=timedelta(seconds=10))],
        "Running",
    ),
    "all ended with 0": (a_pod(), [ended()], "Succeeded"),
    "one ended with another code": (
        a_pod(a_container("a"), a_container("b")),
        [ended("a"), ended("b", 1)],
        "Failed",
    ),
    "an init container failed for good": (a_pod(inits=[INIT]), [ended("init", 1)], "Failed"),
    "sidecars do not count": (a_pod(inits=[SIDECAR]), [ended("proxy", 1), ended()], "Succeeded"),
    "while sidecars still run the phase waits": (
        a_pod(inits=[SIDECAR], status={"phase": "Running"}),
        [running("proxy"), ended()],
        "Running",
    ),
    "deleted and stopped with 0 under Always": (
        a_pod(metadata=DELETED, restartPolicy="Always"),
        [ended()],
        "Succeeded",
    ),
    "deleted before it ran": (a_pod(metadata=DELETED), [], "Failed"),
}


@pytest.mark.parametrize(("pod", "facts", "phase"), PHASES.values(), ids=PHASES)
def test_phase(pod, facts, phase):
    assert decide(pod, *facts).status["phase"] == phase


def test_a_deadline_fails_the_pod_once_its_containers_are_gone():
    pod = a_pod(activeDeadlineSeconds=10, status={"phase": "Running"})

    before = decide(pod, running(), active_for=timedelta(seconds=4))
    at_once = decide(pod, running(), active_for=timedelta(seconds=10))
    at_last = decide(pod, ended(code=143), active_for=timedelta(seconds=11))

    assert before.look_again == timedelta(seconds=6)
    assert (stopped(at_once), at_once.status["phase"]) == (["main"], "Running")
    assert at_last.status["phase"] == "Failed"
    assert at_last.status["reason"] == "DeadlineExceeded"
    assert at_last.status["message"] == "Pod was active on the node longer than the specified deadline"


def test_an_evicted_pod_fails_as_a_disruption():
    pod, eviction = a_pod(), Eviction(reason="Evicted", message="too much")

    plan = decide(pod, ended(code=137), eviction=eviction)

    assert (plan.status["phase"], plan.status["reason"]) == ("Failed", "Evicted")
    assert condition(plan, "DisruptionTarget")["reason"] == "TerminationByKubelet"


def test_a_deleted_pod_is_removed_after_its_terminal_phase_is_stored():
    over = a_pod(metadata=DELETED, status={"phase": "Failed"})

    still_open = decide(a_pod(metadata=DELETED), ended(code=143))

    assert still_open.actions == (Release(),)
    assert decide(over, ended(code=143)).actions == (Release(), RemovePod())
    assert decide(over, ended(code=143), removal_asked=True).actions == (Release(),)
    assert decide(over, running()).actions[0].name == "main"


def test_a_matching_rule_kills_all_containers_and_starts_the_pod_over():
    agent = a_container("agent", restartPolicy="Never", restartPolicyRules=ALL_AGAIN)
    pod = a_pod(a_container(), agent, inits=[INIT], status={"phase": "Running"})
    done = ended("init"), ended("agent", 42)

    killing = decide(pod, *done, running())
    beginning = decide(pod, *done, ended("main", 137))

    assert [(stop.name, stop.grace, stop.hook) for stop in killing.actions] == [("main", timedelta(0), False)]
    assert condition(killing, "AllContainersRestarting")["status"] == "True"
    assert beginning.actions == (StartOver(),)
    fresh = [start_over(facts) for facts in (*done, ended("main", 137))]
    again = decide(pod, *fresh)
    assert again.actions == (StartContainer(name="init", number=1),)
    assert again.status["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 137


def test_starting_over_is_paced_when_the_attempt_was_very_short():
    agent = a_container("agent", restartPolicy="Never", restartPolicyRules=ALL_AGAIN)

    plan = decide(a_pod(agent), ended("agent", 42, ran=0.25))

    assert plan.look_again == timedelta(seconds=0.75)


def state_of(pod, *facts, **more):
    return decide(pod, *facts, **more).status["containerStatuses"][0]["state"]


BACK_OFF = "back-off 1m20s restarting failed container=main pod=p_default(u1)"
STATES = {
    "before the first start": (a_pod(), [], {"waiting": {"reason": "ContainerCreating"}}),
    "while init containers run": (
        a_pod(inits=[INIT]),
        [running("init")],
        {"waiting": {"reason": "PodInitializing"}},
    ),
    "an input is missing": (
        a_pod(),
        [ContainerFacts(name="main", blocked=Problem(reason="CreateContainerConfigError", message="m"))],
        {"waiting": {"reason": "CreateContainerConfigError", "message": "m"}},
    ),
    "in back-off": (
        a_pod(restartPolicy="Always"),
        [ended(code=1, number=4, back_off=timedelta(seconds=80))],
        {"waiting": {"reason": "CrashLoopBackOff", "message": BACK_OFF}},
    ),
    "the program cannot be started": (
        a_pod(restartPolicy="Always"),
        [ended(code=127, number=1, never_ran=True, back_off=timedelta(seconds=10))],
        {"waiting": {"reason": "RunContainerError", "message": ""}},
    ),
    "running": (a_pod(), [running()], {"running": {"startedAt": "2029-12-31T23:59:55Z"}}),
    "lost by an initialized pod": (
        a_pod(a_container("b"), a_container(), metadata=DELETED),
        [ended("main", 143)],
        {
            "terminated": {
                "exitCode": 137,
                "reason": "ContainerStatusUnknown",
                "message": "The container could not be located when the pod was terminated",
                "startedAt": None,
                "finishedAt": None,
            }
        },
    ),
}


@pytest.mark.parametrize(("pod", "facts", "state"), STATES.values(), ids=STATES)
def test_container_state(pod, facts, state):
    assert state_of(pod, *facts) == state


def test_a_container_killed_by_a_signal_tells_it():
    killed = ended(code=137)
    attempt = killed.attempt.ended
    pod = a_pod()

    state = state_of(pod, killed)["terminated"]

    assert attempt.code == 137
    assert (state["exitCode"], state["reason"]) == (137, "Error")
    assert (state["startedAt"], state["finishedAt"]) == ("2029-12-31T23:59:55Z", "2030-01-01T00:00:00Z")


def test_a_restarted_container_keeps_its_last_end():
    past = ended(code=3).attempt
    facts = running(number=1)
    facts = ContainerFacts(
        name="main", attempt=facts.attempt, previous=past, attempts=2, started=True, ready=True
    )

    (status,) = decide(a_pod(restartPolicy="Always"), facts).status["containerStatuses"]

    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 3


def test_entering_back_off_is_an_event_once():
    pod = a_pod(restartPolicy="Always")
    facts = ended(code=1, number=1, back_off=timedelta(seconds=10))

    first = decide(pod, facts)
    second = decide({**pod, "status": first.status}, facts)

    assert [event.reason for event in first.events] == ["BackOff"]
    assert first.events[0].note == "Back-off restarting failed container main in pod p_default(u1)"
    assert (second.events, second.status) == ((), None)


GATED = a_pod(readinessGates=[{"conditionType": "lb"}])
READY = {
    "all ready": (a_pod(), [running()], "Ready", ("True", None, None)),
    "a container is not ready": (
        a_pod(a_container("a"), a_container("b")),
        [running("a"), running("b", ready=False)],
        "Ready",
        ("False", "ContainersNotReady", "containers with unready status: [b]"),
    ),
    "a sidecar counts": (
        a_pod(inits=[SIDECAR]),
        [running("proxy", ready=False), running()],
        "ContainersReady",
        ("False", "ContainersNotReady", "containers with unready status: [proxy]"),
    ),
    "a readiness gate without condition": (
        GATED,
        [running()],
        "Ready",
        (
            "False",
            "ReadinessGatesNotReady",
            'corresponding condition of pod readiness gate "lb" does not exist.',
        ),
    ),
    "not initialized": (
        a_pod(inits=[INIT]),
        [running("init")],
        "Initialized",
        ("False", "ContainersNotInitialized", "containers with incomplete status: [init]"),
    ),
    "succeeded": (a_pod(), [ended()], "Ready", ("False", "PodCompleted", None)),
    "failed": (a_pod(), [ended(code=1)], "ContainersReady", ("False", "PodFailed", None)),
    "has an address": (a_pod(), [running()], "PodReadyToStartContainers", ("True", None, None)),
    "is over": (a_pod(), [ended()], "PodReadyToStartContainers", ("False", None, None)),
}


@pytest.mark.parametrize(("pod", "facts", "type_", "expected"), READY.values(), ids=READY)
def test_conditions(pod, facts, type_, expected):
    found = condition(decide(pod, *facts), type_)

    assert (found["status"], found.get("reason"), found.get("message")) == expected


def test_conditions_of_others_stay_and_unchanged_ones_keep_their_time():
    old = "2029-01-01T00:00:00Z"
    foreign = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": old}
    pod = a_pod(status={"phase": "Running", "conditions": [foreign, ready]})

    plan = decide(pod, running())

    assert condition(plan, "DisruptionTarget") == foreign
    assert condition(plan, "Ready")["lastTransitionTime"] == old
    assert condition(plan, "Initialized")["lastTransitionTime"] == "2030-01-01T00:00:00Z"


def test_a_volume_that_is_not_there_holds_everything_back_and_is_told():
    problem = Problem(reason="FailedMount", message="no such ConfigMap")

    plan = decide(a_pod(), blocked=problem)

    assert started(plan) == []
    waiting = plan.status["containerStatuses"][0]["state"]["waiting"]
    assert waiting == {"reason": "ContainerCreating", "message": "no such ConfigMap"}

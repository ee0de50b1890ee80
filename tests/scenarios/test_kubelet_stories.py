"""Whole lives of pods, in virtual time: real kubelet and API, programs by script."""

import asyncio
import os
from pathlib import Path

import pytest

from jobset.kube.resources import CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS, PODS
from jobset.local.clock import run_virtual
from jobset.local.processes.starter import ExecResult, StartFailed
from tests.scripted_starter import Act, ScriptedStarter, a_container, a_world


def play(directory, starter, story, **settings):
    """The result of `story(world)` in virtual time."""

    async def main(clock):
        async with a_world(clock, directory, starter, **settings) as world:
            return await story(world)

    return run_virtual(main)


def by_name(**acts):
    """A script: per program the acts of its first, second, … start; the last one repeats."""

    def script(launch, number):
        of_program = acts[launch.argv[0]]
        return of_program[min(number, len(of_program) - 1)]

    return script


def test_a_pod_runs_is_ready_and_succeeds(tmp_path):
    starter = ScriptedStarter(by_name(main=[Act(seconds=5, output=b"hello\nworld", message="bye")]))

    async def story(world):
        await world.create(containers=[a_container()])
        running = await world.until_phase("Running")
        return running, await world.until_phase("Succeeded"), world.lines

    running, done, lines = play(tmp_path, starter, story)
    assert {c["type"]: c["status"] for c in running["conditions"]}["Ready"] == "True"
    assert running["podIP"] == "127.0.0.1"
    terminated = done["containerStatuses"][0]["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"], terminated["message"]) == (0, "Completed", "bye")
    assert lines == ["hello", "world"]


def test_a_failing_container_is_restarted_with_growing_back_off(tmp_path):
    starter = ScriptedStarter(by_name(main=[Act(seconds=1, code=3)]))

    async def story(world):
        await world.create(containers=[a_container()], restartPolicy="OnFailure")
        status = await world.until(lambda status: status["containerStatuses"][0]["restartCount"] == 4)
        return status, world.events.of("BackOff")

    status, back_offs = play(tmp_path, starter, story)
    moments = [round(moment) for moment, _ in starter.starts]
    assert moments == [0, 1, 12, 33, 74]
    assert status["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 3
    assert len(back_offs) == 3


def test_waits_can_be_scaled_for_experiments(tmp_path):
    starter = ScriptedStarter(by_name(main=[Act(seconds=1, code=3)]))

    async def story(world):
        await world.create(containers=[a_container()], restartPolicy="OnFailure")
        await world.until(lambda status: status["containerStatuses"][0]["restartCount"] == 3)

    play(tmp_path, starter, story, wait_scale=0.1)
    assert [round(moment) for moment, _ in starter.starts] == [0, 1, 3, 6]


def test_init_containers_and_sidecars_start_in_order_and_sidecars_stop_last(tmp_path):
    probe = {"exec": {"command": ["up"]}, "periodSeconds": 1}
    starter = ScriptedStarter(
        by_name(init=[Act(seconds=2)], one=[Act(stop_seconds=1)], two=[Act()], main=[Act(seconds=3)]),
        answers=lambda argv, now: ExecResult(code=0 if now > 3.5 else 1, output=b""),
    )
    inits = [
        a_container("init"),
        a_container("one", restartPolicy="Always", startupProbe={**probe, "failureThreshold": 99}),
        a_container("two", restartPolicy="Always"),
    ]

    async def story(world):
        await world.create(initContainers=inits, containers=[a_container()])
        done = await world.until_phase("Succeeded")
        return done, world.events.of("Killing")

    done, killing = play(tmp_path, starter, story)
    assert [(round(moment), name) for moment, name in starter.starts] == [
        (0, "init"),
        (2, "one"),
        (4, "two"),
        (4, "main"),
    ]
    assert killing == ["Stopping container two", "Stopping container one"]
    assert [item["state"]["terminated"]["exitCode"] for item in done["initContainerStatuses"]] == [
        0,
        143,
        143,
    ]


def test_a_deleted_pod_gets_its_grace_and_then_the_object_goes(tmp_path):
    starter = ScriptedStarter(by_name(main=[Act(stop_seconds=3)], stubborn=[Act(stop_seconds=1e9)]))
    watched = []

    async def story(world):
        await world.create(
            containers=[a_container(), a_container("stubborn")],
            terminationGracePeriodSeconds=10,
            metadata={"finalizers": ["example.com/keep"]},
        )
        await world.until_phase("Running")
        await world.delete()
        failed = await world.until_phase("Failed")
        watched.append(failed)
        patch = {"metadata": {"finalizers": None}}
        await world.client.patch(PODS, "default", "p", patch)
        await world.until_gone()

    play(tmp_path, starter, story)
    codes = [item["state"]["terminated"]["exitCode"] for item in watched[0]["containerStatuses"]]
    assert codes == [143, 137]
    assert [process.signals for process in starter.processes] == [[15], [15, 9]]
    assert not os.listdir(tmp_path / "pods")


def test_a_second_delete_with_less_grace_shortens_the_wait(tmp_path):
    starter = ScriptedStarter(by_name(main=[Act(stop_seconds=1e9)]))

    async def story(world):
        await world.create(containers=[a_container()], terminationGracePeriodSeconds=1000)
        await world.until_phase("Running")
        await world.delete()
        await world.delete(grace=5)
        await world.until_gone(limit=20)

    play(tmp_path, starter, story)


def test_a_pod_that_vanishes_leaves_no_process(tmp_path):
    starter = ScriptedStarter(by_name(main=[Act(stop_seconds=1e9)]))

    async def story(world):
        await world.create(containers=[a_container()])
        await world.until_phase("Running")
        await world.delete(grace=0)
        await asyncio.sleep(3)
        return await world.pod()

    assert play(tmp_path, starter, story) is None
    assert starter.processes[0].signals == [15, 9]
    assert not os.listdir(tmp_path / "pods")


def test_a_liveness_probe_that_gives_up_restarts_the_container(tmp_path):
    probe = {
        "exec": {"command": ["alive"]},
        "initialDelaySeconds": 1,
        "periodSeconds": 2,
        "failureThreshold": 2,
    }
    starter = ScriptedStarter(
        by_name(main=[Act()]),
        answers=lambda argv, now: ExecResult(code=1 if 8 < now < 11.5 else 0, output=b"no pulse"),
    )

    async def story(world):
        await world.create(containers=[a_container(livenessProbe=probe)], restartPolicy="OnFailure")
        status = await world.until(lambda status: status["containerStatuses"][0]["restartCount"] == 1)
        return status, world.events.of("Unhealthy"), world.events.of("Killing")

    status, unhealthy, killing = play(tmp_path, starter, story)
    assert status["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 143
    assert unhealthy == ["Liveness probe failed: no pulse"] * 2
    assert killing == ["Container main failed liveness probe, will be restarted"]
    assert round(starter.starts[1][0]) == 11


def test_readiness_comes_and_goes_with_its_probe(tmp_path):
    probe = {
        "exec": {"command": ["ready"]},
        "periodSeconds": 1,
        "failureThreshold": 2,
        "initialDelaySeconds": 3,
    }
    starter = ScriptedStarter(
        by_name(main=[Act()]),
        answers=lambda argv, now: ExecResult(code=0 if now < 10 else 1, output=b""),
    )

    async def story(world):
        await world.create(containers=[a_container(readinessProbe=probe)])
        before = await world.until_phase("Running")
        during = await world.until(lambda status: status["containerStatuses"][0]["ready"])
        after = await world.until(lambda status: not status["containerStatuses"][0]["ready"])
        return [status["containerStatuses"][0]["ready"] for status in (before, during, after)]

    assert play(tmp_path, starter, story) == [False, True, False]


def test_hooks_run_beside_the_start_and_before_the_stop(tmp_path):
    lifecycle = {"postStart": {"sleep": {"seconds": 4}}, "preStop": {"sleep": {"seconds": 6}}}
    starter = ScriptedStarter(by_name(main=[Act()], next=[Act()]))
    times = []

    async def story(world):
        await world.create(
            containers=[a_container(lifecycle=lifecycle), a_container("next")],
            terminationGracePeriodSeconds=30,
        )
        await world.until_phase("Running")
        await world.delete()
        await world.until_gone()
        times.append(asyncio.get_running_loop().time())

    play(tmp_path, starter, story)
    assert [round(moment) for moment, _ in starter.starts] == [0, 4]
    assert times[0] == pytest.approx(10, abs=0.5)


def test_a_pre_stop_hook_cannot_outlast_the_grace(tmp_path):
    lifecycle = {"preStop": {"exec": {"command": ["slow"]}}}
    starter = ScriptedStarter(
        by_name(main=[Act(stop_seconds=1)]), answers=lambda argv, now: ExecResult(code=None, output=b"")
    )

    async def story(world):
        await world.create(containers=[a_container(lifecycle=lifecycle)], terminationGracePeriodSeconds=5)
        await world.until_phase("Running")
        await world.delete()
        await world.until_gone(limit=10)

    play(tmp_path, starter, story)
    assert starter.processes[0].signals == [15]


def test_a_post_start_hook_that_fails_stops_the_container(tmp_path):
    lifecycle = {"postStart": {"exec": {"command": ["hook"]}}}
    starter = ScriptedStarter(
        by_name(main=[Act()]), answers=lambda argv, now: ExecResult(code=1, output=b"broken")
    )

    async def story(world):
        await world.create(containers=[a_container(lifecycle=lifecycle)])
        await world.until_phase("Failed")
        return world.events.of("FailedPostStartHook")

    assert play(tmp_path, starter, story) == ["PostStartHook failed: broken"]


def test_a_pod_waits_for_a_config_map_and_starts_when_it_appears(tmp_path):
    variable = {"name": "V", "valueFrom": {"configMapKeyRef": {"name": "later", "key": "k"}}}
    starter = ScriptedStarter()

    async def story(world):
        await world.create(containers=[a_container(env=[variable])])
        waiting = await world.until(lambda status: True)
        await world.client.create(
            CONFIG_MAPS, {"metadata": {"name": "later", "namespace": "default"}, "data": {"k": "v"}}
        )
        await world.until_phase("Running", limit=2)
        return waiting["containerStatuses"][0]["state"]["waiting"], world.events.of("Failed")

    waiting, failed = play(tmp_path, starter, story)
    assert waiting == {"reason": "CreateContainerConfigError", "message": 'configmap "later" not found'}
    assert failed == ['Error: configmap "later" not found']
    assert starter.launches[0].env["V"] == "v"


def test_a_config_map_volume_follows_its_object(tmp_path):
    starter = ScriptedStarter()
    volume = {"name": "conf", "configMap": {"name": "conf"}}
    mount = {"name": "conf", "mountPath": "/etc/conf"}

    async def story(world):
        await world.create(containers=[a_container(volumeMounts=[mount])], volumes=[volume])
        blocked = await world.until(lambda status: True)
        config_map = {"metadata": {"name": "conf", "namespace": "default"}, "data": {"a": "1"}}
        await world.client.create(CONFIG_MAPS, config_map)
        await world.until_phase("Running", limit=2)
        folder = Path(starter.launches[0].mounts[0].source)
        first = (folder / "a").read_text()
        await world.client.update(CONFIG_MAPS, {**config_map, "data": {"a": "2", "b": "3"}})
        await world.until(lambda status: (folder / "b").exists())
        return blocked, first, {name: (folder / name).read_text() for name in "ab"}, world.events

    blocked, first, then, events = play(tmp_path, starter, story)
    assert blocked["containerStatuses"][0]["state"]["waiting"]["reason"] == "ContainerCreating"
    assert events.of("FailedMount") == [
        'MountVolume.SetUp failed for volume "conf" : configmap "conf" not found'
    ]
    assert (first, then) == ("1", {"a": "2", "b": "3"})
    assert starter.launches[0].mounts[0].read_only


def test_a_claim_is_a_directory_that_lives_as_long_as_the_claim(tmp_path):
    starter = ScriptedStarter(by_name(main=[Act(seconds=1)]))
    claim = {
        "metadata": {"name": "data", "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "data"}}
    mount = {"name": "v", "mountPath": "/data"}
    folder = tmp_path / "claims" / "default" / "data"

    async def story(world):
        await world.client.create(PERSISTENT_VOLUME_CLAIMS, claim)
        await world.create(containers=[a_container(volumeMounts=[mount])], volumes=[volume])
        await world.until_phase("Succeeded")
        bound = await world.client.get(PERSISTENT_VOLUME_CLAIMS, "default", "data")
        was_there = folder.is_dir()
        await world.client.delete(PERSISTENT_VOLUME_CLAIMS, "default", "data")
        await world.until(lambda status: not folder.exists())
        return bound["status"], was_there

    status, was_there = play(tmp_path, starter, story)
    assert status == {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
    assert was_there


def test_an_empty_dir_that_outgrows_its_limit_evicts_the_pod(tmp_path):
    starter = ScriptedStarter()
    volume = {"name": "scratch", "emptyDir": {"sizeLimit": "10Ki"}}
    mount = {"name": "scratch", "mountPath": "/scratch"}

    async def story(world):
        await world.create(containers=[a_container(volumeMounts=[mount])], volumes=[volume])
        await world.until_phase("Running")
        Path(starter.launches[0].mounts[0].source, "big").write_bytes(b"x" * 100_000)
        return await world.until_phase("Failed")

    status = play(tmp_path, starter, story)
    assert status["reason"] == "Evicted"
    assert status["message"] == 'Usage of EmptyDir volume "scratch" exceeds the limit "10Ki". '


def test_a_program_that_is_not_there_ends_with_127(tmp_path):
    refusal = StartFailed(127, "nothing here")
    starter = ScriptedStarter(by_name(main=[Act(refuse=refusal)]))

    async def story(world):
        await world.create(containers=[a_container()])
        return await world.until_phase("Failed")

    terminated = play(tmp_path, starter, story)["containerStatuses"][0]["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (127, "ContainerCannotRun")
    assert terminated["message"] == "nothing here"


def test_a_container_that_cannot_be_started_is_told_and_tried_again(tmp_path):
    refusal = StartFailed(128, "no room")
    starter = ScriptedStarter(by_name(main=[Act(refuse=refusal), Act(refuse=refusal), Act()]))

    async def story(world):
        await world.create(containers=[a_container()], restartPolicy="OnFailure")
        waiting = await world.until(lambda status: True)
        running = await world.until(lambda status: "running" in status["containerStatuses"][0]["state"])
        return waiting["containerStatuses"][0]["state"]["waiting"], running["containerStatuses"][0]

    waiting, running = play(tmp_path, starter, story)
    assert waiting == {"reason": "RunContainerError", "message": "no room"}
    assert running["restartCount"] == 2
    assert running["lastState"]["terminated"]["exitCode"] == 128


def test_all_containers_start_over_in_place_when_a_rule_says_so(tmp_path):
    rules = [{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}}]
    agent = a_container("agent", restartPolicy="Never", restartPolicyRules=rules)
    starter = ScriptedStarter(
        by_name(init=[Act(seconds=1)], main=[Act()], agent=[Act(seconds=5, code=42), Act()])
    )

    async def story(world):
        created = await world.create(initContainers=[a_container("init")], containers=[a_container(), agent])
        status = await world.until(
            lambda status: all(item["restartCount"] == 1 for item in status["containerStatuses"])
        )
        pod = await world.pod()
        return created["metadata"]["uid"] == pod["metadata"]["uid"], status

    same, status = play(tmp_path, starter, story)
    assert same
    assert [(round(moment), name) for moment, name in starter.starts] == [
        (0, "init"),
        (1, "main"),
        (1, "agent"),
        (6, "init"),
        (7, "main"),
        (7, "agent"),
    ]
    assert starter.processes[1].signals == [9]
    assert "AllContainersRestarting" not in {item["type"] for item in status["conditions"]}


def test_a_deadline_ends_the_pod(tmp_path):
    starter = ScriptedStarter()

    async def story(world):
        await world.create(containers=[a_container()], activeDeadlineSeconds=30)
        status = await world.until_phase("Failed", limit=60)
        return status, asyncio.get_running_loop().time()

    status, moment = play(tmp_path, starter, story)
    assert status["reason"] == "DeadlineExceeded"
    assert moment == pytest.approx(30, abs=0.5)


def test_logs_of_all_attempts_are_kept(tmp_path):
    starter = ScriptedStarter(
        by_name(main=[Act(seconds=1, code=1, output=b"first\n"), Act(seconds=1, output=b"second")])
    )

    async def story(world):
        await world.create(containers=[a_container()], restartPolicy="OnFailure")
        await world.until_phase("Succeeded")

    play(tmp_path, starter, story)
    (folder,) = (tmp_path / "logs").glob("default_p_*/main")
    texts = {path.name: path.read_text() for path in folder.iterdir()}
    assert texts["0.log"].endswith("stdout F first\n")
    assert texts["1.log"].endswith("stdout P second\n")
    assert texts["0.log"].startswith("2026-01-01T00:00:00.000000000Z")


def test_nothing_is_left_when_the_kubelet_ends(tmp_path):
    starter = ScriptedStarter()
    volume = {"name": "v", "emptyDir": {}}

    async def story(world):
        await world.create(
            containers=[a_container(volumeMounts=[{"name": "v", "mountPath": "/v"}])], volumes=[volume]
        )
        await world.until_phase("Running")

    play(tmp_path, starter, story)
    assert starter.processes[0].signals == [9]
    assert os.listdir(tmp_path / "pods") == []


def test_a_running_pod_costs_one_status_write(tmp_path):
    starter = ScriptedStarter()

    async def story(world):
        created = await world.create(containers=[a_container()])
        await world.until_phase("Running")
        pod = await world.pod()
        return int(pod["metadata"]["resourceVersion"]) - int(created["metadata"]["resourceVersion"])

    assert play(tmp_path, starter, story) == 1

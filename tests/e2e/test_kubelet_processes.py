"""The kubelet with real processes: with namespaces and without."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jobset.kube.resources import CONFIG_MAPS
from jobset.local.clock import wall_clock
from jobset.local.kubelet.logs import ContainerLog, LogFile, LogSource
from jobset.local.kubelet.mounts import unlinkable_mounts
from jobset.local.names.addresses import take_block
from jobset.local.processes.client import ProcessStarter
from jobset.local.processes.fork import fork_starter
from tests.scripted_starter import World, a_world

Story = Callable[[World], Awaitable[Any]]


def play(directory: Path, story: Story, *, use_namespaces: bool = True) -> Any:
    """The result of a story with processes of this machine."""
    handle = fork_starter(use_namespaces=use_namespaces)

    async def main() -> Any:
        starter, addresses = ProcessStarter(handle), take_block()
        try:
            if use_namespaces and not starter.abilities.own_mounts:
                pytest.skip("no mount namespaces here")
            environment = {"PATH": os.environ["PATH"]}
            async with a_world(
                wall_clock, directory, starter, addresses=addresses, caller_environment=environment
            ) as world:
                return await asyncio.wait_for(story(world), 30)
        finally:
            await starter.close()
            if addresses is not None:
                addresses.close()

    return asyncio.run(main())


def shell(script: str, name: str = "main", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "x", "command": ["sh", "-c", script], **fields}


@pytest.fixture(params=[True, False], ids=["namespaces", "plain"])
def use_namespaces(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_output_exit_code_and_signal_of_a_program(tmp_path, use_namespaces):
    async def story(world):
        await world.create(
            containers=[shell("echo out; echo err >&2; kill -SEGV $$$$"), shell("exit 7", "other")]
        )
        return await world.until_phase("Failed"), sorted(world.lines)

    status, lines = play(tmp_path, story, use_namespaces=use_namespaces)
    main, other = (item["state"]["terminated"] for item in status["containerStatuses"])
    assert (main["exitCode"], main["signal"], main["reason"]) == (139, 11, "Error")
    assert other["exitCode"] == 7
    assert lines == ["err", "out"]


def test_a_program_has_its_environment_and_no_other(tmp_path, use_namespaces):
    async def story(world):
        variables = [
            {"name": "A", "value": "1"},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ]
        await world.create(
            containers=[shell("env; echo $(A)-$0", env=variables) | {"args": ["arg-$(A)"]}], hostname="host-1"
        )
        status = await world.until_phase("Succeeded")
        return status["podIP"], world.lines

    address, lines = play(tmp_path, story, use_namespaces=use_namespaces)
    assert {"A=1", f"IP={address}", "HOSTNAME=host-1", "1-arg-1"} <= set(lines)
    assert not any(line.startswith(("HOME=", "PYTEST")) for line in lines)


def test_volumes_appear_at_their_paths(tmp_path):
    async def story(world):
        config_map = {"metadata": {"name": "c", "namespace": "default"}, "data": {"k": "from config"}}
        await world.client.create(CONFIG_MAPS, config_map)
        await world.create(
            volumes=[
                {"name": "conf", "configMap": {"name": "c"}},
                {"name": "scratch", "emptyDir": {}},
                {"name": "host", "hostPath": {"path": str(tmp_path / "host")}},
            ],
            initContainers=[
                shell(
                    "echo shared > /scratch/f",
                    "i",
                    volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}],
                )
            ],
            containers=[
                shell(
                    "cat /etc/conf/k /scratch/f /etc/one; echo; echo x 2>/dev/null > /etc/conf/k || "
                    "echo read-only; echo out > /data/result",
                    volumeMounts=[
                        {"name": "conf", "mountPath": "/etc/conf"},
                        {"name": "conf", "mountPath": "/etc/one", "subPath": "k"},
                        {"name": "scratch", "mountPath": "/scratch"},
                        {"name": "host", "mountPath": "/data"},
                    ],
                )
            ],
        )
        await world.until_phase("Succeeded")
        return world.lines

    assert play(tmp_path, story) == ["from configshared", "from config", "read-only"]
    assert (tmp_path / "host" / "result").read_text() == "out\n"


def test_without_mounts_a_path_of_the_user_is_a_link_and_others_are_refused(tmp_path):
    free, taken = f"{tmp_path}/new/place", str(tmp_path)

    async def story(world):
        volumes = [{"name": "v", "emptyDir": {}}]
        for name, path in (("free", free), ("taken", taken)):
            mount = {"name": "v", "mountPath": path}
            await world.create(
                metadata={"name": name},
                volumes=volumes,
                containers=[shell(f"echo hi > {path}/f && cat {free}/f", volumeMounts=[mount])],
            )
        await world.until_phase("Succeeded", "free")
        refused = await world.until_phase("Failed", "taken")
        return refused["containerStatuses"][0]["state"]["terminated"], world.lines

    terminated, lines = play(tmp_path, story, use_namespaces=False)
    assert lines == ["hi"]
    assert (terminated["exitCode"], terminated["reason"]) == (128, "StartError")
    assert "exists on this machine" in terminated["message"]
    assert not os.path.lexists(tmp_path / "new")


def test_a_termination_message_is_what_the_program_wrote(tmp_path):
    async def story(world):
        falls_back = {"terminationMessagePolicy": "FallbackToLogsOnError"}
        await world.create(
            containers=[
                shell("echo last words > /dev/termination-log"),
                shell("echo the log says it; exit 1", "other", **falls_back),
            ]
        )
        return await world.until_phase("Failed")

    status = play(tmp_path, story)
    messages = [item["state"]["terminated"]["message"] for item in status["containerStatuses"]]
    assert messages == ["last words\n", "the log says it\n"]


def test_mounts_that_links_cannot_stand_in_for_are_known_before_anything_starts(tmp_path):
    mounts = [
        {"name": "v", "mountPath": str(tmp_path)},
        {"name": "h", "mountPath": str(tmp_path)},
        {"name": "v", "mountPath": str(tmp_path / "free" / "place")},
    ]
    volumes = [{"name": "v", "emptyDir": {}}, {"name": "h", "hostPath": {"path": str(tmp_path)}}]

    found = list(unlinkable_mounts({"containers": [shell("true", volumeMounts=mounts)], "volumes": volumes}))

    assert [(path, value) for path, value, _ in found] == [
        ("containers[0].volumeMounts[0].mountPath", str(tmp_path))
    ]
    assert "exists on this machine" in found[0][2]


SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = os.path.exists(sys.argv[2]) and self.path == "/ok?x=1" and self.headers["X-Me"] == "probe"
        self.send_response(200 if ready else 503)
        self.end_headers()
    def log_message(self, *args): pass
http.server.HTTPServer((os.environ["POD_IP"], int(sys.argv[1])), Handler).serve_forever()
"""


def test_http_tcp_and_exec_probes_ask_the_pod(tmp_path, use_namespaces):
    flag = tmp_path / "flag"
    port = _free_port()
    http = {"path": "/ok?x=1", "port": "web", "httpHeaders": [{"name": "X-Me", "value": "probe"}]}
    container = {
        "name": "main",
        "image": "x",
        "command": [sys.executable, "-c", SERVER, str(port), str(flag)],
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "ports": [{"name": "web", "containerPort": port}],
        "startupProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1, "failureThreshold": 20},
        "readinessProbe": {"httpGet": http, "periodSeconds": 1},
        # On a busy machine a second is not enough to start a shell.
        "livenessProbe": {
            "exec": {"command": ["sh", "-c", "test $POD_IP"]},
            "periodSeconds": 1,
            "timeoutSeconds": 20,
        },
    }

    async def story(world):
        await world.create(containers=[container])
        started = await world.until(lambda status: status["containerStatuses"][0]["started"])
        await asyncio.sleep(1.2)
        before = (await world.status())["containerStatuses"][0]
        flag.touch()
        await world.until(lambda status: status["containerStatuses"][0]["ready"])
        return started["containerStatuses"][0]["ready"], before, world.events

    ready_at_once, before, events = play(tmp_path, story, use_namespaces=use_namespaces)
    assert (ready_at_once, before["ready"], before["restartCount"]) == (False, False, 0)
    assert "Readiness probe failed: HTTP probe failed with statuscode: 503" in events.of("Unhealthy")
    assert not any(note.startswith("Liveness") for note in events.of("Unhealthy"))


def test_stop_reaches_everything_that_a_container_started(tmp_path):
    async def story(world):
        script = "trap '' TERM; (setsid sleep 4321 &); sleep 4321 & wait; sleep 4321"
        await world.create(containers=[shell(script)], terminationGracePeriodSeconds=1)
        await world.until_phase("Running")
        await asyncio.sleep(0.3)
        seen = _running("sleep 4321")
        await world.delete()
        await world.until_gone()
        return seen

    assert play(tmp_path, story) >= 2
    assert _running("sleep 4321") == 0


def test_much_output_survives_whole(tmp_path):
    written = "b'x' * 70_000 + b'\\n' + b'line\\n' * 300_000 + b'\\xff\\x00end'"

    async def story(world):
        script = f"import sys; sys.stdout.buffer.write({written})"
        await world.create(
            containers=[{"name": "main", "image": "x", "command": [sys.executable, "-c", script]}]
        )
        await world.until_phase("Succeeded")
        return world.lines

    lines = play(tmp_path, story)
    assert "".join(lines[:5]) == "x" * 70_000
    assert lines[5:-1] == ["line"] * 300_000
    assert lines[-1] == "�\x00end"


def test_a_terminal_is_one(tmp_path):
    async def story(world):
        await world.create(containers=[shell("test -t 0 && test -t 1 && echo terminal", tty=True)])
        await world.until_phase("Succeeded")
        return world.lines

    assert [line.rstrip("\r") for line in play(tmp_path, story)] == ["terminal"]


def test_a_program_that_reads_waits_when_stdin_is_open_and_ends_when_it_is_not(tmp_path):
    async def story(world):
        await world.create(containers=[shell("cat; echo done")])
        await world.until_phase("Succeeded")
        await world.create(metadata={"name": "q"}, containers=[shell("cat; echo done", stdin=True)])
        await world.until_phase("Running", "q")
        await asyncio.sleep(0.3)
        return (await world.status("q"))["phase"]

    assert play(tmp_path, story) == "Running"


def test_a_full_disk_loses_log_lines_but_not_the_program():
    notices = []
    file = LogFile("/dev/full", notices.append)
    source = LogSource(namespace="n", pod="p", pod_uid="u", container="c", attempt=0)
    lines = []

    async def main():
        log = ContainerLog(source=source, file=file, nanos=time.time_ns, listeners=(lines.append,))
        for text in (b"one\n", b"two\n"):
            read, write = os.pipe()
            os.write(write, text)
            os.close(write)
            log.follow(read, "stdout")
        await asyncio.sleep(0.05)
        log.finish()

    asyncio.run(main())
    assert notices == [
        "cannot write the log /dev/full: the disk is full; the program runs on, its output is lost"
    ]
    assert sorted(text for written in lines for text in written.texts()) == ["one", "two"]


def test_log_files_rotate(tmp_path, monkeypatch):
    monkeypatch.setattr("jobset.local.kubelet.logs.LARGEST_FILE", 100)
    file = LogFile(str(tmp_path / "d" / "0.log"), lambda sentence: None)

    for number in range(12):
        file.write(f"{number:>3}".encode() * 20)
    file.close()

    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == [
        "0.log",
        "0.log.1",
        "0.log.2",
        "0.log.3",
        "0.log.4",
    ]
    assert (tmp_path / "d" / "0.log").read_text().startswith(" 11")
    assert (tmp_path / "d" / "0.log.1").read_text().startswith(" 10")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _running(words: str) -> int:
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        found += line.startswith(words)
    return found

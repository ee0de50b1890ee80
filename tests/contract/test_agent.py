"""The agent as a process: it waits, tells, lifts, asks for restarts and ends, whatever the API."""

import asyncio
import os
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jobset.kube.transport import Request, Response, Transport, WatchEvent
from tests.agent_process import (
    AgentWorld,
    LocalAgentWorld,
    a_free_port,
    a_jobset,
    a_local_agent_world,
    an_agent,
)
from tests.control_plane.agents import a_real_agent_world

RESTART = "42"
DISABLE = {"annotations": {"jobset.sigs.k8s.io/disable-in-place-restart": "x"}}
RECREATE = {"failurePolicy": {"restartStrategy": "Recreate"}}


@pytest.fixture
async def local_world(tmp_path: Path) -> AsyncIterator[LocalAgentWorld]:
    async with a_local_agent_world(tmp_path) as world:
        yield world


@pytest.fixture(params=["local", pytest.param("real", marks=pytest.mark.control_plane)])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AgentWorld]:
    """A world with the API server of this process, or with a real one."""
    if request.param == "local":
        opened: Any = a_local_agent_world(tmp_path)
    else:
        opened = a_real_agent_world(request.getfixturevalue("bare_control_plane"), tmp_path)
    async with opened as world:
        yield world


async def test_a_restart_in_place(world: AgentWorld) -> None:
    await world.create("p", "q")
    codes = []

    async with (
        world.an_agent("p", WORKER_COMMAND="exit 7", IN_PLACE_RESTART_EXIT_CODE=RESTART) as failing,
        world.an_agent("q", WORKER_COMMAND="sleep 60", IN_PLACE_RESTART_EXIT_CODE=RESTART) as waiting,
    ):
        await world.until_told("p", "0")
        await world.until_told("q", "0")
        await world.step(None, 0)
        codes.append(await failing.exit_code())
        async with world.an_agent("p", WORKER_COMMAND="echo again") as restarted:
            await world.until_told("p", "1")
            await world.step(0, 0)
            codes.append(await waiting.exit_code())
            async with world.an_agent("q", WORKER_COMMAND="echo again"):
                await world.until_told("q", "1")
                assert restarted.output.read_text() == ""
                await world.step(0, 1)
                codes.append(await restarted.exit_code())

    assert codes == [7, 42, 0]
    assert restarted.output.read_text() == "again\n"


STARTS = {"the first time": (None, "0"), "after attempt 0": (0, "1"), "after attempt 6": (6, "7")}


@pytest.mark.parametrize(("current", "attempt"), STARTS.values(), ids=STARTS)
async def test_the_attempt_that_is_told(world: AgentWorld, current: int | None, attempt: str) -> None:
    await world.create("p", status={} if current is None else {"currentInPlaceRestartAttempt": current})

    async with world.an_agent("p", WORKER_COMMAND="true") as agent:
        await agent.until_logged(f"this is attempt {attempt}")

    assert await world.told("p") == attempt


async def test_an_attempt_is_told_once_and_by_its_manager(world: AgentWorld) -> None:
    await world.create("p")

    async with world.an_agent("p", WORKER_COMMAND="sleep 60") as agent:
        await agent.until_logged("this is attempt 0")
        version = (await world.pod("p"))["metadata"]["resourceVersion"]
        await world.step(None, 0)
        await agent.until_logged("the barrier is lifted")
        await world.change(metadata={"annotations": {"some": "news"}})
        await asyncio.sleep(0.3)

    assert (await world.pod("p"))["metadata"]["resourceVersion"] == version
    assert agent.log.read_text().count("this is attempt") == 1
    assert agent.log.read_text().count("the barrier is lifted") == 1


CODES = {
    "success": ("exit 0", 0),
    "a failure": ("exit 7", 7),
    "killed by a signal": ("kill -TERM $$", 255),
    "no such program": ("/no/such/program", 127),
}


@pytest.mark.parametrize(("command", "code"), CODES.values(), ids=CODES)
async def test_the_exit_code_of_a_worker(world: AgentWorld, command: str, code: int) -> None:
    await world.create("p", metadata=DISABLE)

    async with world.an_agent("p", WORKER_COMMAND=command) as agent:
        assert await agent.exit_code() == code


async def test_a_worker_has_the_shell_the_environment_and_the_output_of_the_agent(world: AgentWorld) -> None:
    await world.create("p", metadata=DISABLE)
    command = "echo out $JOBSET_NAME $0; echo err >&2; cat; grep SigIgn /proc/self/status"

    async with world.an_agent("p", WORKER_COMMAND=command, SHELL="/bin/sh") as agent:
        assert await agent.exit_code() == 0

    first, second = agent.output.read_text().splitlines()
    ignored = int(second.removeprefix("SigIgn:"), 16)
    assert first == "out js /bin/sh"
    assert [number for number in (signal.SIGPIPE, signal.SIGXFSZ) if ignored >> (number - 1) & 1] == []
    assert "err\n" in agent.log.read_text()


async def test_a_shell_that_does_not_exist_ends_with_1(world: AgentWorld) -> None:
    await world.create("p", metadata=DISABLE)

    async with world.an_agent("p", WORKER_COMMAND="true", SHELL="/no/shell") as agent:
        assert await agent.exit_code() == 1

    assert "cannot start /no/shell" in agent.log.read_text()


BYPASSES = {
    "the annotation": {"metadata": DISABLE},
    "another strategy": {"spec": RECREATE},
    "no policy": {"spec": {"failurePolicy": None}},
}


@pytest.mark.parametrize("jobset", BYPASSES.values(), ids=BYPASSES)
async def test_without_in_place_restarts_the_worker_starts_and_nothing_is_told(
    world: AgentWorld, jobset: dict[str, object]
) -> None:
    await world.create("p")
    environ = await world.account("p")
    await world.delete_jobset()
    await world.put_jobset(a_jobset(world.namespace, **jobset))

    async with an_agent(world.folder, {**environ, "WORKER_COMMAND": "echo works"}) as agent:
        assert await agent.exit_code() == 0

    assert agent.output.read_text() == "works\n"
    assert await world.told("p") is None


async def test_a_jobset_that_does_not_exist_yet_is_waited_for(world: AgentWorld) -> None:
    await world.create("p")
    await world.account("p")
    await world.delete_jobset()

    async with world.an_agent("p", WORKER_COMMAND="true") as agent:
        await asyncio.sleep(1.0)
        assert (agent.process.returncode, await world.told("p")) == (None, None)

        await world.create()
        await world.until_told("p", "0")


@dataclass
class RefusingWrites:
    """Refuses the first writes."""

    inner: Transport
    left: int

    async def send(self, request: Request) -> Response:
        if request.method == "PATCH" and self.left:
            self.left -= 1
            return Response(code=500, body={"kind": "Status", "code": 500, "message": "not today"})
        return await self.inner.send(request)

    def watch(self, request: Request) -> AsyncIterator[WatchEvent]:
        return self.inner.watch(request)

    async def close(self) -> None:
        await self.inner.close()


async def test_an_attempt_that_cannot_be_told_is_told_later(local_world: LocalAgentWorld) -> None:
    await local_world.create("p")
    local_world.api.transport = RefusingWrites(local_world.transport, 2)

    async with local_world.an_agent("p", WORKER_COMMAND="exit 3") as agent:
        await agent.until_logged("cannot tell attempt 0")
        await local_world.change(metadata={"annotations": {"some": "news"}})
        await agent.until_logged("this is attempt 0")
        await local_world.step(None, 0)

        assert await agent.exit_code() == 3
    assert agent.log.read_text().count("cannot tell attempt 0") == 2


async def test_news_are_no_reason_to_try_again_earlier(local_world: LocalAgentWorld) -> None:
    await local_world.create("p")
    local_world.api.transport = RefusingWrites(local_world.transport, 1000)

    async with local_world.an_agent("p", WORKER_COMMAND="true") as agent:
        await agent.until_logged("cannot tell attempt 0")
        for number in range(20):
            await local_world.change(metadata={"annotations": {"some": f"news {number}"}})
            await asyncio.sleep(0.02)
        tries = agent.log.read_text().count("cannot tell attempt 0")

    assert tries < 10


async def test_an_agent_goes_on_when_its_connection_was_cut(local_world: LocalAgentWorld) -> None:
    await local_world.create("p")

    async with local_world.an_agent("p", WORKER_COMMAND="exit 3") as agent:
        await agent.until_logged("this is attempt 0")
        await local_world.transport.close()
        await local_world.step(None, 0)

        assert await agent.exit_code() == 3


SIGNALS = {"SIGTERM": (signal.SIGTERM, 143), "SIGINT": (signal.SIGINT, 130)}


@pytest.mark.parametrize(("number", "code"), SIGNALS.values(), ids=SIGNALS)
async def test_a_signal_ends_an_agent_that_waits(world: AgentWorld, number: int, code: int) -> None:
    await world.create("p")

    async with world.an_agent("p", WORKER_COMMAND="true") as agent:
        await agent.until_logged("this is attempt 0")
        agent.signal(number)

        assert await agent.exit_code() == code


@pytest.mark.parametrize(("number", "code"), SIGNALS.values(), ids=SIGNALS)
async def test_a_signal_ends_an_agent_and_its_worker(world: AgentWorld, number: int, code: int) -> None:
    await world.create("p", metadata=DISABLE)

    async with world.an_agent("p", WORKER_COMMAND="trap '' INT TERM; echo $$; sleep 60; sleep 60") as agent:
        worker = int(await agent.until(lambda: agent.output.read_text().strip()))
        agent.signal(number)

        assert await agent.exit_code() == code
    await until_gone(worker)


async def test_a_signal_ends_an_agent_that_has_hardly_begun(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "server")
    environ = {"JOBSET_NAME": "js", "POD_NAME": "p", "JOBSET_ACCOUNT_FOLDER": str(tmp_path)}

    async with an_agent(tmp_path, environ) as agent:
        end = await agent.until(lambda: open_for_a_reader(tmp_path / "server"))
        agent.signal(signal.SIGTERM)
        # It may be on its way into a read that nothing interrupts: Python looks at signals between two steps.
        os.close(end)

        assert await agent.exit_code() == 143


def open_for_a_reader(pipe: Path) -> int | None:
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


async def test_a_restart_ends_the_worker(world: AgentWorld) -> None:
    await world.create("p")

    command = "echo $$; sleep 60; sleep 60"
    async with world.an_agent("p", WORKER_COMMAND=command, IN_PLACE_RESTART_EXIT_CODE=RESTART) as agent:
        await world.until_told("p", "0")
        await world.step(None, 0)
        worker = int(await agent.until(lambda: agent.output.read_text().strip()))
        await world.step(0, 0)

        assert await agent.exit_code() == 42
    await until_gone(worker)


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
            await asyncio.sleep(0.02)


async def test_the_exit_code_for_a_restart_is_1_unless_said_otherwise(world: AgentWorld) -> None:
    await world.create("p")

    async with world.an_agent("p", WORKER_COMMAND="sleep 60") as agent:
        await world.until_told("p", "0")
        await world.step(0, None)

        assert await agent.exit_code() == 1


async def test_a_sidecar_answers_its_probe_once_the_barrier_is_lifted(world: AgentWorld) -> None:
    await world.create("p")
    port = a_free_port()
    environ = {"STARTUP_PROBE_PATH": "/up", "STARTUP_PROBE_PORT": str(port)}

    async with world.an_agent("p", **environ, IN_PLACE_RESTART_EXIT_CODE=RESTART) as agent:
        await world.until_told("p", "0")
        before = await probe(port, "/up")
        await world.step(None, 0)
        await agent.until_logged("the barrier is lifted")
        codes = [await probe(port, path) for path in ("/up", "/up?x=1", "/up/", "/down", "/")]
        await world.step(0, 0)

        assert await agent.exit_code() == 42

    assert before is None
    assert codes == [200, 200, 404, 404, 404]


async def test_a_sidecar_listens_where_it_should_by_default(world: AgentWorld) -> None:
    await world.create("p", metadata=DISABLE)

    # The port is the same in every test process.
    host = f"127.9.{os.getpid() // 200 % 200}.{os.getpid() % 200 + 1}"

    async with world.an_agent("p", STARTUP_PROBE_HOST=host) as agent:
        await agent.until_logged("the barrier is lifted")

        assert await probe(8081, "/barrier-is-down", host) == 200
        assert await probe(8081, "/barrier-is-down", "127.8.0.1") is None


async def test_a_sidecar_listens_at_all_addresses(world: AgentWorld) -> None:
    await world.create("p", metadata=DISABLE)
    port = a_free_port()

    async with world.an_agent("p", STARTUP_PROBE_HOST="", STARTUP_PROBE_PORT=str(port)) as agent:
        await agent.until_logged("the barrier is lifted")

        assert await probe(port, "/barrier-is-down", "127.7.6.5") == 200


async def test_a_port_that_is_taken_ends_a_sidecar_with_1(world: AgentWorld) -> None:
    await world.create("p", "q", metadata=DISABLE)
    port = str(a_free_port())

    async with world.an_agent("p", STARTUP_PROBE_PORT=port) as first:
        await first.until_logged("the barrier is lifted")
        async with world.an_agent("q", STARTUP_PROBE_PORT=port) as second:
            assert await second.exit_code() == 1

    assert f"cannot listen on port {port}" in second.log.read_text()


async def probe(port: int, path: str, host: str = "127.0.0.1") -> int | None:
    """The code that a probe gets; None when nobody answers."""

    def ask() -> int | None:
        try:
            return int(urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=5).status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except urllib.error.URLError:
            return None

    return await asyncio.to_thread(ask)


WRONG_STARTS = {
    "no JobSet": ({"JOBSET_NAME": ""}, "JOBSET_NAME is not set"),
    "no pod": ({"POD_NAME": ""}, "POD_NAME is not set"),
    "a bad exit code": ({"IN_PLACE_RESTART_EXIT_CODE": "x"}, "IN_PLACE_RESTART_EXIT_CODE"),
    "a worker and a probe": ({"WORKER_COMMAND": "true", "STARTUP_PROBE_PORT": "1"}, "one excludes the other"),
    "no account": ({"JOBSET_ACCOUNT_FOLDER": "/no/such/folder"}, "cannot read /no/such/folder/server"),
    "no pod at all": ({"JOBSET_ACCOUNT_FOLDER": ""}, "this is not a pod"),
}


@pytest.mark.parametrize(("environ", "words"), WRONG_STARTS.values(), ids=WRONG_STARTS)
async def test_a_wrong_start_ends_with_1(world: AgentWorld, environ: dict[str, str], words: str) -> None:
    await world.create("p")

    async with world.an_agent("p", **environ) as agent:
        assert await agent.exit_code() == 1

    assert words in agent.log.read_text()


async def test_the_command_line_has_the_agent_too(world: AgentWorld) -> None:
    await world.create("p", metadata=DISABLE)
    environ = {**await world.account("p"), "WORKER_COMMAND": "exit 9"}

    async with an_agent(world.folder, environ, "-m", "jobset", "agent") as agent:
        assert await agent.exit_code() == 9


async def test_an_agent_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    heavy = [
        "aiohttp",
        "click",
        "yaml",
        "cryptography",
        "re2",
        "jobset.controller",
        "jobset.local",
        "jobset.core",
    ]
    script = f"import sys, jobset.agent.run; sys.exit(str([name for name in {heavy} if name in sys.modules]))"

    async with an_agent(tmp_path, {}, "-c", script) as agent:
        await agent.exit_code()

    assert agent.log.read_text() == "[]\n"

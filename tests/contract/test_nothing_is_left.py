"""Nothing outlives the command, its starter or a container, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobset.local.processes.starter import Exit
from tests.contract.containers import PATH, a_launch, processes_with, shell, until


def a_supervisor(script: str, *, use_namespaces: bool) -> "subprocess.Popen[str]":
    """Another process that starts a container with `script` and waits."""
    code = f"""
import asyncio, sys
from jobset.local.processes.fork import fork_starter
handle = fork_starter(use_namespaces={use_namespaces})
from jobset.local.processes.client import ProcessStarter
from jobset.local.processes.starter import Launch
async def main():
    starter = ProcessStarter(handle)
    starter.remove_afterwards(sys.argv[1:])
    launch = Launch(argv=("sh", "-c", {script!r}), env={{"PATH": {PATH!r}}}, working_dir="/", hostname="w",
                    hosts_file=None, stdout=1, stderr=2)
    await starter.start(launch)
    print(handle.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("use_namespaces", [True, False], ids=["namespaces", "plain"])
@pytest.mark.parametrize("victims", ["supervisor", "starter", "both"])
async def test_everything_ends_within_two_seconds_of_kill_9(use_namespaces, victims):
    mark = f"4{os.getpid()}{time.monotonic_ns() % 10**6}"
    script = f"(setsid sh -c 'trap \"\" TERM HUP; sleep {mark}; sleep {mark}' &); sleep {mark}"
    supervisor = a_supervisor(script, use_namespaces=use_namespaces)
    assert supervisor.stdout is not None
    starter = int(supervisor.stdout.readline())
    await until(lambda: len(processes_with(f"sleep\0{mark}")) == 2)

    for pid in {"supervisor": [supervisor.pid], "starter": [starter], "both": [supervisor.pid, starter]}[
        victims
    ]:
        os.kill(pid, signal.SIGKILL)

    try:
        await until(lambda: processes_with(f"sleep\0{mark}") == [], 2)
    finally:
        supervisor.kill()
        supervisor.wait()
        supervisor.stdout.close()
    await until(lambda: not is_alive(starter), 2)


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


async def test_a_killed_reaper_leaves_nothing_behind_either(starter, output):
    mark = f"3{os.getpid()}"
    process = await starter.start(shell(output, f"setsid sleep {mark} & sleep {mark}"))
    await until(lambda: len(processes_with(f"sleep\0{mark}")) == 2)
    parent = int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[1])

    os.kill(parent, signal.SIGKILL)

    assert await process.wait() == Exit(code=137, signal=9)
    await until(lambda: processes_with(f"sleep\0{mark}") == [], seconds=15)


async def test_the_starter_removes_what_a_killed_supervisor_left(tmp_path):
    left = tmp_path / "left"
    left.mkdir()
    (left / "file").touch()
    code = (
        "import asyncio, os, sys\n"
        "from jobset.local.processes.fork import fork_starter\n"
        "handle = fork_starter()\n"
        "from jobset.local.processes.client import ProcessStarter\n"
        "async def main():\n"
        "    ProcessStarter(handle).remove_afterwards([sys.argv[1]])\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )

    subprocess.run([sys.executable, "-c", code, str(left)], check=False)

    await until(lambda: not left.exists())


async def test_ctrl_c_of_the_terminal_does_not_reach_starter_or_containers(starter, output):
    process = await starter.start(a_launch(output, "sleep", "60"))

    assert os.getsid(starter._pid) != os.getsid(0)
    assert os.getsid(process.pid) not in (os.getsid(0), os.getsid(starter._pid))

"""Containers as real processes, with namespaces and without."""

import asyncio
import os
import resource
import signal
import time

import pytest

from jobset.local.processes.starter import Exit, StartFailed
from tests.contract.containers import PATH, a_launch, processes_with, shell, until

ENDS = {
    "success": ("true", Exit(code=0)),
    "a code": ("exit 7", Exit(code=7)),
    "a signal": ("kill -SEGV $$", Exit(code=139, signal=11)),
    "killed": ("kill -KILL $$", Exit(code=137, signal=9)),
    "a code above 128 is no signal": ("exit 143", Exit(code=143)),
}


@pytest.mark.parametrize(("script", "end"), ENDS.values(), ids=ENDS)
async def test_a_container_reports_how_it_ended(starter, output, script, end):
    process = await starter.start(shell(output, script))

    assert await process.wait() == end


REFUSALS = {
    "not on PATH": (("no-such-program",), {}, 127, "executable file not found in $PATH"),
    "no such file": (("/no/such/program",), {}, 127, "no such file or directory"),
    "not executable": (("/etc/passwd",), {}, 126, "permission denied"),
    "a directory": (("/tmp",), {}, 126, "is a directory"),
    "no working directory": (("true",), {"working_dir": "/no/where"}, 128, 'working directory "/no/where"'),
    "no command": ((), {}, 128, "no command"),
    "a null byte": (("true", "a\0b"), {}, 128, "null byte"),
    "too long": (("true", *["x" * 100_000] * 40), {}, 128, "Argument list too long"),
}


@pytest.mark.parametrize(("argv", "changes", "code", "text"), REFUSALS.values(), ids=REFUSALS)
async def test_a_program_that_cannot_start_says_why(starter, output, argv, changes, code, text):
    with pytest.raises(StartFailed, match=text.replace("$", r"\$")) as refused:
        await starter.start(a_launch(output, *argv, **changes))

    assert refused.value.code == code


async def test_a_script_without_interpreter_or_format_is_refused(starter, output, tmp_path):
    no_interpreter, no_format = tmp_path / "one", tmp_path / "two"
    no_interpreter.write_text("#!/no/such/interpreter\n")
    no_format.write_bytes(b"\x00\x01\x02")
    no_interpreter.chmod(0o755)
    no_format.chmod(0o755)

    with pytest.raises(StartFailed, match="interpreter or loader does not exist") as missing:
        await starter.start(a_launch(output, str(no_interpreter)))
    with pytest.raises(StartFailed, match="exec format error") as unknown:
        await starter.start(a_launch(output, str(no_format)))

    assert (missing.value.code, unknown.value.code) == (127, 128)


async def test_a_program_gets_its_environment_folder_input_and_default_signals(starter, output, tmp_path):
    given = tmp_path / "input"
    given.write_text("hello\n")
    script = "pwd; echo $NAME; cat; env | wc -l; grep SigIgn /proc/self/status; ls /proc/self/fd | wc -l"

    with given.open() as file:
        launch = shell(
            output,
            script,
            working_dir=str(tmp_path),
            env={"PATH": PATH, "NAME": "a value"},
            stdin=file.fileno(),
        )
        process = await starter.start(launch)
    await process.wait()

    lines = str(output).splitlines()
    assert lines[:3] == [str(tmp_path), "a value", "hello"]
    # Two signals belong to the C library, and are as we found them.
    assert int(lines[4].split()[1], 16) & ~0x180000000 == 0
    assert lines[5] == "4", "standard files, and the one that ls reads"


async def test_a_signal_reaches_the_process_group_and_its_handler(starter, output):
    script = "trap 'echo got it; exit 3' TERM; sleep 60 & echo ready; wait"
    process = await starter.start(shell(output, script))
    await until(lambda: "ready" in str(output))

    process.signal(signal.SIGTERM)

    assert await process.wait() == Exit(code=3)
    assert "got it" in str(output)


async def test_a_program_that_does_not_handle_sigterm_dies_of_it(starter, output):
    process = await starter.start(a_launch(output, "sleep", "60"))

    process.signal(signal.SIGTERM)

    assert await process.wait() == Exit(code=143, signal=15)


ESCAPES = {
    "in the background": "sleep {0} & ",
    "in another session": "setsid sleep {0} & ",
    "forked twice": "(setsid sh -c 'sleep {0} & sleep {0} &' &) ; ",
    "deaf to signals": "setsid sh -c 'trap \"\" TERM HUP INT; sleep {0}; sleep {0}' & ",
}


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize("end", ["exit 0", "sleep 60"], ids=["after it ended", "when it is killed"])
async def test_nothing_of_a_container_survives_it(starter, output, escape, end):
    mark = f"7{os.getpid()}{time.monotonic_ns() % 10**6}"
    process = await starter.start(shell(output, f"{escape.format(mark)} sleep 0.1; echo ready; {end}"))
    await until(lambda: "ready" in str(output))

    process.kill()
    await process.wait()

    assert processes_with(mark) == []


async def test_a_command_runs_in_the_container(starter, output):
    process = await starter.start(a_launch(output, "sleep", "60"))
    env = {"PATH": PATH, "WORD": "hi"}

    seen = await process.exec(("sh", "-c", "readlink /proc/self/ns/uts; echo $WORD >&2; exit 4"), env, 5)
    outside = os.readlink("/proc/self/ns/uts")

    assert seen.code == 4
    assert seen.output.decode().splitlines()[1] == "hi"
    assert (outside in seen.output.decode()) != starter.abilities.own_hosts


async def test_a_command_that_takes_too_long_is_killed_with_its_children(starter, output):
    process = await starter.start(a_launch(output, "sleep", "60"))
    mark = f"8{os.getpid()}"

    result = await process.exec(("sh", "-c", f"echo begun; sleep {mark} & sleep {mark}"), {"PATH": PATH}, 0.3)

    assert (result.code, result.output) == (None, b"begun\n")
    await until(lambda: processes_with(mark) == [])


async def test_a_command_that_does_not_exist_has_a_code_of_its_own(starter, output):
    process = await starter.start(a_launch(output, "sleep", "60"))

    result = await process.exec(("no-such-program",), {"PATH": PATH}, 5)

    assert result.code == 127
    assert b"not found" in result.output


async def test_much_output_of_a_command_neither_blocks_it_nor_is_kept_whole(starter, output):
    process = await starter.start(a_launch(output, "sleep", "60"))

    result = await process.exec(("sh", "-c", "head -c 3000000 /dev/zero; exit 5"), {"PATH": PATH}, 10)

    assert result.code == 5
    assert len(result.output) == 64 * 1024


async def test_what_a_command_leaves_in_the_background_ends_with_the_container(starter, output):
    process = await starter.start(a_launch(output, "sleep", "60"))
    mark = f"9{os.getpid()}"
    await process.exec(("sh", "-c", f"setsid sleep {mark} >/dev/null 2>&1 & sleep 0.1"), {"PATH": PATH}, 5)
    assert processes_with(mark) != []

    process.kill()
    await process.wait()

    assert processes_with(mark) == []


async def test_many_containers_start_and_end_side_by_side(starter, output):
    processes = await asyncio.gather(
        *(starter.start(shell(output, f"exit {number}")) for number in range(60))
    )

    ends = await asyncio.gather(*(process.wait() for process in processes))

    assert [end.code for end in ends] == list(range(60))


async def test_close_ends_everything(starter, output):
    mark = f"6{os.getpid()}"
    process = await starter.start(shell(output, f"trap '' TERM; setsid sleep {mark} & sleep {mark}; sleep 5"))

    await starter.close()

    assert await process.wait() == Exit(code=137, signal=9)
    assert processes_with(mark) == []
    with pytest.raises(StartFailed, match="starter has ended"):
        await starter.start(a_launch(output, "true"))


async def test_a_start_that_is_cancelled_leaves_no_process(starter, output):
    mark = f"5{os.getpid()}"
    start = asyncio.create_task(starter.start(a_launch(output, "sleep", mark)))
    await asyncio.sleep(0)

    start.cancel()
    await asyncio.wait([start])

    await until(lambda: processes_with(mark) == [] and not starter._running)


async def test_a_file_that_cannot_be_passed_fails_one_launch_only(starter, output):
    with pytest.raises(StartFailed, match="cannot be asked"):
        await starter.start(a_launch(output, "true", stdout=9999))

    assert await (await starter.start(a_launch(output, "true"))).wait() == Exit(code=0)


@pytest.mark.parametrize("room", [0, 2, 3])
async def test_no_file_descriptors_left_fails_the_launch_and_not_the_starter(starter, output, room):
    pid = starter._pid
    await (await starter.start(a_launch(output, "true"))).wait()
    used = len(os.listdir(f"/proc/{pid}/fd"))
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + room, before[1]))

    with pytest.raises(StartFailed, match="file descriptors are left") as refused:
        await starter.start(a_launch(output, "true"))

    assert refused.value.code == 128
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    assert await (await starter.start(a_launch(output, "true"))).wait() == Exit(code=0)

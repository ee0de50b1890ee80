"""What a container sees of the machine where namespaces are allowed, as root and as an ordinary user."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from jobset.local.processes.client import ProcessStarter
from jobset.local.processes.fork import fork_starter
from jobset.local.processes.starter import Mount
from tests.contract.containers import PATH, a_launch, shell, until


def a_message_file(folder: Path, name: str = "message") -> str:
    """An empty file for a termination message."""
    file = folder / name
    file.touch()
    return str(file)


async def test_a_hosts_file_and_hostname_of_its_own_and_changes_are_seen(isolating, output, tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("127.9.9.1 w-0.svc.ns.svc.cluster.local w-0\n127.9.9.2 late\n")
    wait = "touch /tmp/$MARK; while [ -e /tmp/$MARK ]; do sleep 0.05; done"
    script = f"hostname; hostname -f; getent hosts late; {wait}; getent hosts late"
    mark = f"jobset-test-{os.getpid()}"
    env = {"PATH": PATH, "MARK": mark}
    process = await isolating.start(shell(output, script, hosts_file=str(hosts), env=env))
    await until(lambda: Path("/tmp", mark).exists())

    with hosts.open("r+") as file:
        file.seek(hosts.read_text().index("127.9.9.2"))
        file.write("127.9.9.3")
    Path("/tmp", mark).unlink()
    await process.wait()

    lines = str(output).splitlines()
    assert lines[:2] == ["w-0", "w-0.svc.ns.svc.cluster.local"]
    assert [line.split()[0] for line in lines[2:]] == ["127.9.9.2", "127.9.9.3"]


PLACES = ["/data", "/data-1/deep/er", "/etc/jobset-test/config", "/usr/share/jobset-test", "/mnt/jobset-test"]


@pytest.mark.parametrize("place", PLACES)
async def test_a_volume_appears_at_a_path_that_does_not_exist(isolating, output, tmp_path, place):
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "file").write_text("content\n")
    mounts = (Mount(source=str(volume), target=place),)

    script = f"cat {place}/file; echo new > {place}/new; ls /etc/passwd /usr/bin/env; getent passwd root"
    end = await (await isolating.start(shell(output, script, mounts=mounts))).wait()

    assert (end.code, str(output).splitlines()[:3]) == (0, ["content", "/etc/passwd", "/usr/bin/env"])
    assert (volume / "new").read_text() == "new\n"
    assert not Path(place).exists()


async def test_volumes_cover_what_exists_and_lie_in_each_other(isolating, output, tmp_path):
    outer, inner, one = tmp_path / "outer", tmp_path / "inner", tmp_path / "one"
    outer.mkdir()
    inner.mkdir()
    (inner / "file").write_text("inner\n")
    one.write_text("one file\n")
    mounts = (
        Mount(source=str(inner), target="/opt/sub/folder", read_only=True),
        Mount(source=str(outer), target="/opt"),
        Mount(source=str(one), target="/etc/passwd"),
        Mount(source=str(one), target="/srv/new-file"),
    )

    script = "cat /opt/sub/folder/file /etc/passwd /srv/new-file; touch /opt/sub/folder/x && echo written"
    await (await isolating.start(shell(output, script, mounts=mounts))).wait()

    assert str(output).splitlines()[:3] == ["inner", "one file", "one file"]
    assert "written" not in str(output)


TERMINALS = ["/tmp/jobset-test/message", "/dev/termination-log", "/dev/jobset-test/message"]


@pytest.mark.parametrize("place", TERMINALS)
async def test_a_program_can_open_a_terminal_of_its_own(isolating, output, tmp_path, place):
    mounts = (Mount(source=a_message_file(tmp_path), target=place),)
    code = "import os; ours, theirs = os.openpty(); print(os.ttyname(theirs))"

    await (await isolating.start(a_launch(output, sys.executable, "-c", code, mounts=mounts))).wait()

    assert str(output).startswith("/dev/pts/")


async def test_messages_at_the_usual_place_are_the_containers_own(isolating, output, tmp_path):
    files = [a_message_file(tmp_path, f"message-{number}") for number in range(3)]
    script = "echo $NUMBER > /dev/termination-log; cat /dev/termination-log; echo > /dev/null; ls /dev"
    launches = [
        shell(
            output,
            script,
            env={"PATH": PATH, "NUMBER": str(number)},
            mounts=(Mount(source=file, target="/dev/termination-log"),),
        )
        for number, file in enumerate(files)
    ]

    for launch in launches:
        await (await isolating.start(launch)).wait()

    assert [Path(file).read_text() for file in files] == ["0\n", "1\n", "2\n"]
    seen = str(output).splitlines()
    assert {name: seen.count(name) for name in os.listdir("/dev")} == dict.fromkeys(os.listdir("/dev"), 3)
    assert not Path("/dev/termination-log").exists()


async def test_without_a_message_there_the_usual_place_does_not_exist(isolating, output, tmp_path):
    mounts = (Mount(source=a_message_file(tmp_path), target="/tmp/jobset-test/message"),)
    script = "ls -a /dev; echo words > /tmp/jobset-test/message"

    await (await isolating.start(shell(output, script, mounts=mounts))).wait()

    assert sorted(str(output).split()) == sorted([".", "..", *os.listdir("/dev")])
    assert (tmp_path / "message").read_text() == "words\n"


async def test_a_volume_of_the_machines_devices_has_nothing_added(isolating, output, tmp_path):
    mounts = (
        Mount(source=a_message_file(tmp_path), target="/dev/termination-log"),
        Mount(source="/dev", target="/mnt/jobset-test"),
    )

    await (await isolating.start(shell(output, "ls -a /mnt/jobset-test", mounts=mounts))).wait()

    assert sorted(str(output).split()) == sorted([".", "..", *os.listdir("/dev")])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can add to /dev")
async def test_a_device_that_comes_or_goes_later_is_noticed(isolating, output, tmp_path):
    mounts = (Mount(source=a_message_file(tmp_path), target="/dev/termination-log"),)
    device = Path(f"/dev/jobset-test-{os.getpid()}")
    launch = shell(output, f"ls {device}", mounts=mounts)
    before = await (await isolating.start(launch)).wait()

    device.touch()
    try:
        while_there = await (await isolating.start(launch)).wait()
    finally:
        device.unlink()
    after = await (await isolating.start(launch)).wait()

    assert [end.code for end in (before, while_there, after)] == [2, 0, 2]


async def test_a_volume_may_cover_the_place_of_another_ones_files(isolating, output):
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as here,
        tempfile.TemporaryDirectory(dir="/dev/shm") as memory,
    ):
        outer, hosts = Path(here, "outer"), Path(here, "hosts")
        outer.mkdir()
        hosts.write_text("127.9.9.9 w-0\n")
        Path(memory, "file").write_text("in memory\n")
        mounts = (
            Mount(source=str(outer), target="/tmp"),
            Mount(source=memory, target="/mnt"),
            Mount(source=memory, target="/tmp/deeper/one"),
        )

        script = "cat /mnt/file /tmp/deeper/one/file /etc/hosts; ls /tmp"
        end = await (
            await isolating.start(shell(output, script, mounts=mounts, hosts_file=str(hosts)))
        ).wait()

    shown = ["in memory", "in memory", "127.9.9.9 w-0", "deeper"]
    assert (end.code, str(output).splitlines()) == (0, shown)


async def test_a_folder_of_the_caller_that_a_volume_covers_is_no_place_to_start_in(
    output, tmp_path, monkeypatch
):
    (tmp_path / "here" / "deeper").mkdir(parents=True)
    (tmp_path / "volume").mkdir()
    monkeypatch.chdir(tmp_path / "here" / "deeper")
    starter = ProcessStarter(fork_starter())
    mounts = (Mount(source=str(tmp_path / "volume"), target=str(tmp_path / "here")),)

    end = await (await starter.start(shell(output, "pwd", mounts=mounts, working_dir=None))).wait()
    await starter.close()

    assert (end.code, str(output)) == (0, "/\n")


async def test_shared_memory_is_private_unless_it_is_shared(isolating, output, tmp_path):
    pod = tmp_path / "memory"
    pod.mkdir()
    script = "ls /dev/shm; touch /dev/shm/mine"

    await (await isolating.start(shell(output, script))).wait()
    await (await isolating.start(shell(output, script, shared_memory=str(pod)))).wait()
    await (await isolating.start(shell(output, script, shared_memory=str(pod)))).wait()

    assert str(output).splitlines() == ["mine"]


@pytest.mark.parametrize("place", ["/srv", "/data", "/mnt/jobset-test/deep/er", "/dev/shm/inner"])
@pytest.mark.parametrize("is_shared", [True, False], ids=["shared", "private"])
async def test_a_volume_in_the_machines_memory_is_found_behind_the_containers_own(
    isolating, output, place, is_shared
):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        volume, pod = Path(folder, "volume"), Path(folder, "pod")
        for made in (volume, pod, pod / "inner"):
            made.mkdir()
        (volume / "file").write_text("content\n")
        mounts = (Mount(source=str(volume), target=place),)
        shared = str(pod) if is_shared else None
        launch = shell(output, f"cat {place}/file; ls /dev/shm", mounts=mounts, shared_memory=shared)

        await (await isolating.start(launch)).wait()

    seen = ["inner"] if is_shared or place == "/dev/shm/inner" else []
    assert str(output).split() == ["content", *seen]


async def test_a_container_sees_only_its_own_processes(isolating, output):
    await (await isolating.start(shell(output, "ls /proc | grep -c '^[0-9]'; echo $$"))).wait()

    seen, own = (int(line) for line in str(output).split())
    assert seen <= 5
    assert own == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to lose")
async def test_root_has_no_more_rights_than_in_a_cluster(starter, output):
    await (await starter.start(shell(output, "mount -t tmpfs x /mnt || date -s 2020-01-01"))).wait()

    assert str(output).count("ermission denied") + str(output).count("not permitted") == 2
    await (await starter.start(shell(output, "grep CapBnd /proc/self/status"))).wait()
    assert int(str(output).split()[-1], 16) == 0xA00425FB


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.namespaces
def test_an_ordinary_user_has_the_same_without_root():
    code = """
import asyncio, os, sys
import shutil, jobset.local.processes.client, jobset.local.processes.zygote
from jobset.local.processes.fork import fork_starter
os.setgroups([]); os.setgid(65534); os.setuid(65534); os.chdir("/")
handle = fork_starter()
from jobset.local.processes.client import ProcessStarter
from jobset.local.processes.starter import Launch, Mount
async def main():
    starter = ProcessStarter(handle)
    if not starter.abilities.own_mounts:
        print("denied", starter.abilities.missing)
        return
    os.makedirs("/tmp/jobset-nobody", exist_ok=True)
    places = ("/data", "/etc/new", "/root/x", "/dev/new")
    mounts = tuple(Mount(source="/tmp/jobset-nobody", target=place) for place in places)
    looks = "ls -d /data /etc/new /root/x /etc/passwd; script -qc tty /dev/null; touch /new"
    script = "id -u; hostname; grep CapEff /proc/self/status; " + looks
    launch = Launch(argv=("sh", "-c", script), env={"PATH": "/usr/bin:/bin"}, working_dir="/", hostname="w-0",
                    hosts_file=None, stdout=1, stderr=1, mounts=mounts)
    print(await (await starter.start(launch)).wait(), flush=True)
    await starter.close()
    os.rmdir("/tmp/jobset-nobody")
asyncio.run(main())
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    if result.stdout.startswith("denied"):
        pytest.skip(result.stdout)
    lines = result.stdout.splitlines()
    assert lines[:3] == ["65534", "w-0", "CapEff:\t0000000000000000"]
    assert sorted(lines[3:7]) == ["/data", "/etc/new", "/etc/passwd", "/root/x"]
    assert lines[7].startswith("/dev/")
    assert "/pts/" in lines[7]
    assert "Read-only file system" in lines[8]


@pytest.mark.namespaces
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make such a machine")
def test_a_machine_without_process_namespaces_says_so_and_keeps_the_rest():
    # In a user namespace of our own the limits are ours to set.
    code = """
from jobset.local.processes.abilities import find_abilities
found = find_abilities(use_namespaces=True)
print(bool(found.flags), found.own_root, bool(found.flags & 0x20000000), found.missing)
"""
    script = f"echo 0 > /proc/sys/user/max_pid_namespaces && exec {sys.executable} -c '{code}'"
    result = subprocess.run(["unshare", "-Ur", "sh", "-c", script], capture_output=True, text=True)

    if result.returncode != 0:
        pytest.skip(result.stderr)
    assert result.stdout.startswith("True True False")
    assert "max_*_namespaces is zero" in result.stdout


@pytest.mark.namespaces
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make such a machine")
def test_a_masked_proc_shows_the_machine_in_place_of_the_container():
    code = """
from jobset.local.processes.abilities import find_abilities
found = find_abilities(use_namespaces=True)
print(bool(found.flags), found.fresh_proc, found.missing)
"""
    as_user = "unshare -U --map-user=1000 --map-group=1000"
    masked = f"mount -t tmpfs x /proc/tty && exec {as_user} {sys.executable} -c '{code}'"
    result = subprocess.run(["unshare", "-m", "sh", "-c", masked], capture_output=True, text=True)

    if result.returncode != 0:
        pytest.skip(result.stderr)
    assert result.stdout.startswith("True False")
    assert "/proc is masked" in result.stdout

"""What a container sees of the machine where namespaces are allowed, as root and as an ordinary user."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobset.local.processes.starter import Mount
from tests.contract.containers import PATH, shell, until


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


async def test_shared_memory_is_private_unless_it_is_shared(isolating, output, tmp_path):
    pod = tmp_path / "memory"
    pod.mkdir()
    script = "ls /dev/shm; touch /dev/shm/mine"

    await (await isolating.start(shell(output, script))).wait()
    await (await isolating.start(shell(output, script, shared_memory=str(pod)))).wait()
    await (await isolating.start(shell(output, script, shared_memory=str(pod)))).wait()

    assert str(output).splitlines() == ["mine"]


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
    places = ("/data", "/etc/new", "/root/x")
    mounts = tuple(Mount(source="/tmp/jobset-nobody", target=place) for place in places)
    looks = "ls -d /data /etc/new /root/x /etc/passwd; touch /new"
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
    assert "Read-only file system" in lines[7]


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

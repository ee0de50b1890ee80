"""Unmodified programs find pods by name: glibc's tools, Python, a static Go program, a wrapped program."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jobset.local.names.hosts_files import HostsFiles
from jobset.local.names.published import published_names
from jobset.local.names.resolver import ResolverFiles, silent_servers
from jobset.local.names.ways import find_wrapper_library, wrapper_environment
from jobset.local.processes.starter import Launch, Mount
from tests.contract.containers import PATH, Output, shell

NAMES = ("w-1.train", "w-1.train.ns", "w-1.train.ns.svc", "w-1.train.ns.svc.cluster.local")
GO_PROGRAM = """package main
import ("fmt"; "net"; "os"; "sort"; "strings")
func main() {
  for _, name := range os.Args[1:] {
    found, err := net.LookupHost(name)
    sort.Strings(found)
    if err != nil { found = []string{"nothing"} }
    fmt.Println(strings.Join(found, " "))
  }
}
"""


def a_pod(index: int) -> dict[str, object]:
    return {
        "metadata": {"name": f"w-{index}", "namespace": "ns", "uid": f"uid-{index}", "labels": {"a": "b"}},
        "spec": {"hostname": f"w-{index}", "subdomain": "train"},
        "status": {"podIP": f"127.9.0.{index + 1}", "phase": "Running"},
    }


SERVICE = {
    "metadata": {"name": "train", "namespace": "ns"},
    "spec": {"clusterIP": "None", "selector": {"a": "b"}, "publishNotReadyAddresses": True},
}


@pytest.fixture
def hosts(tmp_path: Path) -> str:
    """The hosts file of the first of two published pods."""
    files = HostsFiles(str(tmp_path / "hosts"), Path("/etc/hosts").read_text())
    path = files.open(a_pod(0), "w-0", "127.9.0.1")
    files.publish(published_names([a_pod(0), a_pod(1)], [SERVICE]))
    return path


def a_pod_launch(output: Output, script: str, hosts: str, mounts: tuple[Mount, ...] = ()) -> Launch:
    env = {"PATH": PATH, "RESOLV_MULTI": "on"}
    return shell(output, script, hosts_file=hosts, mounts=mounts, env=env)


async def test_glibc_and_python_find_pods_and_services(isolating, output, hosts):
    script = f"hostname -f; for n in {' '.join(NAMES)}; do getent ahostsv4 $n | head -1; done\n"
    look = "import socket; print(sorted(socket.gethostbyname_ex('train.ns.svc')[2]))"
    script += f'getent ahostsv4 train | grep -c STREAM; python3 -c "{look}"; getent hosts 127.9.0.1 | head -1'
    process = await isolating.start(a_pod_launch(output, script, hosts))
    await process.wait()

    lines = str(output).splitlines()
    assert lines[0] == "w-0.train.ns.svc.cluster.local"
    assert [line.split()[0] for line in lines[1:5]] == ["127.9.0.2"] * 4
    assert lines[5] == "2"
    assert lines[6] == "['127.9.0.1', '127.9.0.2']"
    assert lines[7].split()[1] == "w-0.train.ns.svc.cluster.local"


async def test_a_name_that_is_not_published_fails_quickly(isolating, output, hosts, tmp_path):
    mounts = ResolverFiles(str(tmp_path / "resolver")).prepare()
    own = next((mount.source for mount in mounts if mount.target == "/etc/resolv.conf"), None)
    if own is None:
        pytest.skip("this machine asks no name server")
    Path(own).write_text("nameserver 127.0.0.2\n")
    begun = time.monotonic()

    script = "getent hosts w-7.train || echo none; getent hosts w-7.train.ns.svc.cluster.local || echo none"
    await (await isolating.start(a_pod_launch(output, script, hosts, mounts))).wait()

    assert str(output).split() == ["none", "none"]
    assert time.monotonic() - begun < 1


async def test_a_name_server_that_says_nothing_is_found_out_and_one_that_refuses_is_not_silent():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        try:
            deaf.bind(("127.250.0.1", 53))
        except OSError:
            pytest.skip("only root may listen where name servers do")

        silent = await silent_servers(["127.250.0.1", "127.250.0.2", "no address", "127.250.0.1"])

    assert silent == {"127.250.0.1"}


def test_readers_lose_no_name_while_others_come_and_go(tmp_path):
    files = HostsFiles(str(tmp_path), "")
    path = files.open(a_pod(0), "w-0", "127.9.0.1")
    pods = [a_pod(number) for number in range(100)]
    files.publish(published_names(pods, [SERVICE]))
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            files.publish(
                published_names([p for i, p in enumerate(pods) if i % 7 != number % 7 or i == 50], [SERVICE])
            )

    writer = threading.Thread(target=change)
    writer.start()
    missed = sum("w-50.train.ns.svc.cluster.local" not in Path(path).read_text() for _ in range(300))
    stop.set()
    writer.join()

    assert missed == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go toolchain")
async def test_a_static_go_program_finds_pods_and_services(isolating, output, hosts, tmp_path):
    source, program = tmp_path / "main.go", tmp_path / "lookup"
    source.write_text(GO_PROGRAM)
    env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    subprocess.run(["go", "build", "-o", str(program), str(source)], check=True, env=env, cwd=tmp_path)

    script = f"{program} {' '.join(NAMES)} train train.ns.svc.cluster.local w-0"
    await (await isolating.start(a_pod_launch(output, script, hosts))).wait()

    both = "127.9.0.1 127.9.0.2"
    assert str(output).splitlines() == ["127.9.0.2"] * 4 + [both, both, "127.9.0.1"]


@pytest.mark.skipif(find_wrapper_library() is None, reason="libnss_wrapper is not installed")
def test_a_wrapped_program_finds_pods_without_namespaces(hosts):
    library = find_wrapper_library()
    assert library is not None
    look = "import socket; print(socket.gethostname(), sorted(socket.gethostbyname_ex('train.ns')[2]))"
    env = wrapper_environment({"PATH": PATH, "RESOLV_MULTI": "on"}, library, hosts, "w-0")

    result = subprocess.run([sys.executable, "-c", look], env=env, capture_output=True, text=True, check=True)

    assert result.stdout == "w-0 ['127.9.0.1', '127.9.0.2']\n"

"""Names of pods: what is published, how hosts files are laid out, which way a machine takes."""

import os
from typing import Any

import pytest

from jobset.local.names.addresses import LoopbackAddresses
from jobset.local.names.hosts import Slots, line, machine_lines, own_line, published_lines
from jobset.local.names.hosts_files import HostsFiles
from jobset.local.names.machine_hosts import Owner, with_block, without_blocks
from jobset.local.names.port_conflicts import (
    Holder,
    Listener,
    conflicting_ports,
    explain_port_conflict,
    parse_listeners,
)
from jobset.local.names.published import Name, own_name, published_names
from jobset.local.names.resolver import (
    hosts_file_first,
    name_servers,
    tells_all_addresses,
    with_dns_config,
    without_silent_servers,
)
from jobset.local.names.ways import (
    Environment,
    WayName,
    WayRefused,
    choose_way,
    substitute_names,
    wrapper_environment,
)
from jobset.local.processes.starter import Abilities


def a_pod(name: str, address: str = "127.1.0.1", **changes: Any) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "metadata": {"name": name, "namespace": "ns", "uid": f"uid-{name}", "labels": {"app": "train"}},
        "spec": {"hostname": name, "subdomain": "train"},
        "status": {
            "podIP": address,
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }
    for path, value in changes.items():
        where, _, key = path.partition("_")
        pod[where][key] = value
    return pod


def a_service(**spec: Any) -> dict[str, Any]:
    fields = {"clusterIP": "None", "selector": {"app": "train"}} | spec
    return {"metadata": {"name": "train", "namespace": "ns"}, "spec": fields}


UNREADY = [{"type": "Ready", "status": "False"}]
POD, SERVICE = Name("ns", "w-0.train"), Name("ns", "train")
PUBLISHED = {
    "ready pods of a headless Service": ({}, {}, [POD, SERVICE]),
    "no address yet": ({"status_podIP": ""}, {}, []),
    "not ready": ({"status_conditions": UNREADY}, {}, []),
    "not ready, but the Service wants all": (
        {"status_conditions": UNREADY},
        {"publishNotReadyAddresses": True},
        [POD, SERVICE],
    ),
    "terminating": ({"metadata_deletionTimestamp": "now"}, {"publishNotReadyAddresses": True}, []),
    "succeeded": ({"status_phase": "Succeeded"}, {"publishNotReadyAddresses": True}, []),
    "failed": ({"status_phase": "Failed"}, {"publishNotReadyAddresses": True}, []),
    "not selected": ({"metadata_labels": {"app": "other"}}, {}, []),
    "in another namespace": ({"metadata_namespace": "other"}, {}, []),
    "a Service with an address": ({}, {"clusterIP": "10.0.0.1"}, []),
    "a Service without selector": ({}, {"selector": {}}, []),
    "another subdomain: known by its address": (
        {"spec_subdomain": "other"},
        {},
        [Name("ns", "127-1-0-1.train"), SERVICE],
    ),
    "no hostname: known by its address": (
        {"spec_hostname": ""},
        {},
        [Name("ns", "127-1-0-1.train"), SERVICE],
    ),
}


@pytest.mark.parametrize(("pod", "service", "names"), PUBLISHED.values(), ids=PUBLISHED)
def test_what_is_published(pod, service, names):
    assert list(published_names([a_pod("w-0", **pod)], [a_service(**service)])) == names


def test_a_service_has_the_addresses_of_all_its_pods():
    pods = [a_pod("w-0", "127.1.0.1"), a_pod("w-1", "127.1.0.2")]

    published = published_names(pods, [a_service()])

    assert published[SERVICE] == ("127.1.0.1", "127.1.0.2")
    assert published[Name("ns", "w-1.train")] == ("127.1.0.2",)


def test_a_name_has_its_bare_form_in_its_own_namespace_only():
    full = ("w-0.train.ns.svc.cluster.local", "w-0.train.ns.svc", "w-0.train.ns")

    assert POD.forms("ns") == (*full, "w-0.train")
    assert POD.forms("other") == full
    assert own_name(a_pod("w-0")) == POD
    assert own_name(a_pod("w-0", spec_subdomain=None)) is None


def test_every_name_and_address_has_a_line_with_the_full_name_first():
    lines = published_lines({SERVICE: ("127.1.0.1", "127.1.0.2")}, "ns")

    assert [text.split() for text in lines.values()] == [
        ["127.1.0.1", *SERVICE.forms("ns")],
        ["127.1.0.2", *SERVICE.forms("ns")],
    ]


def test_lines_for_other_addresses_are_equally_long():
    assert len(line("127.1.0.1", ("a",))) == len(line("127.254.254.254", ("a",)))


def test_a_line_keeps_its_place_while_others_come_and_go():
    slots = Slots()
    slots.update({"a": "aaa", "b": "bbb"})
    before = bytes(slots.content)

    gone = slots.update({"b": "bbb"})
    without = bytes(slots.content)
    back = slots.update({"b": "bbb", "a": "aaa"})

    assert (gone, without) == ((0, 4), b"\n\n\n\nbbb\n")
    assert (back, bytes(slots.content)) == ((0, 4), before)
    assert slots.update({"a": "aaa", "b": "bbb"}) is None


def test_a_line_that_grew_moves_to_the_end():
    slots = Slots()
    slots.update({"a": "a", "b": "b"})

    changed = slots.update({"a": "longer", "b": "b"})

    assert (changed, bytes(slots.content)) == ((0, 11), b"\n\nb\nlonger\n")


def test_a_file_with_very_many_old_names_is_laid_out_anew_without_getting_shorter():
    slots = Slots()
    sizes = []
    for number in range(5000):
        slots.update({number: f"name-{number:04}"})
        sizes.append(len(slots.content))

    assert bytes(slots.content).split() == [b"name-4999"]
    assert sizes == sorted(sizes)
    assert sizes[-1] == sizes[1100] == 1003 * len("name-0000\n")


def test_a_pod_knows_its_full_and_its_bare_name_before_it_is_published():
    before = own_line("ns", "w-0", "127.1.0.1", POD, published=False)
    after = own_line("ns", "w-0", "127.1.0.1", POD, published=True)

    assert before.split() == ["127.1.0.1", POD.full, "w-0"]
    assert after.split() == ["127.1.0.1", *POD.forms("ns"), "w-0"]
    assert len(before) == len(after)
    assert own_line("ns", POD.full, "127.1.0.1", POD, published=True).split() == [
        "127.1.0.1",
        *POD.forms("ns"),
    ]
    assert own_line("ns", "w-0", "127.1.0.1", None, published=False).split() == ["127.1.0.1", "w-0"]


MACHINES = {
    "its entries are taken over": (
        "127.0.0.1 localhost\n10.0.0.1 lab\n",
        "127.0.0.1 localhost\n10.0.0.1 lab\n",
    ),
    "localhost is always there": ("", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"),
}


@pytest.mark.parametrize(("text", "lines"), MACHINES.values(), ids=MACHINES)
def test_what_a_pod_sees_of_the_machines_hosts(text, lines):
    assert machine_lines(text) == lines


def test_a_block_list_of_the_machine_is_left_out():
    assert len(machine_lines("0.0.0.0 ads.example\n" * 10_000)) < 200


def hosts_of(path: str) -> dict[str, list[str]]:
    """The addresses of every name in a file."""
    found: dict[str, list[str]] = {}
    with open(path) as file:
        for words in (entry.split() for entry in file):
            for name in words[1:] if words else ():
                found.setdefault(name, []).append(words[0])
    return found


@pytest.mark.parametrize("most_own_files", [10, 0], ids=["a file per pod", "one file for all"])
def test_hosts_files_follow_what_is_published(tmp_path, most_own_files):
    files = HostsFiles(str(tmp_path / "hosts"), "127.0.0.1 localhost\n", most_own_files)
    one, two = a_pod("w-0", "127.1.0.1"), a_pod("w-1", "127.1.0.2")
    paths = [files.open(one, "w-0", "127.1.0.1"), files.open(two, "w-1", "127.1.0.2")]
    alone = hosts_of(paths[0])
    files.publish(published_names([one, two], [a_service()]))
    together = hosts_of(paths[0])
    files.publish(published_names([one, a_pod("w-1", "127.1.0.254")], [a_service()]))
    moved = hosts_of(paths[0])
    files.publish(published_names([one], [a_service()]))

    assert alone["w-0"] == ["127.1.0.1"]
    assert "w-1.train" not in alone
    assert together["w-1.train"] == ["127.1.0.2"]
    assert together["w-0.train.ns.svc.cluster.local"] == ["127.1.0.1"], "once, though it is its own name"
    assert together["train"] == ["127.1.0.1", "127.1.0.2"]
    assert moved["w-1.train"] == ["127.1.0.254"]
    assert "w-1.train" not in hosts_of(paths[0])


def test_a_pod_knows_itself_and_its_aliases_only_in_its_own_file(tmp_path):
    files = HostsFiles(str(tmp_path), "")
    one = a_pod(
        "w-0", spec_hostAliases=[{"ip": "10.1.1.1", "hostnames": ["lab", "lab.example"]}, {"ip": "10.1.1.2"}]
    )
    own, other = files.open(one, "w-0", "127.1.0.1"), files.open(a_pod("w-1"), "w-1", "127.1.0.2")

    assert hosts_of(own)["lab.example"] == ["10.1.1.1"]
    assert {"w-0", "lab"} & hosts_of(other).keys() == set()
    files.close("uid-w-0")
    files.close("unknown")
    assert [path.name for path in tmp_path.iterdir()] == ["uid-w-1"]


def test_every_change_of_a_file_has_a_later_time_in_whole_seconds(tmp_path):
    files = HostsFiles(str(tmp_path), "")
    path = files.open(a_pod("w-0"), "w-0", "127.1.0.1")
    times = []

    for address in ("127.1.0.2", "127.1.0.3", "127.1.0.4"):
        files.publish(published_names([a_pod("w-1", address)], [a_service()]))
        times.append(int(os.stat(path).st_mtime))

    assert times == sorted(set(times))


def test_a_pod_that_left_the_shared_file_is_not_known_in_it(tmp_path):
    files = HostsFiles(str(tmp_path), "", 0)
    path = files.open(a_pod("w-0"), "w-0", "127.1.0.1")
    files.open(a_pod("w-1"), "w-1", "127.1.0.2")

    files.close("uid-w-1")

    assert "w-1" not in hosts_of(path)
    assert hosts_of(path)["w-0"] == ["127.1.0.1"]


def test_addresses_are_kept_and_come_back_last():
    addresses = LoopbackAddresses(7)
    first = addresses.assign("a")
    addresses.release("a")
    others = [addresses.assign(str(number)) for number in range(256 * 254 - 1)]

    assert first == addresses.assign("again") == "127.7.0.1"
    assert len({first, *others}) == 256 * 254
    assert addresses.assign("0") == others[0]
    assert not [address for address in others if address.endswith((".0", ".255"))]


def test_an_address_reserved_for_a_name_goes_from_pod_to_pod():
    addresses = LoopbackAddresses(7)
    reserved = addresses.reserve("w-0.train")
    addresses.learn("old", "w-0.train")
    addresses.learn("new", "w-0.train")
    old, overlapping = addresses.assign("old"), addresses.assign("new")
    addresses.release("old")
    addresses.learn("next", "w-0.train")

    assert old == reserved == addresses.assign("next")
    assert overlapping != reserved


def test_a_name_that_is_reserved_late_has_the_address_of_its_pod():
    addresses = LoopbackAddresses(7)
    addresses.learn("pod", "w-0.train")

    assert addresses.assign("pod") == addresses.reserve("w-0.train")


NSSWITCH = {
    "files first": ("hosts: files dns", None),
    "files first with others": ("hosts:  files mdns4_minimal [NOTFOUND=return] dns # comment", None),
    "a service before files": ("hosts: mymachines resolve [!UNAVAIL=return] files dns", "hosts: files dns"),
    "files end the search": ("hosts: files [NOTFOUND=return] dns", "hosts: files dns"),
    "no line for hosts": ("passwd: files", None),
}


@pytest.mark.parametrize(("text", "changed"), NSSWITCH.values(), ids=NSSWITCH)
def test_the_hosts_file_is_asked_first(text, changed):
    assert hosts_file_first(text) == changed


RESOLV_CONF = {
    "all answer": ((), "nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch lab\n"),
    "one is silent": (("10.0.0.1",), "nameserver 10.0.0.2\nsearch lab\n"),
    "all are silent": (("10.0.0.1", "10.0.0.2"), "search lab\nnameserver 127.0.0.2\n"),
}


@pytest.mark.parametrize(("silent", "text"), RESOLV_CONF.values(), ids=RESOLV_CONF)
def test_silent_name_servers_are_left_out(silent, text):
    assert without_silent_servers("nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch lab\n", silent) == text


DNS_CONFIGS = {
    "more servers, searches and options": (
        {
            "nameservers": ["10.0.0.9", "10.0.0.1"],
            "searches": ["a.example", "lab"],
            "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
        },
        "ClusterFirst",
        "nameserver 10.0.0.1\nnameserver 10.0.0.9\nsearch lab a.example\noptions timeout:1 ndots:2 edns0\n",
    ),
    "nothing of the machine": (
        {"nameservers": ["10.0.0.9"], "searches": ["a.example"]},
        "None",
        "nameserver 10.0.0.9\nsearch a.example\n",
    ),
    "more servers than a resolver asks": (
        {"nameservers": ["10.0.0.2", "10.0.0.3", "10.0.0.4"]},
        "Default",
        "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n"
        "search lab\noptions ndots:5 timeout:1\n",
    ),
}


@pytest.mark.parametrize(("config", "policy", "text"), DNS_CONFIGS.values(), ids=DNS_CONFIGS)
def test_a_pods_dns_config_joins_the_machines_settings(config, policy, text):
    machine = "# of the lab\nnameserver 10.0.0.1\nsearch lab\noptions ndots:5 timeout:1\n"

    assert with_dns_config(machine, config, policy) == text


def test_settings_of_the_resolver_are_read():
    assert name_servers("# nameserver 1.1.1.1\nnameserver 10.0.0.1 \nnameserver\n") == ("10.0.0.1",)
    assert tells_all_addresses("order hosts\nmulti  on # all\n")
    assert not tells_all_addresses("# multi on\n")


def test_a_marked_block_is_put_in_replaced_and_taken_out():
    one, two = Owner(1, 100), Owner(2, 200)
    text = "127.0.0.1 localhost"

    both = with_block(with_block(text, one, "127.1.0.1 a\n"), two, "127.2.0.1 b\n")
    changed = with_block(both, one, "127.1.0.9 a\n")

    assert "127.1.0.9 a" in changed
    assert "127.1.0.1 a" not in changed
    assert without_blocks(changed, lambda owner: owner == two).count("BEGIN") == 1
    assert with_block(with_block(changed, one, ""), two, "") == text + "\n"


FULL = Abilities(own_hosts=True, own_mounts=True, own_processes=True)
DENIED = Abilities(own_hosts=False, own_mounts=False, own_processes=False, missing={"own_hosts": "denied"})
WAYS = {
    "namespaces are best": (FULL, None, None, False, WayName.NAMESPACES),
    "the library comes next": (DENIED, None, "/lib/x.so", False, WayName.NSS_WRAPPER),
    "then values are replaced": (DENIED, None, None, True, WayName.SUBSTITUTION),
    "the machine's file when asked": (DENIED, WayName.HOSTS_FILE, None, True, WayName.HOSTS_FILE),
    "a lesser way when asked": (FULL, WayName.SUBSTITUTION, None, False, WayName.SUBSTITUTION),
}


@pytest.mark.parametrize(("abilities", "asked", "library", "is_root", "way"), WAYS.values(), ids=WAYS)
def test_which_way_with_names_is_taken(abilities, asked, library, is_root, way):
    environment = Environment(is_root=is_root, wrapper_library=library, has_addresses=True)

    chosen = choose_way(abilities, asked, environment)

    assert chosen.name == way
    assert bool(chosen.losses) == (way != WayName.NAMESPACES)
    assert set(chosen.why_not_better) == set(list(WayName)[: list(WayName).index(way)])


REFUSED = {
    "no namespaces": (WayName.NAMESPACES, "denied"),
    "no library": (WayName.NSS_WRAPPER, "not installed"),
    "not root": (WayName.HOSTS_FILE, "only root"),
}


@pytest.mark.parametrize(("asked", "why"), REFUSED.values(), ids=REFUSED)
def test_a_way_that_is_not_possible_is_refused_with_the_reason(asked, why):
    environment = Environment(is_root=False, wrapper_library=None, has_addresses=False)

    with pytest.raises(WayRefused, match=why):
        choose_way(DENIED, asked, environment)


def test_one_address_for_all_pods_is_a_loss():
    environment = Environment(is_root=False, wrapper_library=None, has_addresses=False)

    assert "127.0.0.1" in choose_way(FULL, None, environment).losses[-1]


SUBSTITUTIONS = {
    "a whole value": ("w-0.train", "127.1.0.1"),
    "with a port": ("w-0.train:29500", "127.1.0.1:29500"),
    "in a URL": ("tcp://w-0.train:1/path", "tcp://127.1.0.1:1/path"),
    "in a list": ("w-0.train,w-1.train", "127.1.0.1,127.1.0.2"),
    "a part of a longer name": ("xw-0.train w-0.train.example", "xw-0.train w-0.train.example"),
    "at the end of a sentence": ("ask w-0.train.", "ask 127.1.0.1."),
    "nothing": ("train", "train"),
}


@pytest.mark.parametrize(("value", "becomes"), SUBSTITUTIONS.values(), ids=SUBSTITUTIONS)
def test_names_of_pods_in_values_become_addresses(value, becomes):
    known = {"w-0.train": "127.1.0.1", "w-1.train": "127.1.0.2"}

    result = substitute_names(("run", value), {"ADDR": value, "PATH": "/bin"}, known.get)

    assert result.argv == ("run", becomes)
    assert result.env == {"ADDR": becomes, "PATH": "/bin"}
    told = (f"argument 1: {value} became {becomes}", f"ADDR: {value} became {becomes}")
    assert result.told == (told if value != becomes else ())


def test_the_wrapper_is_added_to_what_is_preloaded_already():
    env = wrapper_environment({"LD_PRELOAD": "/a.so"}, "/w.so", "/hosts", "w-0")

    assert env == {
        "LD_PRELOAD": "/a.so /w.so",
        "NSS_WRAPPER_HOSTS": "/hosts",
        "NSS_WRAPPER_HOSTNAME": "w-0",
    }


PORTS = {
    "Python": (["OSError: [Errno 98] Address already in use"], ()),
    "Python with address": (["error binding ('0.0.0.0', 8080): address already in use"], (8080,)),
    "Go": (["listen tcp :29500: bind: address already in use"], (29500,)),
    "Go on IPv6": (["listen tcp [::]:29500: bind: address already in use"], (29500,)),
    "node": (["Error: listen EADDRINUSE: address already in use 0.0.0.0:3000"], (3000,)),
    "PyTorch": (["failed to bind to [::]:29500 (errno: 98 - Address already in use)."], (29500,)),
    "a time is no port": (["2026-11-24 02:26:01 bind: Address already in use"], ()),
    "said a line before": (["starting on port 1234", "bind: Address already in use"], (1234,)),
    "something else": (["Connection refused: w-0.train:29500"], None),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "ports"), PORTS.values(), ids=PORTS)
def test_which_port_the_last_words_of_a_program_speak_of(lines, ports):
    assert conflicting_ports(lines) == ports


def test_who_has_the_port_is_told_with_the_remedy():
    holder = Holder(pod="w-0", pid=42, listener=Listener(address="0.0.0.0", port=29500, inode=1))
    other = Holder(pod="w-9", pid=43, listener=Listener(address="127.1.0.9", port=1, inode=2))

    named = explain_port_conflict(["listen tcp :29500: bind: address already in use"], [other, holder])
    unnamed = explain_port_conflict(["Address already in use"], [other, holder])
    foreign = explain_port_conflict(["listen tcp :80: bind: address already in use"], [other, holder])

    assert named is not None
    assert named == unnamed
    assert named.startswith("port 29500 is held by pod w-0 (process 42), on all addresses. All pods share")
    assert foreign is not None
    assert foreign.startswith("a port (80) is taken on this machine, by no pod of this run")
    assert explain_port_conflict(["all is well"], [holder]) is None


def test_listening_sockets_are_read_from_the_kernels_table():
    table = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode
   0: 0101017F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0 100
   2: 0100007F:0016 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0 100
   3: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 14 1
   4: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 15 1
"""

    assert [(found.address, found.port, found.inode) for found in parse_listeners(table)] == [
        ("127.1.1.1", 8080, 11),
        ("0.0.0.0", 22, 12),
        ("::", 80, 14),
        ("127.0.0.1", 81, 15),
    ]

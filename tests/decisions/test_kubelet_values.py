"""Environment, command lines, volume files, devices, probes and logs of the kubelet, as values."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from jobset.local.kubelet.devices import Devices, NotEnough, hand_out
from jobset.local.kubelet.environment import (
    CannotResolve,
    build_argv,
    build_environment,
    expand,
    format_map,
    inherited_environment,
    pod_field,
    resource_field,
)
from jobset.local.kubelet.logs import LONGEST_PART, LineSplitter, format_parts, stamp_text
from jobset.local.kubelet.pods import hostname_of
from jobset.local.kubelet.probes import ProbeState, after_answer, gave_up, read_probe
from jobset.local.kubelet.restarts import go_duration, next_delay
from jobset.local.kubelet.termination import longest_message, termination_message
from jobset.local.kubelet.volumes import NotYet, references_of, volume_files, volume_kind

EXPANSIONS = {
    "a known variable": ("$(A)-x", "1-x"),
    "an unknown one stays": ("$(NO)", "$(NO)"),
    "two dollars are one": ("$$(A)", "$(A)"),
    "three dollars": ("$$$(A)", "$1"),
    "a shell variable is not ours": ("$A ${A} $", "$A ${A} $"),
    "an open bracket stays": ("$(A", "$(A"),
    "no dollar at all": ("plain", "plain"),
}


@pytest.mark.parametrize(("text", "expected"), EXPANSIONS.values(), ids=EXPANSIONS)
def test_expansion(text, expected):
    assert expand(text, {"A": "1"}) == expected


@dataclass
class World:
    """Objects that variables and volumes refer to."""

    config_maps: dict = field(default_factory=dict)
    secrets: dict = field(default_factory=dict)

    def config_map(self, name):
        return self.config_maps.get(name)

    def secret_data(self, name):
        return self.secrets.get(name)

    def secret(self, name):
        return self.secrets.get(name)

    def field(self, path):
        return f"<{path}>"

    def resource(self, container, resource, divisor):
        return f"{container}/{resource}/{divisor}"

    def file_key(self, volume, path, key):
        return {"K": "from file"}.get(key)

    def token(self, audience, seconds):
        return f"token for {audience}"


WORLD = World(
    config_maps={"cm": {"data": {"A": "cm-a", "1bad": "x", "..dots": "y"}, "binaryData": {"bin": "AAE="}}},
    secrets={"s": {"A": "s-a"}},
)


def from_key(kind, name, key="A", **more):
    return {"name": "V", "valueFrom": {kind: {"name": name, "key": key, **more}}}


VARIABLES = {
    "plain values expand earlier ones": (
        {
            "env": [
                {"name": "A", "value": "1"},
                {"name": "B", "value": "$(A)$(C)"},
                {"name": "C", "value": "3"},
            ]
        },
        {"A": "1", "B": "1$(C)", "C": "3"},
    ),
    "a later one wins": (
        {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
        {"A": "2"},
    ),
    "env wins over envFrom and may use it": (
        {
            "envFrom": [{"secretRef": {"name": "s"}, "prefix": "P_"}],
            "env": [{"name": "B", "value": "$(P_A)"}, {"name": "P_A", "value": "x"}],
        },
        {"P_A": "x", "B": "s-a"},
    ),
    "keys of a ConfigMap and a Secret": (
        {"env": [from_key("configMapKeyRef", "cm"), from_key("secretKeyRef", "s") | {"name": "W"}]},
        {"V": "cm-a", "W": "s-a"},
    ),
    "an optional key that is missing": (
        {"env": [from_key("configMapKeyRef", "cm", "no", optional=True)]},
        {},
    ),
    "an optional object that is missing": (
        {"envFrom": [{"configMapRef": {"name": "no", "optional": True}}]},
        {},
    ),
    "fields and resources": (
        {
            "env": [
                {"name": "F", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "R", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
                {"name": "K", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "e", "key": "K"}}},
            ]
        },
        {"F": "<metadata.name>", "R": "c/limits.cpu/1m", "K": "from file"},
    ),
    "a variable without a value": ({"env": [{"name": "E"}]}, {"E": ""}),
}


@pytest.mark.parametrize(("container", "expected"), VARIABLES.values(), ids=VARIABLES)
def test_variables(container, expected):
    assert build_environment({"name": "c", **container}, "ns", WORLD).variables == expected


MISSING = {
    "no such ConfigMap": ({"env": [from_key("configMapKeyRef", "no")]}, 'configmap "no" not found'),
    "no such key": (
        {"env": [from_key("configMapKeyRef", "cm", "no")]},
        "couldn't find key no in ConfigMap ns/cm",
    ),
    "no such Secret": ({"envFrom": [{"secretRef": {"name": "no"}}]}, 'secret "no" not found'),
    "no such Secret key": (
        {"env": [from_key("secretKeyRef", "s", "no")]},
        "couldn't find key no in Secret ns/s",
    ),
}


@pytest.mark.parametrize(("container", "message"), MISSING.values(), ids=MISSING)
def test_a_missing_source_is_named(container, message):
    with pytest.raises(CannotResolve) as raised:
        build_environment({"name": "c", **container}, "ns", WORLD)

    assert str(raised.value) == message


def test_keys_that_are_no_variable_names_are_skipped_and_told():
    environment = build_environment({"name": "c", "envFrom": [{"configMapRef": {"name": "cm"}}]}, "ns", WORLD)

    assert environment.variables == {"A": "cm-a"}
    assert environment.skipped == (
        "Keys [..dots, 1bad] from the EnvFrom configMap ns/cm were skipped since they are considered "
        "invalid environment variable names.",
    )


def test_the_command_line_is_expanded_and_needs_a_command():
    container = {"command": ["run", "$(A)"], "args": ["$$(A)"]}

    assert build_argv(container, {"A": "1"}) == ("run", "1", "$(A)")
    assert build_argv({"args": ["x"]}, {}) == ()


def test_only_a_short_list_passes_through_from_the_caller():
    caller = {"PATH": "/bin", "LC_ALL": "C", "SECRET_TOKEN": "x", "WANTED": "y"}

    assert inherited_environment(caller) == {"PATH": "/bin", "LC_ALL": "C"}
    assert inherited_environment(caller, ["WANTED"])["WANTED"] == "y"


POD = {
    "metadata": {
        "name": "p",
        "namespace": "ns",
        "uid": "u",
        "labels": {"a/b": "1", "c": 'say "hi"'},
        "annotations": {"x": "y"},
    },
    "spec": {"nodeName": "n"},
}
FIELDS = {
    "metadata.name": "p",
    "metadata.uid": "u",
    "metadata.labels['a/b']": "1",
    "metadata.labels['none']": "",
    "metadata.annotations['x']": "y",
    "metadata.labels": 'a/b="1"\nc="say \\"hi\\""',
    "spec.nodeName": "n",
    "spec.serviceAccountName": "default",
    "status.podIP": "127.1.0.1",
    "status.hostIP": "127.0.0.1",
}


@pytest.mark.parametrize(("path", "expected"), FIELDS.items())
def test_downward_fields(path, expected):
    assert pod_field(POD, path, "127.1.0.1", "127.0.0.1") == expected


RESOURCES = {
    "cpu is rounded up": ("requests.cpu", "1", "2"),
    "cpu in thousandths": ("requests.cpu", "1m", "1500"),
    "memory in mebibytes": ("limits.memory", "1Mi", "512"),
    "memory in bytes": ("limits.memory", "0", str(512 * 1024 * 1024)),
    "a limit that is not set is the node's": ("limits.cpu", "1", "8"),
    "a request that is not set is nothing": ("requests.memory", "1", "0"),
}


@pytest.mark.parametrize(("resource", "divisor", "expected"), RESOURCES.values(), ids=RESOURCES)
def test_downward_resources(resource, divisor, expected):
    container = {"resources": {"requests": {"cpu": "1500m"}, "limits": {"memory": "512Mi"}}}

    assert resource_field(container, resource, divisor, {"cpu": "8", "memory": "1Gi"}) == expected


def test_labels_are_written_sorted_and_quoted():
    assert format_map({"b": "2", "a": "x\ny"}) == 'a="x\\ny"\nb="2"'


VOLUMES = {
    "all keys of a ConfigMap": (
        {"configMap": {"name": "cm", "items": [{"key": "A", "path": "d/a", "mode": 0o400}]}},
        [("d/a", b"cm-a", 0o400)],
    ),
    "an optional ConfigMap that is missing": ({"configMap": {"name": "no", "optional": True}}, []),
    "a Secret with a mode": (
        {"secret": {"secretName": "sec", "defaultMode": 0o600}},
        [("k", b"v", 0o600)],
    ),
    "the downward API": (
        {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        [("n", b"<metadata.name>", 0o644)],
    ),
    "projected sources together": (
        {
            "projected": {
                "sources": [
                    {"secret": {"name": "sec"}},
                    {"serviceAccountToken": {"path": "token", "audience": "x"}},
                ]
            }
        },
        [("k", b"v", 0o644), ("token", b"token for x", 0o644)],
    ),
}
FILES = World(config_maps=WORLD.config_maps, secrets={"sec": {"data": {"k": "dg=="}}})


@pytest.mark.parametrize(("volume", "expected"), VOLUMES.values(), ids=VOLUMES)
def test_volume_files(volume, expected):
    files = volume_files({"name": "v", **volume}, FILES)

    assert [(file.path, file.data, file.mode) for file in files] == expected


NOT_YET = {
    "no ConfigMap": ({"configMap": {"name": "no"}}, 'configmap "no" not found'),
    "no key": (
        {"configMap": {"name": "cm", "items": [{"key": "no", "path": "p"}]}},
        "configmap references non-existent config key: no",
    ),
    "no Secret": ({"secret": {"secretName": "no"}}, 'secret "no" not found'),
}


@pytest.mark.parametrize(("volume", "message"), NOT_YET.values(), ids=NOT_YET)
def test_a_volume_that_cannot_be_made_says_why(volume, message):
    with pytest.raises(NotYet) as raised:
        volume_files({"name": "v", **volume}, FILES)

    assert str(raised.value) == message


def test_everything_a_pod_refers_to_is_found():
    container = {
        "name": "c",
        "envFrom": [{"configMapRef": {"name": "a"}}],
        "env": [from_key("secretKeyRef", "b")],
    }
    volumes = [
        {"name": "v", "secret": {"secretName": "c"}},
        {"name": "w", "persistentVolumeClaim": {"claimName": "d"}},
        {"name": "x", "projected": {"sources": [{"configMap": {"name": "e"}}]}},
        {"name": "y", "emptyDir": {}},
    ]

    found = references_of({"spec": {"containers": [container], "volumes": volumes}})

    assert {(resource.kind, name) for resource, name in found} == {
        ("ConfigMap", "a"),
        ("Secret", "b"),
        ("Secret", "c"),
        ("PersistentVolumeClaim", "d"),
        ("ConfigMap", "e"),
    }
    assert volume_kind(volumes[3]) == "emptyDir"


def a_gpu_container(name, count, **fields):
    return {"name": name, "resources": {"limits": {"nvidia.com/gpu": str(count)}}, **fields}


def test_devices_are_handed_out_by_index_and_come_back():
    pod = {
        "metadata": {"uid": "u"},
        "spec": {"containers": [a_gpu_container("a", 2), a_gpu_container("b", 1)]},
    }
    other = {"metadata": {"uid": "v"}, "spec": {"containers": [a_gpu_container("a", 2)]}}
    devices = Devices(count=4)

    assert devices.assign(pod) is None
    refused = devices.assign(other)
    given = [devices.environment("u", name) for name in "abc"]
    devices.release("u")

    assert refused == NotEnough(2, 1)
    assert given == [{"CUDA_VISIBLE_DEVICES": "0,1"}, {"CUDA_VISIBLE_DEVICES": "2"}, {}]
    assert devices.assign(other) is None
    assert Devices(strict=True).environment("u", "a") == {"CUDA_VISIBLE_DEVICES": ""}


def test_init_containers_use_the_devices_of_the_main_ones():
    pod = {"spec": {"initContainers": [a_gpu_container("i", 2)], "containers": [a_gpu_container("a", 1)]}}

    assert hand_out(pod, (4, 5)) == {"a": (4,), "i": (4, 5)}
    assert hand_out(pod, (4,)) == NotEnough(2, 1)


PROBES = {
    "one success is enough": ([True], True, False),
    "failures below the threshold change nothing": ([True, False, False], True, False),
    "as many failures as the threshold": ([True, False, False, False], False, True),
    "a success in between starts the count again": ([True, False, False, True, False, False], True, False),
}


@pytest.mark.parametrize(("answers", "passing", "over"), PROBES.values(), ids=PROBES)
def test_probe_thresholds(answers, passing, over):
    spec, state = read_probe({}), ProbeState(passing=False)
    for answer in answers:
        state = after_answer(state, spec, answer)

    assert (state.passing, gave_up(state, spec)) == (passing, over)


def test_lines_survive_any_cut():
    splitter = LineSplitter()

    parts = [part for data in (b"a\nb", b"c\n\n", b"\xff\x00") for part in splitter.feed(data)]

    assert parts == [(b"a", False), (b"bc", False), (b"", False)]
    assert splitter.finish() == [(b"\xff\x00", True)]
    assert splitter.finish() == []


def test_a_very_long_line_is_written_in_parts():
    splitter = LineSplitter()

    parts = splitter.feed(b"x" * (2 * LONGEST_PART + 1)) + splitter.feed(b"y\n")

    assert [(len(text), goes_on) for text, goes_on in parts] == [
        (LONGEST_PART, True),
        (LONGEST_PART, True),
        (2, False),
    ]


def test_log_lines_have_nanoseconds():
    written = format_parts([(b"hi", False), (b"there", True)], "stderr", 1_000_000_007)

    stamp = "1970-01-01T00:00:01.000000007Z"
    assert stamp_text(1_000_000_007) == stamp
    assert written.decode() == f"{stamp} stderr F hi\n{stamp} stderr P there\n"


WORDS = {
    "the file": ("File", 1, "written", "written"),
    "no fallback unless asked for": ("File", 1, "", ""),
    "the log's end after an error": ("FallbackToLogsOnError", 1, "", "tail"),
    "not after a success": ("FallbackToLogsOnError", 0, "", ""),
    "the file wins": ("FallbackToLogsOnError", 1, "written", "written"),
}


@pytest.mark.parametrize(("policy", "code", "written", "expected"), WORDS.values(), ids=WORDS)
def test_termination_message(policy, code, written, expected):
    container = {"terminationMessagePolicy": policy}

    assert termination_message(container, code, written, "tail", 4096) == expected


def test_many_containers_share_the_room_for_messages():
    assert (longest_message(1), longest_message(6)) == (4096, 2048)


def test_back_off_doubles_up_to_five_minutes():
    delays = [timedelta(0)]
    while len(delays) < 8:
        delays.append(next_delay(delays[-1]))

    assert [delay.total_seconds() for delay in delays] == [0, 10, 20, 40, 80, 160, 300, 300]


DURATIONS = {10: "10s", 80: "1m20s", 300: "5m0s", 3600: "1h0m0s", 0.5: "500ms", 2.5: "2.5s"}


@pytest.mark.parametrize(("seconds", "text"), DURATIONS.items())
def test_durations_as_go_prints_them(seconds, text):
    assert go_duration(timedelta(seconds=seconds)) == text


HOSTNAMES = {
    "the pod's name": ({}, "p"),
    "its hostname": ({"hostname": "h"}, "h"),
    "its full name when asked for": (
        {"hostname": "h", "subdomain": "s", "setHostnameAsFQDN": True},
        "h.s.ns.svc.cluster.local",
    ),
    "an override": ({"hostnameOverride": "o", "hostname": "h"}, "o"),
}


@pytest.mark.parametrize(("spec", "expected"), HOSTNAMES.values(), ids=HOSTNAMES)
def test_hostname(spec, expected):
    assert hostname_of({"metadata": {"name": "p", "namespace": "ns"}, "spec": spec}) == expected


def test_a_long_pod_name_is_cut_to_a_hostname():
    assert hostname_of({"metadata": {"name": "a" * 62 + "-bbb"}, "spec": {}}) == "a" * 62

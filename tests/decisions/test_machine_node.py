"""This machine as a node."""

import pytest

from jobset.local.machine_node import MachineFacts, build_node, node_name


def a_machine(**facts):
    usual = {"name": "box", "system": "linux", "architecture": "arm64", "cpus": 8, "gpus": 0}
    return MachineFacts(**usual | {"memory_bytes": 16 * 1024**3} | facts)


def test_a_machine_is_a_node_with_its_name_labels_and_capacity():
    node = build_node(a_machine(gpus=2))

    labels = node["metadata"]["labels"]
    assert node["metadata"]["name"] == "box"
    assert [labels[f"kubernetes.io/{key}"] for key in ("hostname", "os", "arch")] == ["box", "linux", "arm64"]
    assert node["status"]["capacity"] == node["status"]["allocatable"]
    assert node["status"]["capacity"] == {
        "cpu": "8",
        "memory": "16777216Ki",
        "pods": "1000",
        "nvidia.com/gpu": "2",
    }


def test_a_machine_without_gpus_has_none_to_give():
    assert "nvidia.com/gpu" not in build_node(a_machine())["status"]["capacity"]


NAMES = {
    "as it is": ("box-1.lab", "box-1.lab"),
    "capitals and spaces": ("My Laptop", "my-laptop"),
    "signs at the ends": ("_box_", "box"),
    "an empty label": ("a.-b-.c", "a.b.c"),
    "nothing that can stay": ("___", "localhost"),
}


@pytest.mark.parametrize(("host", "name"), NAMES.values(), ids=NAMES)
def test_a_host_name_becomes_the_name_of_a_node(host, name):
    assert node_name(host) == name

"""The headless Service of a JobSet."""

from typing import Any

import pytest

from jobset.core.child_job import owner_reference
from jobset.core.network import build_service, needs_service
from tests.builders import a_jobset

ASKED: dict[str, tuple[Any, bool]] = {
    "no network": (None, False),
    "hostnames not mentioned": ({"subdomain": "net"}, False),
    "no hostnames": ({"enableDNSHostnames": False}, False),
    "hostnames": ({"enableDNSHostnames": True}, True),
}


@pytest.mark.parametrize(("network", "needed"), ASKED.values(), ids=ASKED)
def test_who_needs_a_service(network: Any, needed: bool) -> None:
    assert needs_service(a_jobset(network=network)) is needed


def test_the_service_is_headless_and_goes_with_its_jobset() -> None:
    jobset = a_jobset(network={"enableDNSHostnames": True})
    owner = owner_reference(jobset)

    assert build_service(jobset, owner) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "train", "namespace": "default", "ownerReferences": [owner]},
        "spec": {
            "clusterIP": "None",
            "selector": {"jobset.sigs.k8s.io/jobset-name": "train"},
            "publishNotReadyAddresses": True,
        },
    }


PUBLISHED: dict[str, tuple[Any, bool]] = {
    "by default": (None, True),
    "when told so": ({"publishNotReadyAddresses": True}, True),
    "not when told so": ({"publishNotReadyAddresses": False}, False),
}


@pytest.mark.parametrize(("network", "published"), PUBLISHED.values(), ids=PUBLISHED)
def test_addresses_of_pods_that_are_not_ready_are_published(network: Any, published: bool) -> None:
    service = build_service(a_jobset(network=network), {})

    assert service["spec"]["publishNotReadyAddresses"] is published


def test_the_service_is_named_after_the_subdomain() -> None:
    assert build_service(a_jobset(network={"subdomain": "net"}), {})["metadata"]["name"] == "net"


def test_the_service_is_named_after_the_name_that_was_generated() -> None:
    jobset = a_jobset(metadata={"name": "train-x7k2p", "generateName": "train-"})

    assert build_service(jobset, {})["metadata"]["name"] == "train-x7k2p"

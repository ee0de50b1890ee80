"""What all tests of the installation look at, rendered once."""

import pytest

from tests.installation.rendering import Objects, chart, kustomize


@pytest.fixture(scope="session")
def default() -> Objects:
    """`kubectl apply -k config/default`."""
    return kustomize("default")


@pytest.fixture(scope="session")
def certmanager() -> Objects:
    """`kubectl apply -k config/certmanager`."""
    return kustomize("certmanager")


@pytest.fixture(scope="session")
def release() -> Objects:
    """`helm install jobset charts/jobset`, with every value as it is."""
    return chart()

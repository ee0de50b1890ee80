"""The real control plane that tests of a run share, and planes of one's own for tests that break things."""

import os
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from jobset.kube.client import Client
from jobset.kube.resources import NAMESPACES
from tests.control_plane import build, releases
from tests.control_plane.processes import ControlPlane, PlaneSettings, a_control_plane
from tests.control_plane.sharing import shared_bare_control_plane, shared_control_plane

OwnControlPlane = Callable[[PlaneSettings], ControlPlane]

MISSING = "no real control plane"


def require_programs() -> None:
    """Skip the test where there is no control plane to start; in continuous integration, fail it."""
    lacking = build.missing_programs()
    if not lacking:
        return
    reason = f"{MISSING} ({', '.join(lacking)} missing): make control-plane, or set KUBEBUILDER_ASSETS"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what the real API server at hand, being of another release, answers otherwise."""
    releases.limit(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell all tests that miss a control plane as skipped at one place, so that they are one line."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and MISSING in report.longrepr[2]:
        report.longrepr = ("tests/control_plane", 0, report.longrepr[2])
    return report


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The control plane of all tests of this run, also of those in other workers.

    Use a namespace of your own there, and restart nothing.
    """
    require_programs()
    plane = shared_control_plane(_meeting_place(tmp_path_factory))
    yield plane
    plane.stop()


@pytest.fixture(scope="session")
def bare_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """As `control_plane`, but with no other controllers than those that let things go."""
    require_programs()
    plane = shared_bare_control_plane(_meeting_place(tmp_path_factory))
    yield plane
    plane.stop()


def _meeting_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture
def own_control_plane() -> Iterator[OwnControlPlane]:
    """Starts control planes for this test alone."""
    require_programs()
    with ExitStack() as planes:
        yield lambda settings: planes.enter_context(a_control_plane(settings))


@pytest.fixture
async def real_client(control_plane: ControlPlane) -> AsyncIterator[Client]:
    """A client of the shared control plane, as its administrator."""
    client = Client(control_plane.transport())
    yield client
    await client.close()


@pytest.fixture
async def real_namespace(real_client: Client) -> AsyncIterator[str]:
    """A namespace of the shared control plane for this test alone."""
    name = f"test-{uuid4()}"
    await real_client.create(NAMESPACES, {"metadata": {"name": name}})
    yield name
    await real_client.delete(NAMESPACES, None, name)

"""The guide to the controller does what it says, word by word."""

from pathlib import Path

import pytest

from tests.control_plane.fixtures import OwnControlPlane
from tests.control_plane.guides import steps, typed
from tests.control_plane.kubelet import a_node
from tests.control_plane.kubelet_thread import kubelets
from tests.control_plane.processes import PlaneSettings

pytestmark = pytest.mark.control_plane

STEPS = steps("docs/guides/controller.md", "## Try it from outside of the cluster")
# An API server explains a definition a while after it has taken it.
EXPLAINED = "until kubectl explain jobset.spec >/dev/null 2>&1; do sleep 0.1; done"


def test_the_guide_can_be_followed(own_control_plane: OwnControlPlane, tmp_path: Path) -> None:
    plane = own_control_plane(PlaneSettings())

    with kubelets(plane, lambda _: "succeed", [a_node("node-1")]):
        done = typed(plane, tmp_path, STEPS, between=EXPLAINED)

    assert done.missing == []
    assert "stopping" in done.errors

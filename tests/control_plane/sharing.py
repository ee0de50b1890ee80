"""Control planes for all processes of a test run."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jobset.kube.resources import JOBSETS
from tests.control_plane.jobset_crd import install_jobset_crd
from tests.control_plane.processes import CONTROLLER_MANAGER, ControlPlane, PlaneSettings
from tests.control_plane.webhooks import start_jobset_webhooks

CRD_NAME = f"{JOBSETS.plural}.{JOBSETS.group}"
_COLLECTORS = ("garbage-collector-controller", "persistentvolumeclaim-protection-controller")
"""Without the second no claim ever goes."""


def shared_control_plane(meeting_place: Path) -> ControlPlane:
    """The control plane of everybody who meets in a folder; the first one starts it.

    It has the definition of JobSets and their webhooks.
    """
    return _shared(meeting_place / "control-plane", PlaneSettings(), _admit_and_collect)


def shared_bare_control_plane(meeting_place: Path) -> ControlPlane:
    """Another one, whose only controllers let things go: what becomes of Jobs is told by tests.

    It has no webhooks, and a definition of JobSets of the future, where a status can tell something `later`.
    """
    settings = PlaneSettings(controllers=_COLLECTORS, scheduler=False)
    return _shared(meeting_place / "bare-control-plane", settings, _extend_and_collect)


def _admit_and_collect(plane: ControlPlane) -> None:
    _collect_jobsets(plane)
    start_jobset_webhooks(plane)


def _extend_and_collect(plane: ControlPlane) -> None:
    field = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/later"
    change = [{"op": "add", "path": field, "value": {"type": "string"}}]
    plane.kubectl("patch", "crd", CRD_NAME, "--type=json", f"-p={json.dumps(change)}")
    _collect_jobsets(plane)


def _collect_jobsets(plane: ControlPlane) -> None:
    # The garbage collector looks for new kinds only when it starts and every 30 seconds.
    plane.restart(CONTROLLER_MANAGER)


def _shared(pointer: Path, settings: PlaneSettings, prepare: Callable[[ControlPlane], None]) -> ControlPlane:
    with _alone(pointer.with_suffix(".lock")):
        plane = ControlPlane.join(Path(pointer.read_text())) if pointer.exists() else None
        if plane is None:
            plane = _started(settings, prepare)
            pointer.write_text(str(plane.folder))
        return plane


def _started(settings: PlaneSettings, prepare: Callable[[ControlPlane], None]) -> ControlPlane:
    plane = ControlPlane.start(settings)
    try:
        install_jobset_crd(plane)
        prepare(plane)
    except BaseException:
        plane.stop()
        raise
    return plane


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)

"""The command as every kind of user has it: root or not, with namespaces or without."""

import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.jobset_command import Jobset

_NOBODY = 65534
_LONELY = itertools.count(100_000 + os.getpid() % 10_000 * 10)
"""Users who have no process yet, also where tests run side by side."""
_OTHERS = {
    "as-we-are": (False, ()),
    "without-namespaces": (False, ("--no-namespaces",)),
    "ordinary-user": (True, ()),
    "ordinary-user-without-namespaces": (True, ("--no-namespaces",)),
}


@pytest.fixture
def home() -> Iterator[Path]:
    # Not tmp_path: its parents are closed to other users.
    path = Path(tempfile.mkdtemp(prefix="home-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def jobset(home: Path) -> Jobset:
    return Jobset(home)


@pytest.fixture(params=_OTHERS)
def any_jobset(request: pytest.FixtureRequest, home: Path) -> Jobset:
    is_other_user, options = _OTHERS[request.param]
    if not is_other_user:
        return Jobset(home, options=options)
    return _jobset_as(_NOBODY, home, options)


@pytest.fixture
def lonely_jobset(home: Path) -> Jobset:
    """The command as a user who has no other process."""
    return _jobset_as(next(_LONELY), home)


def _jobset_as(user: int, home: Path, options: tuple[str, ...] = ()) -> Jobset:
    if os.geteuid() != 0:
        pytest.skip("only root can run the command as another user")
    os.chown(home, user, user)
    prefix = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")
    return Jobset(home, prefix=prefix, python=(_python_for_everybody(),), options=options)


def _python_for_everybody() -> str:
    """An interpreter of our version that an ordinary user may run."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        real = Path(path).resolve()
        if real.exists() and all(parent.stat().st_mode & 0o005 == 0o005 for parent in real.parents):
            return path
    pytest.skip(f"no {version} that other users may run")

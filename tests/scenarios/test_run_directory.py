"""The directory of a run: what is left of it when it cannot be made."""

import os
from datetime import UTC, datetime

import pytest

from jobset.local.runs.directory import CannotWrite, open_directory

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def in_memory() -> set[str]:
    """The directories that this process has there."""
    return {name for name in os.listdir("/dev/shm") if name.startswith(f"jobset-{os.getpid()}-")}


def test_a_directory_that_cannot_be_made_leaves_nothing_in_memory_and_no_lock(tmp_path):
    (tmp_path / "logs").touch()

    with pytest.raises(CannotWrite, match="logs: File exists"):
        open_directory(str(tmp_path), "", NOW)

    assert in_memory() == set()
    (tmp_path / "logs").unlink()
    open_directory(str(tmp_path), "", NOW).close(keep=False)

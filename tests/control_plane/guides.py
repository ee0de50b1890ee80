"""What a page tells to type, typed."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.control_plane.processes import ControlPlane

_ROOT = Path(__file__).parents[2]
_END = "<end>"
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and the lines that it is said to print."""

    command: str
    printed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Typed:
    """What became of steps: the output of each, and what all of them wrote to standard error."""

    steps: Sequence[Step]
    outputs: Sequence[str]
    errors: str

    @property
    def missing(self) -> list[tuple[str, str]]:
        """Lines that were not printed although it was said, with what was printed; ages do not matter."""
        return [
            (line, output)
            for step, output in zip(self.steps, self.outputs, strict=True)
            for line in step.printed
            if _plain(line) not in _plain(output)
        ]


def steps(page: str, section: str) -> list[Step]:
    """Each command of the block in a section of a page."""
    text = (_ROOT / page).read_text().partition(section)[2].partition("\n## ")[0]
    (block,) = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [Step(command, tuple(printed)) for command, *printed in map(str.splitlines, block.split("$ ")[1:])]


def typed(
    plane: ControlPlane,
    home: Path,
    steps: Sequence[Step],
    environ: Mapping[str, str] = {},
    between: str = ":",
) -> Typed:
    """Type steps into one shell, which has the commands of the control plane and ours.

    Raises:
        AssertionError: one of them failed.
    """
    script = "".join(f"{step.command}\n{between}\necho '{_END}'\n" for step in steps)
    path = f"{plane.binaries}:{Path(sys.executable).parent}:{os.defpath}"
    usual = {"PATH": path, "HOME": str(home), "KUBECONFIG": str(plane.kubeconfig())}
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=_ROOT,
        env={**usual, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return Typed(steps, done.stdout.split(f"{_END}\n")[:-1], done.stderr)


def _plain(text: str) -> str:
    return re.sub(r"\b\d+s\b", "0s", " ".join(text.split()))

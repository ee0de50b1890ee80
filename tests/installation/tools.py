"""Build Helm, and Prometheus as far as it judges alert rules, into the cache of the control plane.

    python -m tests.installation.tools

builds what is not there yet and prints the programs. Their modules are in `go/`: another version is another
program in the cache.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.control_plane import build

_MODULES = Path(__file__).parent / "go"


@dataclass(frozen=True, slots=True)
class Tool:
    """A program of a Go module of this folder."""

    name: str
    package: str
    flags: tuple[str, ...] = ()

    @property
    def module(self) -> Path:
        """The folder of its go.mod."""
        return _MODULES / self.name

    @property
    def program(self) -> Path:
        """Where it is once it is built; anything else in its module makes it another one."""
        digest = sha256("".join(self.flags).encode())
        for file in sorted(self.module.iterdir()):
            digest.update(file.read_bytes())
        return build.cache_root() / "tools" / f"{digest.hexdigest()[:12]}-{build.machine()}" / self.name


# Without being told, Helm takes its clusters for older ones than it supports.
_MAJOR, _MINOR, _ = build.KUBERNETES.split(".")
HELM = Tool(
    "helm",
    "helm.sh/helm/v3/cmd/helm",
    tuple(
        f"-X helm.sh/helm/v3/pkg/{package}.k8sVersion{part}={value}"
        for package in ("chartutil", "lint/rules")
        for part, value in (("Major", _MAJOR), ("Minor", _MINOR))
    ),
)
PROMQL = Tool("promql", ".")

MISSING = "no tools of the installation"


def build_tool(tool: Tool) -> Path:
    """The program; builds it if it is missing, a minute or less for each.

    Raises:
        BuildFailed: there is no Go, or it refused.
    """
    if not tool.program.exists():
        if shutil.which("go") is None:
            raise build.BuildFailed("no go on PATH")
        folder = tool.program.parent
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as work:
            # Go writes beside its go.mod: the checkout stays as it is.
            module = Path(shutil.copytree(tool.module, Path(work, "module")))
            build.compile_programs(module, {tool.name: tool.package}, folder, tool.flags)
    return tool.program


def require_tool(tool: Tool) -> Path:
    """The program; skips the test where it was not built. In continuous integration, that fails it."""
    if tool.program.exists():
        return tool.program
    reason = f"{MISSING} ({tool.name} missing): make control-plane"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def ask(program: Path, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """What a program answers, without anything of the user's own."""
    return subprocess.run(
        [str(program), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath, "HOME": "/nonexistent"},
    )


def main() -> int:
    """Build all, and say where."""
    try:
        for tool in (HELM, PROMQL):
            print(build_tool(tool))
    except build.BuildFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

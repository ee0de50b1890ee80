"""Build etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl into a cache.

    python -m tests.control_plane.build [VERSION]

builds what is not there yet and prints the folder. The go.mod and go.sum of the usual version are kept beside
this file; those of other versions are made when they are asked for.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

KUBERNETES = "1.36.3"
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
ETCD = "etcd"

_MODULES = Path(__file__).parent / "go"
_GO = "1.26.0"
_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


class BuildFailed(Exception):
    """The programs could not be built; the text says why."""


def find_programs(version: str = KUBERNETES) -> Path | None:
    """The folder with all programs, or None. `KUBEBUILDER_ASSETS` wins where it is set."""
    return None if missing_programs(version) else _folder(version)


def missing_programs(version: str = KUBERNETES) -> list[str]:
    """The names of the programs that are not where they are looked for."""
    folder = _folder(version)
    return [name for name in (ETCD, *PROGRAMS) if not (folder / name).exists()]


def _folder(version: str) -> Path:
    given = os.environ.get("KUBEBUILDER_ASSETS")
    return Path(given) if given else cache_folder(version)


def cache_folder(version: str) -> Path:
    """Where the programs of a version of Kubernetes are kept, outside of the checkout."""
    return cache_root() / "control-plane" / f"{version}-{machine()}"


def cache_root() -> Path:
    """Where everything is kept that is built for tests."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jobset"


def machine() -> str:
    """For which machines what is built here is good."""
    return f"{platform.system()}-{platform.machine()}".lower()


def build(version: str = KUBERNETES) -> Path:
    """The folder with all programs; builds those that are missing, some minutes at first.

    Raises:
        BuildFailed: there is no Go, or it refused.
    """
    if (found := find_programs(version)) is not None:
        return found
    if given := os.environ.get("KUBEBUILDER_ASSETS"):
        lacking = ", ".join(missing_programs(version))
        raise BuildFailed(f"KUBEBUILDER_ASSETS names {given}, which lacks {lacking}")
    if shutil.which("go") is None:
        raise BuildFailed(
            "no go on PATH: install Go, or set KUBEBUILDER_ASSETS to a folder with the programs"
        )
    folder = cache_folder(version)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as work:
        etcd, kubernetes = Path(work, "etcd"), Path(work, "kubernetes")
        # Go writes beside its go.mod: the checkout stays as it is.
        shutil.copytree(_MODULES / "etcd", etcd)
        if version == KUBERNETES:
            shutil.copytree(_MODULES / "kubernetes", kubernetes)
        else:
            write_module(version, kubernetes)
        compile_programs(etcd, {ETCD: "go.etcd.io/etcd/server/v3"}, folder)
        packages = {name: f"k8s.io/kubernetes/cmd/{name}" for name in PROGRAMS}
        compile_programs(kubernetes, packages, folder, _version_flags(version))
    return folder


def write_module(version: str, folder: Path) -> None:
    """Write go.mod and go.sum of a version of Kubernetes, with published modules for its staged ones."""
    folder.mkdir(parents=True, exist_ok=True)
    answer = _go(folder, "mod", "download", "-json", f"k8s.io/kubernetes@v{version}")
    manifest = Path(json.loads(answer)["GoMod"]).read_text()
    staged = re.findall(r"^\s+(k8s\.io/\S+) v0\.0\.0$", manifest, re.MULTILINE)
    published = "v0." + version.partition(".")[2]
    lines = [
        "module jobset/tests/control-plane",
        f"go {_GO}",
        "tool (",
        *(f"\tk8s.io/kubernetes/cmd/{name}" for name in PROGRAMS),
        ")",
        f"require k8s.io/kubernetes v{version}",
        "replace (",
        *(f"\t{module} => {module} {published}" for module in staged),
        ")",
    ]
    (folder / "go.mod").write_text("\n".join(lines) + "\n")
    _go(folder, "mod", "tidy")


def compile_programs(
    module: Path, packages: dict[str, str], folder: Path, flags: tuple[str, ...] = ()
) -> None:
    """Put each program of a Go module, by its package, into a folder.

    Raises:
        BuildFailed: Go refused.
    """
    ldflags = " ".join(("-s", "-w", *flags))
    for name, package in packages.items():
        built = module / f"built-{name}"
        _go(module, "build", "-trimpath", f"-ldflags={ldflags}", "-o", str(built), package)
        # A program is there as a whole or not at all, whoever else builds at the same time.
        built.rename(folder / name)


def _version_flags(version: str) -> tuple[str, ...]:
    major, minor, _ = version.split(".")
    values = {
        "gitVersion": f"v{version}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
    }
    return tuple(
        f"-X {package}.{key}={value}" for package in _VERSION_PACKAGES for key, value in values.items()
    )


def _go(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
    done = subprocess.run(
        ["go", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BuildFailed(f"go {' '.join(arguments)}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def main() -> int:
    """Build, and say where."""
    try:
        print(build(sys.argv[1] if len(sys.argv) > 1 else KUBERNETES))
    except BuildFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

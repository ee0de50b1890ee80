"""Programs are found where they are said to be, and what is missing is told by name."""

from pathlib import Path

import pytest

from tests.control_plane import build


def some_programs(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def test_given_programs_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some_programs(tmp_path, build.ETCD, *build.PROGRAMS)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))

    assert build.find_programs() == tmp_path
    assert build.build() == tmp_path


def test_what_given_programs_lack_is_told_and_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_programs(tmp_path, build.ETCD, "kube-apiserver", "kubectl")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))

    assert build.find_programs() is None
    with pytest.raises(build.BuildFailed, match="lacks kube-controller-manager, kube-scheduler"):
        build.build()


def test_programs_are_kept_by_version_and_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = build.cache_folder("1.99.0")
    folder.mkdir(parents=True)

    assert build.missing_programs("1.99.0") == [build.ETCD, *build.PROGRAMS]

    some_programs(folder, build.ETCD, *build.PROGRAMS)

    assert build.find_programs("1.99.0") == folder
    assert build.find_programs("1.99.1") is None

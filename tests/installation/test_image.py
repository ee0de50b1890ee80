"""The images as far as they can be judged without building them: bases, user, entry points, launchers."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installation.rendering import ROOT, Objects, at

TEXT = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
INSTRUCTIONS = [line.split(maxsplit=1) for line in TEXT.splitlines() if line and not line.startswith("#")]
FIRST = [index for index, (word, *_) in enumerate(INSTRUCTIONS) if word == "FROM"]
IMAGES = {"manager": "/manager", "in-place-restart-agent": "/in-place-restart-agent"}


def stages() -> dict[str, tuple[str, list[list[str]]]]:
    """The base and the instructions of each stage, by its name."""
    parts = [INSTRUCTIONS[start:end] for start, end in zip(FIRST, [*FIRST[1:], None], strict=True)]
    headers = [re.fullmatch(r"(\S+) AS (\S+)", part[0][1]) for part in parts]
    return {it[2]: (it[1], part[1:]) for it, part in zip(headers, parts, strict=True) if it is not None}


def said(stage: str, word: str) -> list[str]:
    """What a stage says with an instruction, from its first base on."""
    base, instructions = stages()[stage]
    inherited = said(base, word) if base in stages() else []
    return [*inherited, *(rest for name, rest in instructions if name == word)]


def test_without_a_target_the_manager_is_built() -> None:
    assert list(stages())[-1] == "manager"


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_an_unprivileged_user(image: str) -> None:
    assert said(image, "USER")[-1] == "65532:65532"


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_its_entry_point(image: str) -> None:
    assert json.loads(said(image, "ENTRYPOINT")[-1]) == [IMAGES[image]]
    assert f"--chmod=0555 docker/{image} {IMAGES[image]}" in said(image, "COPY")


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_needs_no_shell(image: str) -> None:
    assert said(image, "RUN") == []
    assert stages()["run"][0] == "${RUN_BASE}"
    assert "RUN_BASE=gcr.io/distroless/python3-debian12:nonroot" in arguments()


def arguments() -> list[str]:
    return [rest for word, rest in INSTRUCTIONS[: FIRST[0]] if word == "ARG"]


def test_bases_are_named_and_none_is_the_latest() -> None:
    bases = dict(argument.split("=") for argument in arguments())
    used = {base for base, _ in stages().values()} - set(stages())

    assert used == {f"${{{name}}}" for name in bases}
    assert [base for base in bases.values() if not re.search(":(?!latest)[^:/]+$", base)] == []


def test_what_is_compiled_in_one_stage_runs_in_the_other() -> None:
    build, run = (
        dict(argument.split("=") for argument in arguments())[it] for it in ("BUILD_BASE", "RUN_BASE")
    )
    shebangs = {(ROOT / "docker" / image).read_text().splitlines()[0] for image in IMAGES}

    # Debian 12 has Python 3.11.
    assert re.search(r":3\.11\.\d+-slim-bookworm$", build)
    assert "debian12" in run
    assert shebangs == {"#!/usr/bin/python3.11 -IB"}


def test_dependencies_are_those_that_are_tested() -> None:
    (install, *_) = said("build", "RUN")

    assert "--constraint requirements/dev.txt --target /app ." in install
    assert "requirements/dev.txt requirements/dev.txt" in said("build", "COPY")


def test_what_is_copied_is_sent_to_the_builder() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {word for rest in said("build", "COPY") for word in rest.split()[:-1]}

    assert copied <= kept
    assert [name for name in kept if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("image", IMAGES)
def test_a_launcher_can_be_executed_and_reads_what_was_installed(image: str) -> None:
    launcher = ROOT / "docker" / image

    assert os.access(launcher, os.X_OK)
    assert "/app" in {
        it.value for it in ast.walk(ast.parse(launcher.read_text())) if isinstance(it, ast.Constant)
    }


MODULES = {"manager": "jobset/cli/main.py", "in-place-restart-agent": "jobset/agent/__main__.py"}
STUB = "import sys\ndef main(): print(sys.argv[1:])\nif __name__ == '__main__': main()\n"
ARGUMENTS = ["--config=a", "-b"]


@pytest.mark.parametrize(("image", "told"), [("manager", ["controller"]), ("in-place-restart-agent", [])])
def test_a_launcher_runs_its_module_with_all_arguments(image: str, told: list[str], tmp_path: Path) -> None:
    module = tmp_path / MODULES[image]
    module.parent.mkdir(parents=True)
    for folder in (module.parent, module.parent.parent):
        (folder / "__init__.py").touch()
    module.write_text(STUB)

    found = launched(image, *ARGUMENTS, PYTHONPATH=str(tmp_path))

    assert ast.literal_eval(found) == [*told, *ARGUMENTS]


def test_the_launcher_of_the_manager_is_the_controller() -> None:
    assert launched("manager", "--help").startswith("Usage: jobset controller")


def launched(image: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docker" / image), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.defpath, **environment},
    )
    return done.stdout


@pytest.mark.parametrize("installed", ["default", "certmanager", "release"])
def test_the_manager_writes_nothing_into_its_image_and_is_not_root(
    request: pytest.FixtureRequest, installed: str
) -> None:
    objects = request.getfixturevalue(installed)
    assert isinstance(objects, Objects)
    pod = at("spec.template.spec", objects.one("Deployment"))

    assert at("containers.0.securityContext.readOnlyRootFilesystem", pod) is True
    assert at("securityContext.runAsNonRoot", pod) is True
    assert at("containers.0.command", pod) == [IMAGES["manager"]]

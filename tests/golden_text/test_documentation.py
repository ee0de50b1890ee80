"""What the documentation shows is true: manifests are valid, links lead somewhere, commands exist."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest

from jobset.api.gates import FeatureGates
from jobset.cli.main import cli
from jobset.controller.configuration import Configuration, TlsSettings
from jobset.controller.configuring.reading import read_configuration
from jobset.manifests.check import check
from jobset.manifests.yaml import load, load_text

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Page and text of every block in a language."""
    for page in PAGES:
        for text in re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE):
            yield page.name, text


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_valid(example: Path) -> None:
    assert check(load([str(example)])) == []


@pytest.mark.parametrize(("page", "text"), list(blocks("yaml")))
def test_manifests_in_the_documentation_are_valid(page: str, text: str) -> None:
    assert check(load_text(text, page)) == []


@pytest.mark.parametrize(("page", "text"), list(blocks("yaml in-place")))
def test_manifests_of_restarts_in_place_are_valid_with_their_gate(page: str, text: str) -> None:
    assert check(load_text(text, page), gates=FeatureGates(in_place_restart=True)) == []


def test_the_configuration_in_the_documentation_is_the_default() -> None:
    ((page, text),) = blocks("yaml configuration")

    (document,) = load_text(text, page).documents

    assert read_configuration(document.value) == replace(
        Configuration(), tls=TlsSettings(min_version="VersionTLS12")
    )


def test_the_readme_shows_an_example_as_it_is() -> None:
    assert (ROOT / "examples/hello.yaml").read_text() in [text for _, text in blocks("yaml")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())

    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]

    assert missing == []


def commands() -> Iterator[str]:
    """Every command line of jobset in the documentation."""
    for _, text in blocks("console"):
        for line in text.splitlines():
            for call in re.findall(
                r"(?:^|\s|<\()(jobset (?:run|validate|controller|version|completion)[^|)>]*)", line
            ):
                yield call.strip()


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_options_in_the_documentation_exist(line: str) -> None:
    _, name, *words = line.split()
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    known = {option for parameter in command.params for option in parameter.opts}

    used = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}

    assert used <= known

"""What an administrator installs: `config/` rendered by kubectl, the chart by Helm.

python -m tests.installation.rendering FOLDER [--without-definition]

prints a folder of `config/` as the release file of it, or without the definition of JobSets, which the
package makes itself.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from tests.control_plane import build
from tests.control_plane.fixtures import require_programs
from tests.installation.tools import HELM, ask, require_tool

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "jobset"
_BETWEEN = "\n---\n"
MUTATING, VALIDATING = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"

Object: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Objects:
    """Rendered objects, in their order."""

    all: tuple[Object, ...]

    def __iter__(self) -> Iterator[Object]:
        return iter(self.all)

    def names(self) -> list[tuple[str, str]]:
        """Kind and name of each."""
        return [(it["kind"], it["metadata"]["name"]) for it in self.all]

    def of(self, kind: str) -> dict[str, Object]:
        """Those of a kind, by name."""
        return {it["metadata"]["name"]: it for it in self.all if it["kind"] == kind}

    def one(self, kind: str) -> Object:
        """The only one of a kind."""
        (found,) = self.of(kind).values()
        return found

    def configuration(self) -> Object:
        """What the manager reads from its ConfigMap."""
        (text,) = self.one("ConfigMap")["data"].values()
        found = yaml.safe_load(text)
        assert isinstance(found, dict)
        return found

    def webhooks(self) -> dict[str, Object]:
        """All webhooks, by name; those that change come first."""
        configurations = (self.one(MUTATING), self.one(VALIDATING))
        return {hook["name"]: hook for it in configurations for hook in it["webhooks"]}


class RenderFailed(Exception):
    """What was asked for cannot be rendered; the text is that of the program."""


def kustomize(folder: str) -> Objects:
    """The objects of a folder of `config/`."""
    return objects(kustomized(folder))


def kustomized(folder: str) -> str:
    """The text of a folder of `config/`; skips the test where there is no kubectl."""
    require_programs()
    programs = build.find_programs()
    assert programs is not None
    return _output(ask(programs / "kubectl", "kustomize", str(ROOT / "config" / folder)))


def chart(
    values: Mapping[str, Any] | None = None,
    *arguments: str,
    release: str = "jobset",
    namespace: str = "jobset-system",
) -> Objects:
    """The objects of a release of the chart; skips the test where there is no Helm.

    Raises:
        RenderFailed: the chart refuses the values.
    """
    command = ("template", release, str(CHART), f"--namespace={namespace}", "--values=-", *arguments)
    return objects(_output(ask(require_tool(HELM), *command, stdin=yaml.safe_dump(dict(values or {})))))


def objects(text: str) -> Objects:
    """The objects of a text with many documents."""
    return Objects(tuple(it for it in yaml.load_all(text, yaml.CSafeLoader) if it is not None))


def at(path: str, obj: Any) -> Any:
    """What is found on a way of keys and indexes between dots; None where it ends."""
    for step in path.split("."):
        obj = obj[int(step)] if isinstance(obj, list) else obj.get(step)
        if obj is None:
            return None
    return obj


def _output(done: "subprocess.CompletedProcess[str]") -> str:
    if done.returncode != 0:
        raise RenderFailed(done.stderr.strip())
    return done.stdout


def without_definition(text: str) -> str:
    """The text of many documents, without the definition of JobSets."""
    documents = text.split(_BETWEEN)
    return _BETWEEN.join(it for it in documents if "\nkind: CustomResourceDefinition\n" not in it)


def _main(folder: str, *flags: str) -> None:
    text = kustomized(folder)
    print(without_definition(text) if flags else text, end="")


if __name__ == "__main__":
    _main(*sys.argv[1:])

"""Manifests as a run needs them: read, checked and judged, with every problem at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobset.kube.client import Object
from jobset.local.runs.apply import Refused
from jobset.local.runs.report import Notice
from jobset.manifests.problems import Problem
from jobset.manifests.yaml import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What was read, and what is wrong with it."""

    objects: tuple[Object, ...] = ()
    problems: tuple[Problem, ...] = ()
    notices: tuple[Notice, ...] = ()

    def explain(self, refused: Refused) -> str:
        """What the API said about an object that the checks let pass."""
        obj = refused.object
        return f"{obj['kind']}/{obj['metadata'].get('name', '')}: {refused.error}"


def read_inputs(files: Sequence[str], namespace: str, images: Mapping[str, tuple[str, ...]]) -> Inputs:
    """Everything that the files hold, checked as admission would and judged for this machine."""
    documents = load(files)
    problems = list(documents.problems)
    return Inputs(objects=tuple(documents.objects), problems=tuple(problems))

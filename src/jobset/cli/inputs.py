"""Manifests as a run needs them: read, checked and judged, with every problem at once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from jobset.api.gates import FeatureGates
from jobset.cli.images import judge_documents, read_image_files
from jobset.kube.client import Object
from jobset.local.runs.apply import ORDER, Refused, resource_of
from jobset.local.runs.report import Notice
from jobset.manifests.check import check
from jobset.manifests.documents import Document, Documents
from jobset.manifests.problems import Problem
from jobset.manifests.yaml import load


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, and what is wrong with it."""

    documents: Documents
    problems: tuple[Problem, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def objects(self) -> tuple[Object, ...]:
        """The objects to apply."""
        return tuple(self.documents.objects)

    def explain(self, refused: Refused) -> str:
        """What the API said about an object that the checks let pass, with its place."""
        obj = refused.object
        name = f"{obj['kind']}/{obj['metadata'].get('name') or obj['metadata'].get('generateName', '')}"
        places = [document.problem("", "").place for document in self.documents if document.title == name]
        return f"{places[0] + ': ' if places else ''}{name}: {refused.error}"


def check_documents(
    files: Sequence[str], namespace: str, gates: FeatureGates
) -> tuple[Documents, tuple[Problem, ...]]:
    """Everything in the files, and everything that an API server would refuse."""
    documents = load(files)
    return documents, tuple(check(documents, namespace, gates))


def read_inputs(
    files: Sequence[str],
    namespace: str,
    gates: FeatureGates,
    images: Mapping[str, tuple[str, ...]],
    image_files: Sequence[str] = (),
    *,
    can_mount: bool = True,
) -> Inputs:
    """Everything that the files hold, checked as admission would and judged for this machine."""
    documents, problems = check_documents(files, namespace, gates)
    commands, wrong = read_image_files(image_files)
    judged = judge_documents(documents, {**commands, **images}, can_mount=can_mount)
    return Inputs(
        documents=judged.documents,
        problems=(*problems, *wrong, *_not_for_a_run(documents), *judged.problems),
        notices=judged.notices,
    )


def _not_for_a_run(documents: Documents) -> Iterator[Problem]:
    """Objects that a run has no use for, and the want of a JobSet, or of something to do in one."""
    usable = [document for document in documents if isinstance(document.value, Mapping)]
    kinds = ", ".join(resource.kind for resource in ORDER)
    for document in usable:
        api_version, kind = document.value.get("apiVersion", ""), document.value.get("kind")
        if isinstance(api_version, str) and isinstance(kind, str) and resource_of(document.value) is None:
            remedy = f"leave it out; what a run takes is {kinds}"
            yield document.problem(f"jobset run takes no {kind}", remedy, "kind", value=kind)
        elif _is_jobset(document) and _is_empty(document.value.get("spec")):
            remedy = "add a replicated job, or leave the JobSet out"
            yield document.problem("a JobSet without replicated jobs never ends", remedy, "spec")
    if documents.documents and not any(_is_jobset(document) for document in usable):
        yield documents.documents[0].problem("there is no JobSet in these manifests", "add a JobSet to run")


def _is_jobset(document: Document) -> bool:
    return bool(document.value.get("kind") == "JobSet")


def _is_empty(spec: Any) -> bool:
    return spec is None or (isinstance(spec, Mapping) and not spec.get("replicatedJobs"))

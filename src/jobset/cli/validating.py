"""What `jobset validate` finds, and how it is told."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jobset.api.gates import FeatureGates
from jobset.cli.console import choose_style
from jobset.cli.inputs import check_documents
from jobset.cli.render.problems import has_errors, problem_data, render_problems, render_summary
from jobset.manifests.problems import Problem

SCHEMA = "jobset-validate/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The problems in so many objects."""

    objects: int
    problems: tuple[Problem, ...]

    @property
    def exit_code(self) -> int:
        """2 when anything is refused."""
        return 2 if has_errors(self.problems) else 0


def check_files(files: Sequence[str], namespace: str, gates: FeatureGates) -> Answer:
    """Everything that is wrong with the files."""
    documents, problems = check_documents(files, namespace, gates)
    return Answer(objects=len(documents.documents), problems=problems)


def render_answer(answer: Answer, output: str, color: Literal["auto", "always", "never"]) -> str:
    """The problems and a summary, as text or as JSON."""
    if output == "json":
        data = {
            "schema": SCHEMA,
            "valid": answer.exit_code == 0,
            "objects": answer.objects,
            "problems": [problem_data(problem) for problem in answer.problems],
        }
        return json.dumps(data, indent=2, ensure_ascii=False)
    style = choose_style(sys.stdout, color)
    told = render_problems(answer.problems, style)
    summary = render_summary(answer.problems, answer.objects)
    return f"{told}\n{summary}" if told else summary

"""What `jobset validate` finds, and how it is told."""

import sys
from collections.abc import Sequence
from typing import Literal

import msgspec

from jobset.api.gates import FeatureGates
from jobset.cli.console import choose_style
from jobset.cli.inputs import check_documents
from jobset.cli.render.problems import has_errors, problem_data, render_problems, render_summary
from jobset.cli.streams import tell, tell_data
from jobset.manifests.problems import Problem

SCHEMA = "jobset-validate/v1"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
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


def tell_answer(answer: Answer, output: str, color: Literal["auto", "always", "never"]) -> None:
    """Write the problems and a summary to standard output, as text or as JSON."""
    if output == "json":
        problems = [problem_data(problem) for problem in answer.problems]
        valid = answer.exit_code == 0
        tell_data({"schema": SCHEMA, "valid": valid, "objects": answer.objects, "problems": problems})
        return
    told = render_problems(answer.problems, choose_style(sys.stdout, color))
    summary = render_summary(answer.problems, answer.objects)
    tell(f"{told}\n{summary}" if told else summary)

"""Whatever admission refuses about a new JobSet is told offline, with the field, the place and a remedy."""

from typing import Any

import pytest

from jobset.admission.field_errors import NO_FIELD, ErrorType, FieldError
from jobset.admission.jobset import admit_create
from jobset.api.gates import FeatureGates
from jobset.manifests.check import check
from jobset.manifests.problems import Problem, Severity
from jobset.manifests.writing import write_yaml
from jobset.manifests.yaml import load_text
from tests.decisions.admission_builders import ALL_ON, OFF, a_jobset
from tests.decisions.test_admission_claims import CLAIMS
from tests.decisions.test_admission_jobset import CREATED
from tests.decisions.test_admission_jobset_schema import REFUSED
from tests.decisions.test_admission_validation import CASES

Raw = dict[str, Any]
GIVEN: dict[str, tuple[Raw, FeatureGates]] = {
    **{name: (jobset, gates) for name, (jobset, gates, _) in CASES.items()},
    **{name: (jobset, OFF) for name, (jobset, existing, _) in CLAIMS.items() if not existing},
    **{name: (jobset, OFF) for name, (jobset, _) in CREATED.items()},
    **{name: (a_jobset(**spec), ALL_ON) for name, (spec, _) in REFUSED.items()},
}
EXPECTED = {name: admit_create(jobset, gates).errors for name, (jobset, gates) in GIVEN.items()}
WRONG = {name: (*GIVEN[name], errors) for name, errors in EXPECTED.items() if errors}


@pytest.mark.parametrize(("jobset", "gates", "errors"), WRONG.values(), ids=WRONG)
def test_what_admission_refuses_is_told_offline(
    jobset: Raw, gates: FeatureGates, errors: tuple[FieldError, ...]
) -> None:
    text = write_yaml([{"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet"} | jobset])

    problems = [problem for problem in check(load_text(text, "f"), gates=gates) if is_complete(problem)]

    about_fields = [error for error in errors if "some validation rules were not checked" not in error.detail]
    assert about_fields
    assert [str(e) for e in about_fields if not any(tells(problem, e) for problem in problems)] == []


def is_complete(problem: Problem) -> bool:
    has_place = problem.line > 0 and problem.column > 0
    return problem.severity is Severity.ERROR and has_place and bool(problem.field and problem.remedy)


def tells(problem: Problem, error: FieldError) -> bool:
    said = error.detail.removeprefix(f"{error.field} in body ") or error.message()
    field = error.field
    if field == NO_FIELD:
        said, field = error.detail.removesuffix(f" in {error.at}"), error.at
    is_there = error.type is ErrorType.INTERNAL or problem.field.startswith(field.partition("[")[0])
    return is_there and problem.message.endswith(said)

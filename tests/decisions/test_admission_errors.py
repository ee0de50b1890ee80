"""Errors about fields, and the Status made of them."""

from typing import Any

import pytest

from jobset.admission import field_errors as fe
from jobset.admission.field_errors import FieldError

ERRORS = {
    "a text is quoted": (
        fe.invalid("f", 'a"\\\n\x1b\u2028😀', "no"),
        r'f: Invalid value: "a\"\\\n\x1b\u2028😀": no',
    ),
    "a far control letter": (fe.invalid("f", "\U000e0001", "no"), r'f: Invalid value: "\U000e0001": no'),
    "a number is plain": (fe.invalid("f", 5, "no"), "f: Invalid value: 5: no"),
    "nothing is null": (fe.invalid("f", None, "no"), "f: Invalid value: null: no"),
    "an object is compact, and safe in HTML": (
        fe.invalid("f", {"a": ["<", ">", "&"]}, "no"),
        r'f: Invalid value: {"a":["\u003c","\u003e","\u0026"]}: no',
    ),
    "letters that end a line in scripts": (
        fe.invalid("f", ["\u2028\u2029"], "no"),
        r'f: Invalid value: ["\u2028\u2029"]: no',
    ),
    "a required field": (fe.required("f"), "f: Required value"),
    "a reason why it is required": (fe.required("f", "why"), "f: Required value: why"),
    "a forbidden field": (fe.forbidden("f", "why"), "f: Forbidden: why"),
    "a duplicate": (fe.duplicate("f", "a"), 'f: Duplicate value: "a"'),
    "a choice": (
        fe.not_supported("f", "c", ["b", "a"]),
        'f: Unsupported value: "c": supported values: "b", "a"',
    ),
    "too many": (fe.too_many("f", 51, 50), "f: Too many: 51: must have at most 50 items"),
    "too long": (fe.too_long("f", 63), "f: Too long: may not be more than 63 bytes"),
    "no field": (fe.plain("text", "spec"), "<nil>: Internal error: text"),
}


@pytest.mark.parametrize(("error", "text"), ERRORS.values(), ids=ERRORS)
def test_an_error_is_printed_as_go_does(error: FieldError, text: str) -> None:
    assert str(error) == text


def test_an_error_knows_the_part_to_blame() -> None:
    assert fe.plain("text", "spec.suspend").blamed == "spec.suspend"
    assert fe.required("spec.a").blamed == "spec.a"
    assert fe.invalid("<nil>", None, "text").blamed == ""


A, B = fe.required("a"), fe.required("b")
STATUSES: dict[str, tuple[list[FieldError], str]] = {
    "one error stands alone": ([A], "a: Required value"),
    "several are listed": ([A, B], "[a: Required value, b: Required value]"),
    "equal ones are told once": ([A, A], "a: Required value"),
}


@pytest.mark.parametrize(("errors", "listed"), STATUSES.values(), ids=STATUSES)
def test_errors_become_one_status(errors: list[FieldError], listed: str) -> None:
    status: dict[str, Any] = fe.invalid_status("jobset.x-k8s.io", "JobSet", "js", errors)

    assert status["message"] == f'JobSet.jobset.x-k8s.io "js" is invalid: {listed}'
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert len(status["details"]["causes"]) == len(errors)


def test_values_are_left_out_of_long_answers() -> None:
    large = [fe.invalid(f"f[{index}]", "x" * 2**18, "no") for index in range(50)]

    status = fe.invalid_status("jobset.x-k8s.io", "JobSet", "js", large)

    messages = [cause["message"] for cause in status["details"]["causes"]]
    assert messages[0] == f'Invalid value: "{"x" * 2**18}": no'
    assert messages[-1] == "Invalid value: no"
    assert len(status["message"]) < 2 * 2**20
    assert status["message"].count(": no") == len(large)


def test_a_plain_error_is_a_cause_without_a_field() -> None:
    status = fe.invalid_status("jobset.x-k8s.io", "JobSet", "js", [fe.plain("text", "spec.suspend")])

    assert status["details"] == {
        "name": "js",
        "group": "jobset.x-k8s.io",
        "kind": "JobSet",
        "causes": [{"reason": "InternalError", "message": "Internal error: text", "field": "<nil>"}],
    }


def test_a_kind_of_the_core_group_has_no_suffix() -> None:
    status = fe.invalid_status("", "Pod", "", [A])

    assert status["message"] == 'Pod "" is invalid: a: Required value'
    assert status["details"] == {
        "kind": "Pod",
        "causes": [{"reason": "FieldValueRequired", "message": "Required value", "field": "a"}],
    }

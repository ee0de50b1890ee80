"""Which labels and fields a selector lets through, and which texts are none."""

import pytest

from jobset.kube.resources import CONFIG_MAPS, CORE_EVENTS, EVENTS, JOBS, JOBSETS, PODS, SERVICES, Resource
from jobset.local.selectors import BadSelector, field_predicate, label_predicate

LABELS = {
    "equal": ("a=1", {"a": "1"}, True),
    "not equal": ("a=1", {"a": "2"}, False),
    "an empty value": ("a=", {"a": ""}, True),
    "the empty value of many": ("a in (,x)", {"a": ""}, True),
    "unequal without the label": ("a!=1", {}, True),
    "in": ("a in (1,2)", {"a": "2"}, True),
    "in without the label": ("a in (1,2)", {}, False),
    "not in": ("a notin (1,2)", {"a": "2"}, False),
    "not in without the label": ("a notin (1)", {}, True),
    "exists": ("a", {"a": ""}, True),
    "does not exist": ("!a", {"a": ""}, False),
    "greater": ("a>5", {"a": "6"}, True),
    "less": ("a<5", {"a": "6"}, False),
    "no number": ("a>5", {"a": "x"}, False),
    "all terms count": ("a=1, b=2", {"a": "1"}, False),
    "a prefixed key": ("example.com/a=1", {"example.com/a": "1"}, True),
    "a key called in": ("in in (in)", {"in": "in"}, True),
}


@pytest.mark.parametrize(("text", "labels", "matches"), LABELS.values(), ids=LABELS)
def test_a_label_selector(text: str, labels: dict[str, str], matches: bool) -> None:
    predicate = label_predicate(text)

    assert predicate is not None
    assert predicate({"metadata": {"labels": labels}}) is matches


def test_empty_selectors_match_everything() -> None:
    assert label_predicate(" ") is None
    assert field_predicate("", PODS) is None


NO_SELECTORS = (
    "a=1,",
    ",a",
    "a in",
    "a in (",
    "a in (1",
    "a in 1)",
    "a ~ b",
    "-a=1",
    "a=-",
    "a>x",
    "!",
    "a(",
    "a/b/c=1",
)


@pytest.mark.parametrize("text", NO_SELECTORS)
def test_what_is_no_label_selector(text: str) -> None:
    with pytest.raises(BadSelector):
        label_predicate(text)


WORDS = {
    "a comma at the end": ("a=1,", "found '', expected: identifier after ','"),
    "a comma at the start": (",a", "found ',', expected: !, identifier, or 'end of string'"),
    "no operator": ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
    "no list": ("a in 1", "unable to parse requirement: found '1' expected: '('"),
    "an open list": ("a in (1", "unable to parse requirement: found '', expected: ',' or ')'"),
    "too much": ("a=1 b", "found 'b', expected: ',' or 'end of string'"),
    "no number": (
        "a>x",
        'unable to parse requirement: values[0]: Invalid value: "x": '
        "for 'Gt', 'Lt' operators, the value must be an integer",
    ),
}


@pytest.mark.parametrize(("text", "words"), WORDS.values(), ids=WORDS)
def test_why_a_text_is_no_label_selector(text: str, words: str) -> None:
    with pytest.raises(BadSelector) as caught:
        label_predicate(text)

    assert str(caught.value) == words


POD = {
    "metadata": {"name": "p", "namespace": "ns"},
    "spec": {"nodeName": "n", "restartPolicy": "Never"},
    "status": {"phase": "Running"},
}
EVENT = {"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p"}, "reason": "R"}
FIELDS = {
    "name": (PODS, "metadata.name=p", POD, True),
    "namespace": (PODS, "metadata.namespace!=ns", POD, False),
    "node": (PODS, "spec.nodeName==n", POD, True),
    "phase": (PODS, "status.phase!=Running", POD, False),
    "an absent field is empty": (PODS, "status.podIP=", POD, True),
    "several": (PODS, "spec.nodeName=n,status.phase=Failed", POD, False),
    "involved object": (CORE_EVENTS, "involvedObject.name=p,reason=R", EVENT, True),
    "regarding": (EVENTS, "regarding.kind=Job", EVENT, False),
    "a count": (JOBS, "status.successful=0", {"metadata": {}, "status": {}}, True),
    "an escaped value": (CONFIG_MAPS, r"metadata.name=a\,b", {"metadata": {"name": "a,b"}}, True),
}


@pytest.mark.parametrize(("resource", "text", "obj", "matches"), FIELDS.values(), ids=FIELDS)
def test_a_field_selector(resource: Resource, text: str, obj: dict[str, object], matches: bool) -> None:
    predicate = field_predicate(text, resource)

    assert predicate is not None
    assert predicate(obj) is matches


UNKNOWN = {
    "a pod": (PODS, "field label not supported: spec.x"),
    "a Service": (SERVICES, "field label not supported: spec.x"),
    "a Job": (JOBS, 'field label "spec.x" not supported for Job'),
    "a JobSet": (JOBSETS, "field label not supported: spec.x"),
    "a ConfigMap": (
        CONFIG_MAPS,
        '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ),
}


@pytest.mark.parametrize(("resource", "message"), UNKNOWN.values(), ids=UNKNOWN)
def test_a_field_that_cannot_be_selected(resource: Resource, message: str) -> None:
    with pytest.raises(BadSelector, match="x") as caught:
        field_predicate("spec.x=1", resource)

    assert str(caught.value) == message


NOT_BOTH = {"of the other API": (EVENTS, "involvedObject.name"), "and back": (CORE_EVENTS, "regarding.name")}


@pytest.mark.parametrize(("resource", "label"), NOT_BOTH.values(), ids=NOT_BOTH)
def test_each_event_api_has_its_own_fields(resource: Resource, label: str) -> None:
    with pytest.raises(BadSelector, match=f"field label not supported: {label}"):
        field_predicate(f"{label}=x", resource)


ESCAPES = {
    "a second operator": ("metadata.name=a=b", "unescaped character in value: 61"),
    "an escape of nothing special": (r"metadata.name=a\x", r"invalid escape sequence: \x"),
    "an escape of nothing": ("metadata.name=a\\", "invalid escape sequence: \\"),
}


@pytest.mark.parametrize(("text", "words"), ESCAPES.values(), ids=ESCAPES)
def test_a_field_value_with_a_wrong_escape(text: str, words: str) -> None:
    with pytest.raises(BadSelector) as caught:
        field_predicate(text, PODS)

    assert str(caught.value) == f"invalid field selector: {words}"


def test_a_field_selector_needs_an_operator() -> None:
    with pytest.raises(BadSelector, match="can't understand"):
        field_predicate("metadata.name", PODS)

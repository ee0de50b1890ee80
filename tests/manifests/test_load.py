"""What manifests say, where they come from, and where their parts stand."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobset.manifests.yaml import load, load_text

SCALARS: dict[str, Any] = {
    "true": True,
    "Yes": True,
    "off": False,
    "y": True,
    "N": False,
    "~": None,
    "": None,
    "null": None,
    "12": 12,
    "-12": -12,
    "+1_000": 1000,
    "0x1F": 31,
    "0b101": 5,
    "0644": 420,
    "0o644": 420,
    "-0644": -420,
    "089": 89.0,
    "1.5": 1.5,
    "1e3": 1000.0,
    ".5": 0.5,
    "1.": 1.0,
    "-1.5E-3": -0.0015,
    "1.2.3": "1.2.3",
    "12:30:45": "12:30:45",
    "2026-01-02": "2026-01-02",
    "2026-01-02T03:04:05Z": "2026-01-02T03:04:05Z",
    "1Gi": "1Gi",
    "500m": "500m",
    "'12'": "12",
    '"true"': "true",
    "!!str 12": "12",
    "!!int '12'": 12,
    "!!float 12": 12.0,
    "!!bool yes": True,
    "!!null ''": None,
    "!!timestamp 2026-01-02": "2026-01-02",
    "|\n  a\n  b\n": "a\nb\n",
    "[1, a, ~]": [1, "a", None],
}


@pytest.mark.parametrize(("text", "value"), SCALARS.items(), ids=SCALARS)
def test_a_word_means_what_it_means_to_kubectl(text: str, value: Any) -> None:
    (document,) = load_text(f"a: {text}", "f")

    assert document.value == {"a": value}
    assert type(document.value["a"]) is type(value)


KEYS = {
    "1": "1",
    "true": "true",
    "on": "true",
    "n": "false",
    "1.5": "1.5",
    "1e3": "1000",
    "'on'": "on",
    "a b": "a b",
}


@pytest.mark.parametrize(("key", "name"), KEYS.items(), ids=KEYS)
def test_keys_are_strings(key: str, name: str) -> None:
    assert load_text(f"{key}: x", "f").objects == [{name: "x"}]


def test_anchors_and_merges_are_resolved() -> None:
    text = "base: &b {x: 1, t: 2}\nother: &o {t: 3, z: 4}\na: {<<: *b, t: 5}\nb: {<<: [*b, *o]}\nc: *b\n"

    (value,) = load_text(text, "f").objects

    assert value["a"] == {"x": 1, "t": 5}
    assert value["b"] == {"x": 1, "t": 2, "z": 4}
    assert value["c"] == {"x": 1, "t": 2}


def test_a_file_holds_several_documents_and_lists() -> None:
    text = (
        "a: 1\n---\n# nothing\n---\n"
        "apiVersion: v1\nkind: List\nitems:\n- kind: A\n  metadata: {name: x}\n- kind: B\n"
    )

    documents = load_text(text, "f").documents

    assert [document.value for document in documents] == [
        {"a": 1},
        {"kind": "A", "metadata": {"name": "x"}},
        {"kind": "B"},
    ]
    assert documents[1].title == "A/x"
    assert documents[1].place("metadata.name") == (9, 20)
    assert documents[2].place("kind") == (10, 9)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([None, 2, "\t"]),
)
def test_json_is_read_as_json(value: dict[str, Any], indent: Any) -> None:
    assert load_text(json.dumps(value, indent=indent), "f").objects == [value]


PLACES = {
    "spec": (2, 1),
    "spec.jobs[0].name": (4, 11),
    "spec.jobs[1]": (6, 5),
    "spec.jobs[1].missing": (6, 5),
    "spec.jobs[7]": (4, 3),
    "metadata.labels.a.b/c": (8, 28),
    "metadata.labels[a.b/c]": (8, 28),
    "metadata.labels.a": (8, 20),
    "spec.jobs[0].command": (5, 5),
    "nothing": (1, 1),
}


@pytest.mark.parametrize(("path", "place"), PLACES.items(), ids=PLACES)
def test_every_part_has_a_place(path: str, place: tuple[int, int]) -> None:
    text = (
        "kind: X\nspec:\n  jobs:\n  - name: a\n    command:\n  - name: b\n    x: 1\n"
        "metadata: {labels: {a.b/c: d}}\n"
    )

    (document,) = load_text(text, "f")

    assert document.place(path) == place


def test_json_has_places_too() -> None:
    (document,) = load_text('{\n\t"kind": "X",\n\t"spec": {"a": 1}\n}', "f")

    assert document.place("spec.a") == (3, 16)


def test_json_that_yaml_cannot_read_has_no_places() -> None:
    (document,) = load_text('{"kind": "\\ud83d\\ude00"}', "f")

    assert (document.value, document.place("kind")) == ({"kind": "😀"}, (0, 0))


def test_a_directory_stands_for_its_manifests(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.json", "c.yml", "d.txt"):
        (tmp_path / name).write_text(f'{{"name": "{name}"}}')
    (tmp_path / "sub.yaml").mkdir()

    loaded = load([str(tmp_path)])

    assert [document.value["name"] for document in loaded] == ["a.json", "b.yaml", "c.yml"]
    assert loaded.problems == ()


def test_one_unreadable_file_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("a: 1")
    (tmp_path / "bad.yaml").write_text("a: [")
    (tmp_path / "empty").mkdir()
    names = ["god.yaml", "bad.yaml", "good.yaml", "empty", "nowhere/x.yaml"]

    loaded = load([str(tmp_path / name) for name in names])

    assert loaded.objects == [{"a": 1}]
    assert [Path(problem.file).name for problem in loaded.problems] == [
        "god.yaml",
        "bad.yaml",
        "empty",
        "x.yaml",
    ]
    assert "good.yaml?" in loaded.problems[0].remedy


def test_what_comes_before_an_error_is_read() -> None:
    loaded = load_text("a: 1\n---\nb: [\n", "f")

    assert loaded.objects == [{"a": 1}]
    assert len(loaded.problems) == 1


def test_broken_json_files_are_explained_as_json() -> None:
    (problem,) = load_text('{"a": 1,\n "b" 2}', "f.json").problems

    assert (problem.line, problem.column) == (2, 6)
    assert problem.message.startswith("not JSON")


def test_a_byte_order_mark_does_no_harm() -> None:
    assert load(["-"], lambda: b"\xef\xbb\xbfa: 1").objects == [{"a": 1}]


NO_FILES: dict[str, tuple[str, str, str]] = {
    "an empty name": ("", "name of a file is empty", "is set"),
    "a name that is too long": ("x" * 5000, "too long", "check the path"),
    "a link to nothing": ("link.yaml", "leads to", "correct the link"),
    "a name with a letter wrong": ("god.yaml", "no such file", "good.yaml?"),
}


@pytest.mark.parametrize(("path", "says", "advises"), NO_FILES.values(), ids=NO_FILES)
def test_what_is_no_file_is_told(
    path: str, says: str, advises: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text("a: 1")
    (tmp_path / "link.yaml").symlink_to("nowhere/else.yaml")

    (problem,) = load([path]).problems

    assert says in problem.message
    assert advises in problem.remedy


def test_pipes_in_a_directory_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "good.yaml").write_text("a: 1")

    assert load([str(tmp_path)]).objects == [{"a": 1}]


def test_standard_input_is_read_once() -> None:
    loaded = load(["-", "-"], lambda: b"a: 1")

    assert loaded.objects == [{"a": 1}]
    assert [problem.remedy for problem in loaded.problems] == ["write - once"]

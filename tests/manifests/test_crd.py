"""The definition of JobSets that administrators install: fresh, plain, and told about."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobset.admission.crd import build_crd, described
from jobset.admission.crd_descriptions import DESCRIPTIONS
from jobset.admission.jobset_schema import jobset_schema
from jobset.admission.schema_check import join
from jobset.manifests.crd import render_crd

FILE = Path(__file__).parents[2] / "config" / "crd" / "bases" / "jobset.x-k8s.io_jobsets.yaml"

KUBERNETES = ("spec.replicatedJobs.template", "spec.volumeClaimPolicies.templates", "status.conditions")
"""Below these the fields are those of Kubernetes."""


def test_the_file_is_fresh() -> None:
    assert FILE.read_text() == render_crd(), "make manifests writes it anew"


def test_the_file_says_what_the_code_says() -> None:
    assert yaml.safe_load(FILE.read_text()) == build_crd()


def test_the_file_has_no_aliases() -> None:
    tokens = list(yaml.scan(FILE.read_text(), Loader=yaml.CSafeLoader))

    assert [token for token in tokens if isinstance(token, yaml.AliasToken | yaml.AnchorToken)] == []


def test_every_field_of_our_own_is_told_about_and_no_other() -> None:
    assert set(DESCRIPTIONS) == set(own_fields(jobset_schema()))
    assert dict(texts(described(jobset_schema(), DESCRIPTIONS))) == DESCRIPTIONS


def test_the_schema_that_admission_uses_carries_no_texts() -> None:
    assert dict(texts(jobset_schema())) == {}


@pytest.mark.parametrize("text", DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_a_text_is_short_and_of_whole_sentences(text: str) -> None:
    assert len(text) < 300
    assert text.endswith(".")
    assert text[0].isupper()


def own_fields(schema: Any, path: str = "") -> Iterator[str]:
    for name, field in schema.get("items", schema).get("properties", {}).items():
        at = join(path, name)
        if at not in ("apiVersion", "kind", "metadata"):
            yield at
        if at not in KUBERNETES:
            yield from own_fields(field, at)


def texts(schema: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every description below a schema, with its path; lists add nothing to a path."""
    for name, field in schema.get("items", schema).get("properties", {}).items():
        at = join(path, name)
        if "description" in field:
            yield at, field["description"]
        yield from texts(field, at)

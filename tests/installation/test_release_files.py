"""Files that are written from others are as those are now."""

import pytest

from jobset.installation.objects import installation_objects
from jobset.manifests.crd import render_crd
from tests.installation.rendering import CHART, ROOT, kustomize, kustomized

FRESH = {"manifests.yaml": "default", "prometheus.yaml": "prometheus"}


@pytest.mark.parametrize("file", FRESH)
def test_a_release_file_is_what_config_renders_to(file: str) -> None:
    assert (ROOT / file).read_text() == kustomized(FRESH[file]), "stale: make release-manifests"


def test_the_package_installs_what_config_renders_to() -> None:
    assert list(installation_objects()) == list(kustomize("default")), "stale: make release-manifests"


def test_the_definition_of_the_chart_is_that_of_the_code() -> None:
    (file,) = (CHART / "crds").iterdir()

    assert file.read_text() == render_crd(), "stale: make manifests"

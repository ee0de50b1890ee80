"""The CustomResourceDefinition of JobSets as text: `python -m jobset.manifests.crd` prints it."""

from typing import Any

import yaml

from jobset.admission.crd import build_crd

_WIDTH = 110


def render_crd() -> str:
    """The definition as YAML, the same text every time."""
    return yaml.dump(build_crd(), Dumper=_Dumper, explicit_start=True, width=_WIDTH)


class _Dumper(yaml.CSafeDumper):
    """Writes what is there twice twice: an alias is nothing that a reader of the definition expects."""

    def ignore_aliases(self, _: Any) -> bool:
        return True


if __name__ == "__main__":
    print(render_crd(), end="")  # noqa: T201

"""Objects as YAML that every reader of manifests reads as they are."""

from collections.abc import Iterable
from typing import Any

import yaml

from jobset.manifests.scalars import STR, plain_tag

_OTHER_LINE_BREAKS = "\x85\u2028\u2029"


def write_yaml(objects: Iterable[Any]) -> str:
    """The documents, their fields in the order that they have."""
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Names nothing to write it once, and quotes what looks like a number or a truth to anybody."""

    def ignore_aliases(self, _: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(STR, text, style=_style(text))


def _style(text: str) -> str | None:
    # YAML folds these as it folds newlines, unless they are escaped.
    if any(it in text for it in _OTHER_LINE_BREAKS):
        return '"'
    if "\n" in text:
        return "|"
    return "'" if plain_tag(text) != STR else None


_Dumper.add_representer(str, _text)

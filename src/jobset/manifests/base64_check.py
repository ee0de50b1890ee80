"""Bytes in Secrets and ConfigMaps that are not written as base64."""

import binascii
from collections.abc import Mapping

from jobset.manifests.documents import Document
from jobset.manifests.problems import Problem

_PLAIN = {"data": "stringData", "binaryData": "data"}
"""Fields of bytes, and the fields where the same may stand as text."""


def check_base64(document: Document) -> list[Problem]:
    """A problem for each value that an API server could not decode."""
    field = "data" if document.value.get("kind") == "Secret" else "binaryData"
    values = document.value.get(field)
    return [
        document.problem(
            "the value is not base64",
            f"encode it with base64, or write it as it is under {_PLAIN[field]}",
            f"{field}.{key}",
        )
        for key, text in (values.items() if isinstance(values, Mapping) else ())
        if isinstance(text, str) and not _is_base64(text)
    ]


def _is_base64(text: str) -> bool:
    try:
        # compat: Go's decoder passes over line ends.
        binascii.a2b_base64(text.replace("\r", "").replace("\n", ""), strict_mode=True)
    except ValueError:
        return False
    return True

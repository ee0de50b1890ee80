"""From an answer over HTTP to the response that a transport hands on."""

import re
from typing import Any

from jobset.kube.bodies import Decoders, read_status
from jobset.kube.http_answers import Answer
from jobset.kube.transport import Response

_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)".*')


def read_response(answer: Answer, decoders: Decoders, shape: Any) -> Response:
    """What a request is answered.

    Raises:
        TransportError: it is no JSON.
    """
    code, headers, body = answer.code, answer.headers, answer.body
    if code >= 400:
        return Response(code=code, body=read_status(code, body))
    if headers.get("Content-Type", "").startswith("text/plain"):
        return Response(code=code, body=body.decode(errors="replace"))
    decoded = decoders.body(body, shape)
    warnings = tuple(_warning_text(text) for text in headers.getall("Warning", ()))
    return Response(code=code, body=decoded, warnings=warnings)


def _warning_text(header: str) -> str:
    """The text of a Warning header: `299 - "text"`."""
    found = _WARNING.fullmatch(header)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else header

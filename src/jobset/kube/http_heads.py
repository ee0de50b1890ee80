"""What stands before the body of an HTTP/1.1 request, in bytes."""

import re
from functools import lru_cache
from urllib.parse import quote, urlencode

from yarl import URL

from jobset.kube.errors import TransportError
from jobset.kube.transport import Request

_PLAIN_PATH = re.compile(r"[\w/.~-]*", re.ASCII)
_SAFE_IN_PATHS = "/:@!$&'()*+,;=~%"
_IN_NO_HEADER = re.compile(r"[\r\n\0]")
_MOST_KNOWN = 32


class RequestHeads:
    """Puts heads together; what requests of one form have in common is put together once.

    `server` is the URL of the API server, `headers` go with every request.
    """

    def __init__(self, server: URL, headers: tuple[tuple[str, str], ...]) -> None:
        self._path = server.raw_path.rstrip("/")
        self._usual = (("Host", server.host_port_subcomponent or ""), *headers)
        # Tokens are renewed: most of these will never be asked for again.
        self._common = lru_cache(_MOST_KNOWN)(self._put_together)

    def build(self, request: Request, authorization: str | None, body: bytes) -> bytes:
        """The head of one request with that body; empty when it has none."""
        target = f"{request.method} {self._path}{_quoted(request.path)}"
        if request.query:
            target += f"?{urlencode(request.query)}"
        content_type = "" if request.body is None else request.content_type
        headers = self._common(authorization, request.accept, content_type)
        length = "" if request.method == "GET" and not body else f"Content-Length: {len(body)}\r\n"
        return f"{target} HTTP/1.1\r\n{headers}{length}\r\n".encode()

    def _put_together(self, authorization: str | None, accept: str, content_type: str) -> str:
        headers = [*self._usual, ("Accept", accept)]
        headers += [("Content-Type", content_type)] if content_type else []
        headers += [("Authorization", authorization)] if authorization is not None else []
        for name, value in headers:
            if _IN_NO_HEADER.search(name + value):
                raise TransportError(f"the value for {name} has characters that no header may have")
        return "".join(f"{name}: {value}\r\n" for name, value in headers)


def _quoted(path: str) -> str:
    return path if _PLAIN_PATH.fullmatch(path) else quote(path, safe=_SAFE_IN_PATHS)

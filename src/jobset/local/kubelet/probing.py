"""Ask a container: run a command in it, fetch a URL, open a connection. One call, one answer."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from urllib.parse import urljoin, urlsplit

import msgspec

from jobset.local.kubelet.facts import Object
from jobset.local.kubelet.grpc_health import check_health
from jobset.local.processes.starter import Process

_BODY_SHOWN = 10 * 1024
_REDIRECTS = 10


class Answer(msgspec.Struct, frozen=True):
    """What came back, and how to tell a user about a failure."""

    success: bool
    output: str = ""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The container that is asked."""

    process: Process
    env: Mapping[str, str]
    address: str
    ports: Sequence[Object]


class _Response(msgspec.Struct, frozen=True, kw_only=True):
    code: int
    location: str
    body: str


async def ask(handler: Object, target: Target, timeout: float) -> Answer:
    """Carry out the `exec`, `httpGet`, `tcpSocket` or `grpc` part of a probe or hook."""
    try:
        if handler.get("exec"):
            return await _ask_exec(handler["exec"], target, timeout)
        async with asyncio.timeout(timeout):
            if handler.get("httpGet"):
                return await _ask_http(handler["httpGet"], target)
            if handler.get("grpc"):
                return await _ask_grpc(handler["grpc"], target)
            return await _ask_tcp(handler.get("tcpSocket") or {}, target)
    except TimeoutError:
        return Answer(False, f"no answer within {timeout:g}s (Client.Timeout or context deadline exceeded)")
    except (OSError, ValueError) as error:
        return Answer(False, str(error))


async def ask_hook(handler: Object, target: Target, timeout: float) -> Answer:
    """Carry out a hook: its command must end with 0, its URL must answer, whatever the status is."""
    if handler.get("exec"):
        return await ask(handler, target, timeout)
    if not handler.get("httpGet"):
        # compat: tcpSocket is valid in a hook and always fails.
        return Answer(False, "invalid handler: hooks know exec, httpGet and sleep")
    try:
        async with asyncio.timeout(timeout):
            await _fetch(*_request_of(handler["httpGet"], target))
    except (TimeoutError, OSError, ValueError) as error:
        return Answer(False, str(error))
    return Answer(True)


async def _ask_exec(action: Object, target: Target, timeout: float) -> Answer:
    command = tuple(action.get("command") or ())
    result = await target.process.exec(command, target.env, timeout)
    output = result.output[:_BODY_SHOWN].decode(errors="replace")
    if result.code is None:
        return Answer(False, f'command timed out: "{" ".join(command)}" timed out after {timeout:g}s')
    return Answer(result.code == 0, output)


async def _ask_tcp(action: Object, target: Target) -> Answer:
    host, port = action.get("host") or target.address, _port(action.get("port"), target)
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    return Answer(True)


async def _ask_grpc(action: Object, target: Target) -> Answer:
    word = await check_health(target.address, _port(action.get("port"), target), action.get("service") or "")
    if word == "SERVING":
        return Answer(True, "service is healthy")
    return Answer(
        False, f'service unhealthy (responded with "{word}")' if word else "error: no health status"
    )


async def _ask_http(action: Object, target: Target) -> Answer:
    url, headers = _request_of(action, target)
    for _ in range(_REDIRECTS):
        response = await _fetch(url, headers)
        next_url = urljoin(url, response.location) if response.location else ""
        # compat: a redirect to another host counts as success and is not followed.
        if not 300 <= response.code < 400 or urlsplit(next_url).hostname != urlsplit(url).hostname:
            break
        url = next_url
    if 200 <= response.code < 400:
        return Answer(True, response.body)
    return Answer(False, f"HTTP probe failed with statuscode: {response.code}")


def _request_of(action: Object, target: Target) -> tuple[str, Mapping[str, str]]:
    """The URL and headers of an `httpGet`."""
    scheme = (action.get("scheme") or "HTTP").lower()
    host, port = action.get("host") or target.address, _port(action.get("port"), target)
    path = action.get("path") or "/"
    url = f"{scheme}://{_bracketed(host)}:{port}{path if path.startswith('/') else '/' + path}"
    return url, {header["name"]: header.get("value", "") for header in action.get("httpHeaders") or ()}


async def _fetch(url: str, headers: Mapping[str, str]) -> _Response:
    parts = urlsplit(url)
    assert parts.hostname is not None
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=_trusting() if secure else None)
    try:
        writer.write(_request_bytes(parts.hostname, port, parts.path or "/", parts.query, headers))
        await writer.drain()
        return await _read_response(reader)
    finally:
        writer.close()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _request_bytes(host: str, port: int, path: str, query: str, headers: Mapping[str, str]) -> bytes:
    lines = {"Host": f"{_bracketed(host)}:{port}", "User-Agent": "kube-probe/1.36", "Accept": "*/*"}
    given = {name.lower() for name in headers}
    merged = {name: value for name, value in lines.items() if name.lower() not in given} | dict(headers)
    text = "".join(f"{name}: {value}\r\n" for name, value in merged.items())
    target = f"{path}?{query}" if query else path
    return f"GET {target} HTTP/1.1\r\n{text}Connection: close\r\n\r\n".encode()


async def _read_response(reader: asyncio.StreamReader) -> _Response:
    first = (await reader.readline()).split(None, 2)
    if len(first) < 2 or not first[0].startswith(b"HTTP/"):
        raise ValueError("malformed HTTP response")
    location = ""
    while (line := (await reader.readline()).strip()) != b"":
        name, _, value = line.decode("latin-1").partition(":")
        if name.lower() == "location":
            location = value.strip()
    body = await reader.read(_BODY_SHOWN)
    return _Response(code=int(first[1]), location=location, body=body.decode(errors="replace"))


def _trusting() -> ssl.SSLContext:
    """compat: probes take any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _port(port: int | str | None, target: Target) -> int:
    if isinstance(port, int):
        return port
    for named in target.ports:
        if named.get("name") == port:
            return int(named["containerPort"])
    try:
        return int(port or "")
    except ValueError:
        raise ValueError(f'couldn\'t find port: "{port}"') from None

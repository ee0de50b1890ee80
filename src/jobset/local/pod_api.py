"""The local API as pods that restart in place may use it: over HTTP, with exactly what their agents ask.

A pod hears of its own JobSet and tells its own attempt. It shows who it is by a token of its own, which it
finds with the address in the folder of its account.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from jobset.agent.account import ACCOUNT_FOLDER
from jobset.agent.messages import BadMessage, Head, read_body, read_head
from jobset.agent.settings import PROBE_HOST
from jobset.api import keys
from jobset.api.jobset import RestartStrategy
from jobset.kube.client import Client, Object
from jobset.kube.errors import ApiError, NotFound, api_error
from jobset.kube.resources import JOBSETS
from jobset.kube.transport import Request, Response, Transport
from jobset.local.pod_permissions import Asked, Caller, permit
from jobset.local.statuses import failure

_HEAD_SECONDS = 30.0


@dataclass(slots=True, kw_only=True)
class PodApi:
    """Listens on a port of its own from the first pod on that restarts in place."""

    transport: Transport
    _callers: dict[str, Caller] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _conversations: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self, pod: Object, address: str, folder: str) -> Mapping[str, str]:
        """The variables with which a pod finds the API; none for a pod that does not restart in place.

        What they lead to is written into `folder`.
        """
        caller = await self._find_caller(pod)
        if caller is None:
            return {}
        token = secrets.token_urlsafe(32)
        self._callers[token] = caller
        url = await self._listening()
        os.makedirs(folder, mode=0o700, exist_ok=True)
        for name, text in {"server": url, "token": token, "namespace": caller.namespace}.items():
            _write(os.path.join(folder, name), text)
        # Without a network of its own a pod must not take the port of its neighbours.
        return {ACCOUNT_FOLDER: folder, PROBE_HOST: address}

    def close(self, uid: str) -> None:
        """The pod is over: its token is worth nothing."""
        for token in [token for token, caller in self._callers.items() if caller.uid == uid]:
            del self._callers[token]

    async def run(self) -> None:
        """Lasts until it is cancelled; then nobody is listened to any more."""
        try:
            await asyncio.Event().wait()
        finally:
            await self._stop()

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    async def _find_caller(self, pod: Object) -> Caller | None:
        metadata = pod["metadata"]
        name = (metadata.get("labels") or {}).get(keys.JOBSET_NAME)
        if name is None:
            return None
        namespace = metadata["namespace"]
        try:
            jobset = await Client(self.transport).get(JOBSETS, namespace, name)
        except NotFound:
            return None
        policy = jobset["spec"].get("failurePolicy") or {}
        if policy.get("restartStrategy") != RestartStrategy.IN_PLACE_RESTART:
            return None
        return Caller(namespace=namespace, pod=metadata["name"], uid=metadata["uid"], jobset=name)

    async def _listening(self) -> str:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.ensure_future(self._converse(reader, writer))
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)
        try:
            with suppress(BadMessage, OSError, TimeoutError, asyncio.CancelledError):
                await conversation
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_HEAD_SECONDS):
            head = await read_head(reader)
            asked = await _read_asked(reader, head)
        try:
            request = permit(self._who(head), asked)
        except ApiError as error:
            _answer(writer, Response(code=error.code, body=error.status))
        else:
            await self._carry_out(request, reader, writer)
        await writer.drain()

    def _who(self, head: Head) -> Caller:
        token = head.headers.get("authorization", "").removeprefix("Bearer ")
        caller = self._callers.get(token)
        if caller is None:
            raise api_error(failure(401, "Unauthorized", "Unauthorized"))
        return caller

    async def _carry_out(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if not request.query.get("watch"):
            _answer(writer, await self.transport.send(request))
            return
        lines = asyncio.ensure_future(self._stream(request, writer))
        hung_up = asyncio.ensure_future(reader.read())
        try:
            await asyncio.wait({lines, hung_up}, return_when=asyncio.FIRST_COMPLETED)
            if lines.done():
                lines.result()
        finally:
            lines.cancel()
            hung_up.cancel()

    async def _stream(self, request: Request, writer: asyncio.StreamWriter) -> None:
        events = self.transport.watch(request)
        writer.write(_head(200, "Transfer-Encoding: chunked"))
        async for line in _lines(events):
            writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")


async def _lines(events: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    try:
        async for event in events:
            yield msgspec.json.encode({"type": event.type, "object": event.object}) + b"\n"
    except ApiError as error:
        yield msgspec.json.encode({"type": "ERROR", "object": error.status}) + b"\n"


async def _read_asked(reader: asyncio.StreamReader, head: Head) -> Asked:
    method, _, rest = head.first.partition(" ")
    url = urlsplit(rest.partition(" ")[0])
    body = b""
    if "content-length" in head.headers:
        body = b"".join([piece async for piece in read_body(reader, head)])
    return Asked(
        method=method,
        path=unquote(url.path),
        query=dict(parse_qsl(url.query)),
        content_type=head.headers.get("content-type", ""),
        body=body,
    )


def _answer(writer: asyncio.StreamWriter, response: Response) -> None:
    body = msgspec.json.encode(response.body)
    writer.write(_head(response.code, f"Content-Length: {len(body)}") + body)


def _head(code: int, header: str) -> bytes:
    lines = [f"HTTP/1.1 {code} {'OK' if code < 400 else 'Refused'}", "Content-Type: application/json"]
    return "\r\n".join([*lines, header, "Connection: close", "", ""]).encode()


def _write(path: str, text: str) -> None:
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)

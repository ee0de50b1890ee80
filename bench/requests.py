"""CPU time of one create over TLS: the transport to a real API server, against a bare session of aiohttp.

A second process answers whatever it is asked with the same Job, as an API server sends it. Requests and
answers are encoded and decoded by msgspec on both sides of the comparison.
"""

import asyncio
import re
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import msgspec
from tests.certificates import Authority

from jobset.kube.access import ClusterAccess
from jobset.kube.http import HttpSettings, HttpTransport
from jobset.kube.resources import JOBS
from jobset.kube.transport import Request

COUNT, ROUNDS, AT_ONCE = 3000, 7, 16
TOKEN = "Bearer " + "t" * 900
PATH = JOBS.path("default")
HEADERS = (
    ("Audit-Id", "6ba7b810-9dad-41d1-80b4-00c04fd430c8"),
    ("Cache-Control", "no-cache, private"),
    ("Content-Type", "application/json"),
    ("X-Kubernetes-Pf-Flowschema-Uid", "7d444840-9dc0-41d1-b245-5ffdce74fad2"),
    ("X-Kubernetes-Pf-Prioritylevel-Uid", "9b2c1f3e-1a2b-4c3d-8e9f-0a1b2c3d4e5f"),
    ("Date", "Thu, 26 Nov 2026 06:02:00 GMT"),
    ("Transfer-Encoding", "chunked"),
)

Create = Callable[[Any], Awaitable[Any]]


def a_job() -> dict[str, Any]:
    """A child Job of 3 KB."""
    labels = {f"jobset.sigs.k8s.io/label-{number}": f"train-workers-{number}" for number in range(9)}
    env = [{"name": f"VARIABLE_{number}", "value": "x" * 40} for number in range(18)]
    container = {"name": "c", "image": "python", "command": ["python", "train.py"], "env": env}
    spec = {"restartPolicy": "Never", "subdomain": "train", "containers": [container]}
    template = {"metadata": {"labels": labels, "annotations": labels}, "spec": spec}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "train-workers-0", "namespace": "default", "labels": labels},
        "spec": {"parallelism": 4, "completions": 4, "template": template},
    }


class Canned(asyncio.Protocol):
    """Answers each request with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._rest += data
        end = self._rest.find(b"\r\n\r\n") + 4
        length = re.search(rb"(?i)content-length: (\d+)", self._rest[: max(end, 0)])
        if length and len(self._rest) >= end + int(length[1]):
            self._rest = self._rest[end + int(length[1]) :]
            self._transport.write(self._answer)


async def _serve(certificate: str, key: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    body = msgspec.json.encode(a_job())
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS)
    answer = f"HTTP/1.1 201 Created\r\n{head}\r\n{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Canned(answer), "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Known:
    """A token, and the authority of the server."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    async def authorization(self) -> str:
        return TOKEN

    def ssl_context(self) -> ssl.SSLContext:
        return self._context

    def refused(self, authorization: str | None = None) -> None:
        raise AssertionError(f"{authorization} was refused")


async def _cpu(create: Create, count: int) -> float:
    """Microseconds of CPU time for each of so many creates."""
    numbers, job = iter(range(count)), a_job()

    async def some() -> None:
        for _ in numbers:
            await create(job)

    begun = time.process_time()
    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return (time.process_time() - begun) / count * 1e6


async def _compare(url: str, context: ssl.SSLContext, count: int, rounds: int) -> tuple[float, float, float]:
    """Ours and aiohttp's microseconds, and the ratio, medians of rounds in turns."""
    access = ClusterAccess(server=url, credentials=Known(context))
    transport = HttpTransport(access, HttpSettings(user_agent="bench"))
    ours, theirs = [], []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, ssl=context)) as session:

        async def create(body: Any) -> None:
            await transport.send(Request(method="POST", path=PATH, body=body))

        async def create_barely(body: Any) -> None:
            headers = {"Accept": "application/json", "Authorization": TOKEN}
            headers |= {"Content-Type": "application/json"}
            async with session.post(url + PATH, data=msgspec.json.encode(body), headers=headers) as answer:
                msgspec.json.decode(await answer.read())

        for _ in range(rounds + 1):
            ours.append(await _cpu(create, count))
            theirs.append(await _cpu(create_barely, count))
    await transport.close()
    # The first round connects.
    ratios = [one / other for one, other in zip(ours[1:], theirs[1:], strict=True)]
    return statistics.median(ours[1:]), statistics.median(theirs[1:]), statistics.median(ratios)


def measure(count: int = COUNT, rounds: int = ROUNDS) -> list[dict[str, object]]:
    """One row per number."""
    authority = Authority.plain()
    with TemporaryDirectory() as folder:
        pair = authority.issue("localhost", "127.0.0.1")
        certificate, key = Path(folder) / "server.crt", Path(folder) / "server.key"
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)
        command = [sys.executable, "-m", "bench.requests", str(certificate), str(key)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                context = ssl.create_default_context(cadata=authority.certificate.decode())
                context.verify_flags &= ~ssl.VERIFY_X509_STRICT
                url = f"https://127.0.0.1:{server.stdout.readline().strip()}"
                ours, theirs, ratio = asyncio.run(_compare(url, context, count, rounds))
            finally:
                server.kill()
    return [
        {"what": "create of a 3 KB Job over TLS, CPU µs", "measured": round(ours), "aim": ""},
        {"what": "the same by a bare aiohttp session, CPU µs", "measured": round(theirs), "aim": ""},
        {"what": "ratio", "measured": round(ratio, 2), "aim": "0.5"},
    ]


if __name__ == "__main__":
    if len(sys.argv) == 3:
        asyncio.run(_serve(sys.argv[1], sys.argv[2]))
    for row in measure():
        print(row)

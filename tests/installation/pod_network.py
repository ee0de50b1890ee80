"""A network for pods whose containers are processes of this machine.

An API server that is told of a proxy asks it for every connection to a pod. This one knows which port of this
machine stands for a port of a pod's address, so that many pods can listen on the same port.
"""

import asyncio
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

_FIRST_ADDRESS = IPv4Address("10.245.0.1")
_CHUNK = 2**16


@dataclass(slots=True)
class PodNetwork:
    """Addresses of pods and what listens there; `flags` let an API server use it."""

    flags: tuple[str, ...]
    _listener: socket.socket
    _ports: dict[str, int] = field(default_factory=dict)
    _given: int = 0

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        """A network that carries nothing before it is served."""
        # Names of sockets are short: not every folder will do.
        with TemporaryDirectory(prefix="jobset-pods-") as folder, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{folder}/proxy")
            listener.listen()
            listener.setblocking(False)
            file = Path(folder, "egress.json")
            file.write_text(json.dumps(_egress(f"{folder}/proxy")))
            # Without aggregator routing an API server asks the address of a Service, which nobody has here.
            flags = (f"--egress-selector-config-file={file}", "--enable-aggregator-routing=true")
            yield cls(flags, listener)

    def new_address(self) -> str:
        """An address that no other pod has."""
        self._given += 1
        return str(_FIRST_ADDRESS + self._given - 1)

    def publish(self, address: str, ports: Mapping[int, int]) -> None:
        """From now on each of these ports of a pod is that port of this machine."""
        self._ports |= {f"{address}:{port}": here for port, here in ports.items()}

    async def serve(self) -> None:
        """Carry connections, for ever."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as connections:
            while True:
                connection, _ = await loop.sock_accept(self._listener)
                connections.create_task(self._carry(connection))

    async def _carry(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            asked = await reader.readuntil(b"\r\n\r\n")
            port = self._ports[asked.split()[1].decode()]
            pod_reader, pod_writer = await asyncio.open_connection("127.0.0.1", port)
        except (KeyError, OSError, asyncio.IncompleteReadError):
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        async with asyncio.TaskGroup() as directions:
            directions.create_task(_pass_on(reader, pod_writer))
            directions.create_task(_pass_on(pod_reader, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        return
    finally:
        writer.close()


def _egress(proxy: str) -> dict[str, object]:
    """By which proxy an API server connects to what is in the cluster."""
    transport = {"uds": {"udsName": proxy}}
    connection = {"proxyProtocol": "HTTPConnect", "transport": transport}
    return {
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [{"name": "cluster", "connection": connection}],
    }

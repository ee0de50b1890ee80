"""What stands for the Service of the webhooks on a machine without cluster network."""

import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_CHUNK = 65536


@dataclass(slots=True)
class StandingService:
    """A port, and the ports behind it: a new connection goes to the first that takes it, and stays there."""

    port: int = 0
    endpoints: list[int] = field(default_factory=list)
    _open: set[socket.socket] = field(default_factory=set)

    def cut(self) -> None:
        """End all connections."""
        for connection in list(self._open):
            # It may have ended by itself.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def carry(self, client: socket.socket) -> None:
        """Serve one connection until one of its ends closes it."""
        self._open.add(client)
        try:
            if (server := self._connected()) is not None:
                with server:
                    _exchange(client, server)
        finally:
            self._open.remove(client)

    def _connected(self) -> socket.socket | None:
        for port in self.endpoints:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=1)
            except OSError:
                continue
        return None


@contextmanager
def a_standing_service() -> Iterator[StandingService]:
    """A Service without endpoints, for as long as the block lasts."""
    service = StandingService()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            service.carry(self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        service.port = server.server_address[1]
        accepting = threading.Thread(target=server.serve_forever)
        accepting.start()
        try:
            yield service
        finally:
            server.shutdown()
            accepting.join()
            service.cut()


def _exchange(one: socket.socket, other: socket.socket) -> None:
    ways = {one: other, other: one}
    while True:
        ready, _, _ = select.select(list(ways), [], [])
        for source in ready:
            try:
                data = source.recv(_CHUNK)
                ways[source].sendall(data)
            except OSError:
                return
            if not data:
                return

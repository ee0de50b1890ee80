"""Whether the webhook server takes connections: what readiness asks."""

import asyncio
import ssl

from jobset.controller.health import Unhealthy

_SECONDS = 10.0


async def check_reachable(host: str, port: int, seconds: float = _SECONDS) -> None:
    """Returns when a TLS connection could be made; whose certificate it shows does not matter.

    Raises:
        Unhealthy: it could not; the text says why.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host or "localhost", port, ssl=context)
    except (OSError, TimeoutError) as error:
        raise Unhealthy(f"webhook server is not reachable: {str(error) or 'timed out'}") from error
    writer.transport.abort()

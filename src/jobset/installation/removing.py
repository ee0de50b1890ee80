"""Takes an installation away again."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from jobset.installation.applying import find, refuse_releases
from jobset.installation.objects import DEFINITION, installation_objects, place_of, resource_of
from jobset.kube.client import Client, DeleteOptions, Object
from jobset.kube.errors import NotFound

_LOOK_SECONDS = 0.5


async def find_installation(client: Client, *, with_definition: bool) -> tuple[Object, ...]:
    """What is installed, as it is stored, in the order in which it can go: nothing waits for what is gone.

    Raises:
        Refused: Helm has installed it.
    """
    wanted = [
        it for it in reversed(installation_objects()) if with_definition or place_of(it)[1] != DEFINITION
    ]
    stored = await asyncio.gather(*(find(client, it) for it in wanted))
    refuse_releases(stored)
    return tuple(it for it in stored if it is not None)


async def remove(client: Client, stored: Sequence[Object], gone: Callable[[Object], None]) -> None:
    """Delete the objects; returns when none of them is there any more. `gone` hears of each."""
    for each in stored:
        uid = each["metadata"]["uid"]
        with suppress(NotFound):
            await client.delete(
                resource_of(each), *place_of(each), DeleteOptions(propagation_policy="Background", uid=uid)
            )
    await asyncio.gather(*(_until_gone(client, each, gone) for each in stored))


async def _until_gone(client: Client, each: Object, gone: Callable[[Object], None]) -> None:
    while await _is_there(client, each):
        await asyncio.sleep(_LOOK_SECONDS)
    gone(each)


async def _is_there(client: Client, each: Object) -> bool:
    found = await find(client, each)
    return found is not None and found["metadata"]["uid"] == each["metadata"]["uid"]

"""Takes an installation away again."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from jobset.installation.applying import find, raise_refusals, refuse_releases
from jobset.installation.objects import DEFINITION, installation_objects, place_of, resource_of
from jobset.kube.client import Client, DeleteOptions, Object
from jobset.kube.errors import NotFound

_LOOK_SECONDS = 0.5


async def find_installation(client: Client, *, with_definition: bool) -> tuple[Object, ...]:
    """What is installed, as it is stored, in the order in which it can go: nothing waits for what is gone.

    Raises:
        Refused: Helm has installed it, or the API server would not delete all of it.
    """
    wanted = [
        it for it in reversed(installation_objects()) if with_definition or place_of(it)[1] != DEFINITION
    ]
    found = await asyncio.gather(*(find(client, it) for it in wanted))
    refuse_releases(found)
    stored = tuple(it for it in found if it is not None)
    tried = await asyncio.gather(
        *(_delete(client, it, dry_run=True) for it in stored), return_exceptions=True
    )
    raise_refusals(stored, tried)
    return stored


async def remove(client: Client, stored: Sequence[Object], gone: Callable[[Object], None]) -> None:
    """Delete the objects; returns when none of them is there any more. `gone` hears of each."""
    for each in stored:
        await _delete(client, each, dry_run=False)
    await asyncio.gather(*(_until_gone(client, each, gone) for each in stored))


async def _delete(client: Client, each: Object, *, dry_run: bool) -> None:
    uid = each["metadata"]["uid"]
    options = DeleteOptions(propagation_policy="Background", uid=uid, dry_run=dry_run)
    with suppress(NotFound):
        await client.delete(resource_of(each), *place_of(each), options)


async def _until_gone(client: Client, each: Object, gone: Callable[[Object], None]) -> None:
    while await _is_there(client, each):
        await asyncio.sleep(_LOOK_SECONDS)
    gone(each)


async def _is_there(client: Client, each: Object) -> bool:
    found = await find(client, each)
    return found is not None and found["metadata"]["uid"] == each["metadata"]["uid"]

"""Deleting: finalizers, grace, preconditions, dependents, namespaces."""

import pytest

from jobset.kube.client import Client, DeleteOptions, Selection
from jobset.kube.errors import Conflict, Forbidden, Invalid
from jobset.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES, PODS, PRIORITY_CLASSES, SECRETS, SERVICES
from jobset.kube.transport import Request, Transport
from tests.contract.builders import (
    a_config_map,
    a_job,
    a_pod,
    eventually,
    exists,
    gone,
    owned_by,
    refusal,
)
from tests.control_plane.releases import on_releases, rows


async def test_a_finalizer_holds_a_deleted_object(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace, finalizers=["x.io/a"]))

    deleted = await client.delete(CONFIG_MAPS, namespace, "m")
    more = {"metadata": {"finalizers": ["x.io/a", "x.io/b"]}}
    error = await refusal(client.patch(CONFIG_MAPS, namespace, "m", more))
    await client.patch(CONFIG_MAPS, namespace, "m", {"data": {"k": "still here"}})

    assert deleted["metadata"]["deletionGracePeriodSeconds"] == 0
    assert isinstance(error, Invalid)
    assert await exists(client, CONFIG_MAPS, namespace, "m")

    await client.patch(CONFIG_MAPS, namespace, "m", {"metadata": {"finalizers": None}})

    assert not await exists(client, CONFIG_MAPS, namespace, "m")


async def test_a_delete_can_name_the_object_exactly(client: Client, namespace: str) -> None:
    created = await client.create(CONFIG_MAPS, a_config_map(namespace))

    uid = await refusal(client.delete(CONFIG_MAPS, namespace, "m", DeleteOptions(uid="other")))
    version = await refusal(client.delete(CONFIG_MAPS, namespace, "m", DeleteOptions(resource_version="1")))
    await client.delete(CONFIG_MAPS, namespace, "m", DeleteOptions(uid=created["metadata"]["uid"]))

    assert isinstance(uid, Conflict)
    assert isinstance(version, Conflict)


async def test_a_delete_answers_with_a_status_or_with_what_is_gone(client: Client, namespace: str) -> None:
    service = {"metadata": {"name": "s", "namespace": namespace}, "spec": {"clusterIP": "None"}}
    await client.create(SERVICES, service)
    await client.create(CONFIG_MAPS, a_config_map(namespace))
    waiting = a_config_map(namespace, "waiting", finalizers=["foregroundDeletion"])
    await client.create(CONFIG_MAPS, waiting)

    background = DeleteOptions(propagation_policy="Background")
    answers = [
        await client.delete(SERVICES, namespace, "s"),
        await client.delete(CONFIG_MAPS, namespace, "m"),
        await client.delete(CONFIG_MAPS, namespace, "waiting", background),
    ]

    assert [answer["kind"] for answer in answers] == ["Service", "Status", "Status"]


async def test_a_bound_pod_gets_its_grace_which_can_only_be_shortened(client: Client, namespace: str) -> None:
    await client.create(PODS, a_pod(namespace, nodeName="n", terminationGracePeriodSeconds=7))

    asked = [None, 3, 20]
    answers = [
        await client.delete(PODS, namespace, "p", DeleteOptions(grace_period_seconds=seconds))
        for seconds in asked
    ]
    seconds = [answer["metadata"]["deletionGracePeriodSeconds"] for answer in answers]

    assert seconds == [7, 3, 3]
    assert {answer["metadata"]["generation"] for answer in answers} == {2}

    await client.delete(PODS, namespace, "p", DeleteOptions(grace_period_seconds=0))

    assert not await exists(client, PODS, namespace, "p")


async def test_a_pod_without_a_node_goes_at_once(client: Client, namespace: str) -> None:
    await client.create(PODS, a_pod(namespace))

    await client.delete(PODS, namespace, "p")

    assert not await exists(client, PODS, namespace, "p")


async def test_dependents_follow_their_owner(client: Client, namespace: str) -> None:
    owner = await client.create(CONFIG_MAPS, a_config_map(namespace, "owner"))
    child = await client.create(
        CONFIG_MAPS, a_config_map(namespace, "child", ownerReferences=owned_by(owner))
    )
    await client.create(CONFIG_MAPS, a_config_map(namespace, "grandchild", ownerReferences=owned_by(child)))

    await client.delete(CONFIG_MAPS, namespace, "owner", DeleteOptions(propagation_policy="Background"))

    assert not await exists(client, CONFIG_MAPS, namespace, "owner")
    await gone(client, CONFIG_MAPS, namespace, "grandchild")


async def test_a_foreground_delete_waits_for_blocking_dependents(client: Client, namespace: str) -> None:
    owner = await client.create(CONFIG_MAPS, a_config_map(namespace, "owner"))
    references = owned_by(owner, blocking=True)
    child = a_config_map(namespace, "child", ownerReferences=references, finalizers=["x.io/hold"])
    await client.create(CONFIG_MAPS, child)

    await client.delete(CONFIG_MAPS, namespace, "owner", DeleteOptions(propagation_policy="Foreground"))

    async def child_is_deleted() -> bool:
        found = await client.get(CONFIG_MAPS, namespace, "child")
        return "deletionTimestamp" in found["metadata"]

    await eventually(child_is_deleted)
    waiting = await client.get(CONFIG_MAPS, namespace, "owner")
    assert waiting["metadata"]["finalizers"] == ["foregroundDeletion"]

    await client.patch(CONFIG_MAPS, namespace, "child", {"metadata": {"finalizers": None}})

    await gone(client, CONFIG_MAPS, namespace, "owner")


async def test_orphans_lose_their_reference_and_stay(client: Client, namespace: str) -> None:
    owner = await client.create(CONFIG_MAPS, a_config_map(namespace, "owner"))
    await client.create(CONFIG_MAPS, a_config_map(namespace, "child", ownerReferences=owned_by(owner)))

    await client.delete(CONFIG_MAPS, namespace, "owner", DeleteOptions(propagation_policy="Orphan"))

    await gone(client, CONFIG_MAPS, namespace, "owner")
    child = await client.get(CONFIG_MAPS, namespace, "child")
    assert "ownerReferences" not in child["metadata"]


async def test_a_second_living_owner_keeps_an_object(client: Client, namespace: str) -> None:
    dying, living = [
        await client.create(CONFIG_MAPS, a_config_map(namespace, name)) for name in ("dying", "living")
    ]
    references = owned_by(dying, living)
    await client.create(CONFIG_MAPS, a_config_map(namespace, "child", ownerReferences=references))

    await client.delete(CONFIG_MAPS, namespace, "dying")

    async def only_the_living_is_named() -> bool:
        child = await client.get(CONFIG_MAPS, namespace, "child")
        return [owner["name"] for owner in child["metadata"]["ownerReferences"]] == ["living"]

    await eventually(only_the_living_is_named)


async def test_an_owner_of_another_uid_counts_as_absent(client: Client, namespace: str) -> None:
    owner = await client.create(CONFIG_MAPS, a_config_map(namespace, "owner"))
    impostor = [{**owned_by(owner)[0], "uid": "11111111-1111-4111-8111-111111111111"}]

    await client.create(
        SECRETS, {"metadata": {"name": "s", "namespace": namespace, "ownerReferences": impostor}}
    )

    await gone(client, SECRETS, namespace, "s")
    assert await exists(client, CONFIG_MAPS, namespace, "owner")


async def test_a_cluster_object_with_an_owner_in_a_namespace_is_left_alone(
    client: Client, namespace: str
) -> None:
    owner = await client.create(CONFIG_MAPS, a_config_map(namespace, "owner"))
    references = owned_by(owner)
    above = {"metadata": {"name": namespace, "ownerReferences": references}, "value": 1}
    await client.create(PRIORITY_CLASSES, above)
    await client.create(CONFIG_MAPS, a_config_map(namespace, "child", ownerReferences=references))

    await client.delete(CONFIG_MAPS, namespace, "owner")
    await gone(client, CONFIG_MAPS, namespace, "child")

    assert await exists(client, PRIORITY_CLASSES, None, namespace)
    await client.delete(PRIORITY_CLASSES, None, namespace)


async def test_a_job_orphans_its_pods_by_default_and_says_so(
    client: Client, namespace: str, transport: Transport
) -> None:
    await client.create(JOBS, a_job(namespace))

    answer = await transport.send(Request(method="DELETE", path=JOBS.path(namespace, "j")))

    assert answer.body["metadata"]["finalizers"] == ["orphan"]
    assert answer.warnings == (
        "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background "
        "to remove them or set propagationPolicy=Orphan to suppress this warning",
    )


async def test_a_collection_is_deleted_by_selector(
    client: Client, namespace: str, transport: Transport
) -> None:
    for name, colour in (("a", "red"), ("b", "blue")):
        await client.create(CONFIG_MAPS, a_config_map(namespace, name, labels={"colour": colour}))

    query = {"labelSelector": "colour=red"}
    await transport.send(Request(method="DELETE", path=CONFIG_MAPS.path(namespace), query=query))

    left = await client.list(CONFIG_MAPS, Selection(namespace=namespace))
    assert [item["metadata"]["name"] for item in left.items] == ["b"]


async def test_a_namespace_empties_itself_before_it_goes(client: Client, namespace: str) -> None:
    doomed = f"{namespace}-x"
    await client.create(NAMESPACES, {"metadata": {"name": doomed}})
    await client.create(CONFIG_MAPS, a_config_map(doomed, finalizers=["x.io/hold"]))

    await client.delete(NAMESPACES, None, doomed)
    error = await refusal(client.create(CONFIG_MAPS, a_config_map(doomed, "late")))

    assert isinstance(error, Forbidden)
    assert str(error).endswith("because it is being terminated")

    await client.patch(CONFIG_MAPS, doomed, "m", {"metadata": {"finalizers": None}})

    await gone(client, NAMESPACES, None, doomed)


async def test_the_first_namespaces_cannot_be_deleted(client: Client) -> None:
    assert isinstance(await refusal(client.delete(NAMESPACES, None, "default")), Forbidden)


WRONG_OPTIONS: dict[str, tuple[object, int]] = {
    "no JSON": ("{", 400),
    "no object": ("[]", 400),
    "a wrong type": ({"gracePeriodSeconds": "x"}, 400),
    "another kind": ({"kind": "Pod"}, 400),
    "an empty policy": ({"propagationPolicy": ""}, 422),
}


_SINCE_35 = ("no JSON", "no object", "a wrong type", "another kind")
"""Before, the server took the fault for one of its own."""


@pytest.mark.parametrize(("body", "code"), rows(WRONG_OPTIONS, on_releases(since=35), *_SINCE_35))
async def test_wrong_options_are_refused(
    client: Client, namespace: str, transport: Transport, body: object, code: int
) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))

    request = Request(method="DELETE", path=CONFIG_MAPS.path(namespace, "m"), body=body)
    answer = await transport.send(request)

    assert answer.code == code
    assert await exists(client, CONFIG_MAPS, namespace, "m")


async def test_options_in_an_unknown_format_are_refused(namespace: str, transport: Transport) -> None:
    path = CONFIG_MAPS.path(namespace, "m")
    request = Request(method="DELETE", path=path, body="{}", content_type="text/plain")

    assert (await transport.send(request)).code == 415


async def test_dependents_can_be_orphaned_in_two_ways_but_not_in_both(
    namespace: str, transport: Transport
) -> None:
    path = CONFIG_MAPS.path(namespace, "m")
    query = {"orphanDependents": "true", "propagationPolicy": "Orphan"}

    assert (await transport.send(Request(method="DELETE", path=path, query=query))).code == 422


@on_releases(since=35)
async def test_options_of_a_wrong_type_are_refused(namespace: str, transport: Transport) -> None:
    path = CONFIG_MAPS.path(namespace, "m")

    answer = await transport.send(Request(method="DELETE", path=path, body={"gracePeriodSeconds": "soon"}))

    assert answer.code == 400
    assert "DeleteOptions.gracePeriodSeconds of type int64" in answer.body["message"]

"""Lists and watches: consistent readings, selectors, pages, bookmarks."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from jobset.kube.client import Client, Selection
from jobset.kube.errors import BadRequest
from jobset.kube.resources import CONFIG_MAPS, JOBS, JOBSETS, PODS
from jobset.kube.transport import Request, Transport, WatchEvent
from tests.contract.builders import a_config_map, a_pod, eventually, refusal


async def read(transport: Transport, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
    """The list that a query asks for."""
    answer = await transport.send(Request(method="GET", path=path, query=query))
    body: Mapping[str, Any] = answer.body
    return body


def names(body: Mapping[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in body["items"]]


async def seen(transport: Transport, path: str, query: Mapping[str, str], count: int) -> list[WatchEvent]:
    """The first events of a watch."""
    events: list[WatchEvent] = []
    stream = transport.watch(Request(method="GET", path=path, query={"watch": "1", **query}))
    async with asyncio.timeout(10):
        async for event in stream:
            events.append(event)
            if len(events) == count:
                break
    return events


def told(events: list[WatchEvent]) -> list[tuple[str, str | None]]:
    return [(event.type, event.object["metadata"].get("name")) for event in events]


async def test_a_list_is_sorted_and_the_client_tells_the_kind_of_its_items(
    client: Client, namespace: str
) -> None:
    for name in ("b", "a"):
        await client.create(CONFIG_MAPS, a_config_map(namespace, name))

    listed = await client.list(CONFIG_MAPS, Selection(namespace=namespace))

    assert [item["metadata"]["name"] for item in listed.items] == ["a", "b"]
    assert {item["kind"] for item in listed.items} == {"ConfigMap"}


@pytest.mark.parametrize("metadata_only", [False, True])
async def test_a_list_of_nothing_is_empty(client: Client, namespace: str, metadata_only: bool) -> None:
    listed = await client.list(CONFIG_MAPS, Selection(namespace=namespace), metadata_only=metadata_only)

    assert listed.items == ()


LABELS = {
    "equality": ("colour=red", ["a"]),
    "double equality": ("colour==red", ["a"]),
    "inequality takes absence too": ("colour!=red", ["b", "c"]),
    "a set": ("colour in (red, blue)", ["a", "b"]),
    "not in a set": ("colour notin (red,blue)", ["c"]),
    "existence": ("colour", ["a", "b"]),
    "absence": ("!colour", ["c"]),
    "several terms": ("colour in (red,blue),size", ["b"]),
    "greater than": ("size>2", ["b"]),
}


@pytest.mark.parametrize(("selector", "found"), LABELS.values(), ids=LABELS)
async def test_a_label_selector_selects(
    client: Client, namespace: str, selector: str, found: list[str]
) -> None:
    labels = {"a": {"colour": "red"}, "b": {"colour": "blue", "size": "3"}, "c": {}}
    for name, given in labels.items():
        await client.create(CONFIG_MAPS, a_config_map(namespace, name, labels=given))

    listed = await client.list(CONFIG_MAPS, Selection(namespace=namespace, label_selector=selector))

    assert [item["metadata"]["name"] for item in listed.items] == found


async def test_pods_are_selected_by_their_fields(client: Client, namespace: str) -> None:
    await client.create(PODS, a_pod(namespace, "a", nodeName="n"))
    await client.create(PODS, a_pod(namespace, "b"))

    on_node = Selection(namespace=namespace, field_selector="spec.nodeName=n,status.phase!=Running")
    listed = await client.list(PODS, on_node)

    assert [item["metadata"]["name"] for item in listed.items] == ["a"]


async def test_an_unknown_field_cannot_be_selected(client: Client) -> None:
    pods = await refusal(client.list(PODS, Selection(field_selector="spec.colour=red")))
    jobs = await refusal(client.list(JOBS, Selection(field_selector="spec.colour=red")))

    assert isinstance(pods, BadRequest)
    assert str(pods).endswith("field label not supported: spec.colour")
    assert str(jobs).endswith('field label "spec.colour" not supported for Job')


async def test_a_watch_from_a_list_misses_and_doubles_nothing(
    client: Client, namespace: str, transport: Transport
) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace, "before"))
    listed = await client.list(CONFIG_MAPS, Selection(namespace=namespace))
    await client.create(CONFIG_MAPS, a_config_map(namespace, "after"))
    await client.patch(CONFIG_MAPS, namespace, "before", {"data": {"k": "w"}})
    await client.delete(CONFIG_MAPS, namespace, "after")

    query = {"resourceVersion": listed.resource_version}
    events = await seen(transport, CONFIG_MAPS.path(namespace), query, 3)

    assert told(events) == [("ADDED", "after"), ("MODIFIED", "before"), ("DELETED", "after")]
    versions = [int(event.object["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(versions)


async def test_a_watch_of_a_selection_tells_who_comes_and_goes(
    client: Client, namespace: str, transport: Transport
) -> None:
    listed = await client.list(CONFIG_MAPS, Selection(namespace=namespace))
    await client.create(CONFIG_MAPS, a_config_map(namespace))
    for colour in ("red", "blue"):
        await client.patch(CONFIG_MAPS, namespace, "m", {"metadata": {"labels": {"colour": colour}}})

    query = {"resourceVersion": listed.resource_version, "labelSelector": "colour=red"}
    came, went = await seen(transport, CONFIG_MAPS.path(namespace), query, 2)

    assert (came.type, went.type) == ("ADDED", "DELETED")
    assert went.object["metadata"]["labels"] == {"colour": "red"}
    assert int(went.object["metadata"]["resourceVersion"]) > int(came.object["metadata"]["resourceVersion"])


async def test_a_watch_without_a_version_begins_with_what_exists(
    client: Client, namespace: str, transport: Transport
) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))

    for version in ({}, {"resourceVersion": "0"}):
        events = await seen(transport, CONFIG_MAPS.path(namespace), version, 1)
        assert told(events) == [("ADDED", "m")]


async def test_initial_events_end_with_a_bookmark(
    client: Client, namespace: str, transport: Transport
) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))

    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    added, bookmark = await seen(transport, CONFIG_MAPS.path(namespace), query, 2)

    assert (added.type, bookmark.type) == ("ADDED", "BOOKMARK")
    assert bookmark.object["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_watch_ends_after_its_time(namespace: str, transport: Transport) -> None:
    query = {"watch": "1", "timeoutSeconds": "1", "resourceVersion": "0"}

    stream = transport.watch(Request(method="GET", path=CONFIG_MAPS.path(namespace), query=query))

    assert [event async for event in stream] == []


async def test_pages_show_one_reading(client: Client, namespace: str, transport: Transport) -> None:
    for name in ("a", "b", "c"):
        await client.create(CONFIG_MAPS, a_config_map(namespace, name))
    path = CONFIG_MAPS.path(namespace)

    first = await read(transport, path, {"limit": "2"})
    await client.delete(CONFIG_MAPS, namespace, "c")
    await client.create(CONFIG_MAPS, a_config_map(namespace, "d"))
    second = await read(transport, path, {"limit": "2", "continue": first["metadata"]["continue"]})

    assert (names(first), names(second)) == (["a", "b"], ["c"])
    assert first["metadata"]["remainingItemCount"] == 1
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert "continue" not in second["metadata"]


async def test_whoever_takes_any_version_gets_it_in_one_piece(
    client: Client, namespace: str, transport: Transport
) -> None:
    for name in ("a", "b"):
        await client.create(CONFIG_MAPS, a_config_map(namespace, name))
    path, query = CONFIG_MAPS.path(namespace), {"limit": "1", "resourceVersion": "0"}

    async def has_both() -> bool:
        return names(await read(transport, path, query)) == ["a", "b"]

    await eventually(has_both)
    assert "continue" not in (await read(transport, path, query))["metadata"]


async def test_a_page_is_of_the_version_that_is_asked_for(
    client: Client, namespace: str, transport: Transport
) -> None:
    first = await client.create(CONFIG_MAPS, a_config_map(namespace, "b"))
    await client.create(CONFIG_MAPS, a_config_map(namespace, "a"))

    query = {"limit": "1", "resourceVersion": first["metadata"]["resourceVersion"]}
    page = await read(transport, CONFIG_MAPS.path(namespace), query)

    assert names(page) == ["b"]
    assert "continue" not in page["metadata"]


async def test_a_list_of_custom_resources_tells_an_empty_token(namespace: str, transport: Transport) -> None:
    found = await read(transport, JOBSETS.path(namespace), {})

    assert found["metadata"]["continue"] == ""


async def test_a_watch_of_the_present_ends_with_a_bookmark(
    client: Client, namespace: str, transport: Transport
) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))

    query = {"watch": "1", "timeoutSeconds": "1", "allowWatchBookmarks": "true"}
    stream = transport.watch(Request(method="GET", path=CONFIG_MAPS.path(namespace), query=query))

    types = [event.type async for event in stream]
    assert list(dict.fromkeys(types)) == ["ADDED", "BOOKMARK"]


WATCHES = {
    "a match without initial events": (
        {"resourceVersionMatch": "Exact"},
        [
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            'Unsupported value: "Exact": supported values: "NotOlderThan"',
        ],
    ),
    "initial events with another match": (
        {"sendInitialEvents": "true", "resourceVersionMatch": "Exact"},
        [
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            'Unsupported value: "Exact": supported values: "NotOlderThan"',
        ],
    ),
    "a token": ({"continue": "x"}, ["resourceVersionMatch is forbidden when continue is provided"]),
}


@pytest.mark.parametrize(("query", "words"), WATCHES.values(), ids=WATCHES)
async def test_a_wrong_watch_is_refused(
    namespace: str, transport: Transport, query: dict[str, str], words: list[str]
) -> None:
    stream = transport.watch(
        Request(method="GET", path=CONFIG_MAPS.path(namespace), query={"watch": "1", **query})
    )

    error = await refusal(anext(stream))

    causes = [cause["message"] for cause in error.status["details"]["causes"]]
    assert [cause.removeprefix("Forbidden: ") for cause in causes] == words


async def test_a_token_that_leads_nowhere(namespace: str, transport: Transport) -> None:
    found = await read(transport, CONFIG_MAPS.path(namespace), {"continue": "bad"})

    assert found["message"] == (
        "invalid continue token: continue key is not valid: "
        "invalid character 'm' looking for beginning of value"
    )


async def test_a_token_says_itself_which_version_it_is_of(
    client: Client, namespace: str, transport: Transport
) -> None:
    for name in ("a", "b"):
        await client.create(CONFIG_MAPS, a_config_map(namespace, name))
    path = CONFIG_MAPS.path(namespace)
    token = (await read(transport, path, {"limit": "1"}))["metadata"]["continue"]

    found = await read(transport, path, {"continue": token, "resourceVersion": "1"})

    assert found["message"] == "specifying resource version is not allowed when using continue"


WRONG = {
    "a version ahead of the server": ({"resourceVersion": "999999999"}, 504, "Timeout"),
    "a version that is no number": ({"resourceVersion": "abc"}, 400, "BadRequest"),
    "a match without a version": ({"resourceVersionMatch": "Exact"}, 422, "Invalid"),
    "a time that is no number": ({"timeoutSeconds": "1_0"}, 400, "BadRequest"),
    "a token that is none": ({"continue": "%%%"}, 400, "BadRequest"),
    "a selector that is none": ({"labelSelector": "a in"}, 400, "BadRequest"),
}


@pytest.mark.parametrize(("query", "code", "reason"), WRONG.values(), ids=WRONG)
async def test_a_wrong_question_is_refused(
    transport: Transport, query: dict[str, str], code: int, reason: str
) -> None:
    answer = await transport.send(
        Request(method="GET", path="/api/v1/namespaces/default/secrets", query=query)
    )

    assert (answer.code, answer.body["reason"]) == (code, reason)


async def test_a_watch_ahead_of_the_server_passes_over_what_happens_until_then(
    client: Client, namespace: str, transport: Transport
) -> None:
    query = {"watch": "1", "timeoutSeconds": "1", "resourceVersion": "999999999"}
    stream = transport.watch(Request(method="GET", path=CONFIG_MAPS.path(namespace), query=query))

    async def write() -> None:
        await asyncio.sleep(0.2)
        await client.create(CONFIG_MAPS, a_config_map(namespace))

    writing = asyncio.create_task(write())
    events = [event async for event in stream]
    await writing

    assert events == []


async def test_initial_events_ahead_of_the_server_are_an_error(namespace: str, transport: Transport) -> None:
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "resourceVersion": "999999999",
    }

    [event] = await seen(transport, CONFIG_MAPS.path(namespace), query, 1)

    assert (event.type, event.object["code"]) == ("ERROR", 504)
    assert event.object["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


async def test_the_server_tells_what_it_serves(transport: Transport) -> None:
    ask = {
        path: await transport.send(Request(method="GET", path=path))
        for path in ("/healthz", "/apis", "/api/v1")
    }

    assert ask["/healthz"].body == "ok"
    groups = {group["name"] for group in ask["/apis"].body["groups"]}
    assert {"batch", "coordination.k8s.io"} <= groups
    resources = {item["name"]: item for item in ask["/api/v1"].body["resources"]}
    assert resources["pods"]["shortNames"] == ["po"]
    assert resources["pods/status"]["verbs"] == ["get", "patch", "update"]

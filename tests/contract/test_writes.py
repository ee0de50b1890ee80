"""Creating, changing and patching objects, as every Kubernetes API does it."""

import pytest

from jobset.kube.client import Client, DeleteOptions
from jobset.kube.errors import AlreadyExists, BadRequest, Conflict, Invalid, NotFound
from jobset.kube.resources import CONFIG_MAPS, JOBS, JOBSETS, LEASES, PODS, SERVICES, Resource
from jobset.kube.transport import JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, Request, Transport
from tests.contract.builders import a_config_map, a_job, a_pod, exists, owned_by, refusal
from tests.control_plane.releases import on_releases, rows


async def test_a_created_object_gets_an_identity_of_the_server(client: Client, namespace: str) -> None:
    given = a_config_map(namespace, uid="mine", creationTimestamp="2001-01-01T00:00:00Z")

    created = await client.create(CONFIG_MAPS, given)

    metadata = created["metadata"]
    assert metadata["uid"] != "mine"
    assert metadata["creationTimestamp"] > "2001-01-01T00:00:00Z"
    assert int(metadata["resourceVersion"]) > 0
    assert created == await client.get(CONFIG_MAPS, namespace, "m")


async def test_a_name_can_be_taken_once(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))

    error = await refusal(client.create(CONFIG_MAPS, a_config_map(namespace)))

    assert isinstance(error, AlreadyExists)
    assert str(error) == 'configmaps "m" already exists'


async def test_a_name_is_generated_from_a_prefix(client: Client, namespace: str) -> None:
    body = a_config_map(namespace, name="", generateName="x" * 70)

    created = await client.create(CONFIG_MAPS, body)

    name = created["metadata"]["name"]
    assert name.startswith("x" * 58)
    assert len(name) == 63
    assert set(name[58:]) <= set("bcdfghjklmnpqrstvwxz2456789")


async def test_an_object_needs_a_namespace_that_exists(client: Client) -> None:
    error = await refusal(client.create(CONFIG_MAPS, a_config_map("nowhere")))

    assert isinstance(error, NotFound)
    assert str(error) == 'namespaces "nowhere" not found'


async def test_every_write_grows_the_resource_version(client: Client, namespace: str) -> None:
    first = await client.create(CONFIG_MAPS, a_config_map(namespace))

    second = await client.patch(CONFIG_MAPS, namespace, "m", {"data": {"k": "w"}})

    versions = [int(obj["metadata"]["resourceVersion"]) for obj in (first, second)]
    assert versions[0] < versions[1]


async def test_a_write_that_changes_nothing_keeps_the_resource_version(
    client: Client, namespace: str
) -> None:
    created = await client.create(CONFIG_MAPS, a_config_map(namespace))

    put = await client.update(CONFIG_MAPS, a_config_map(namespace))
    patched = await client.patch(CONFIG_MAPS, namespace, "m", {"data": {"k": "v"}})

    assert put == patched == created


async def test_a_write_on_a_stale_version_is_refused(client: Client, namespace: str) -> None:
    stale = await client.create(CONFIG_MAPS, a_config_map(namespace))
    await client.patch(CONFIG_MAPS, namespace, "m", {"data": {"k": "w"}})

    put = await refusal(client.update(CONFIG_MAPS, {**stale, "data": {"k": "z"}}))
    version = {"metadata": {"resourceVersion": stale["metadata"]["resourceVersion"]}}
    patched = await refusal(client.patch(CONFIG_MAPS, namespace, "m", {**version, "data": {"k": "z"}}))

    assert isinstance(put, Conflict)
    assert isinstance(patched, Conflict)
    assert (await client.get(CONFIG_MAPS, namespace, "m"))["data"] == {"k": "w"}


async def test_a_lease_and_a_custom_resource_need_a_version_for_an_update(
    client: Client, namespace: str
) -> None:
    lease = {"metadata": {"name": "l", "namespace": namespace}, "spec": {"holderIdentity": "a"}}
    await client.create(LEASES, lease)

    error = await refusal(client.update(LEASES, lease))

    assert isinstance(error, Invalid)
    assert error.status["details"]["causes"][0]["field"] == "metadata.resourceVersion"


async def test_the_path_decides_which_object_is_meant(
    client: Client, namespace: str, transport: Transport
) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))

    answer = await transport.send(
        Request(method="PUT", path=CONFIG_MAPS.path(namespace, "m"), body=a_config_map(namespace, "other"))
    )

    assert answer.code == 400
    assert answer.body["message"] == "the name of the object (other) does not match the name on the URL (m)"


async def test_generation_counts_changes_of_the_spec_only(client: Client, namespace: str) -> None:
    job = await client.create(JOBS, a_job(namespace))

    labelled = await client.patch(JOBS, namespace, "j", {"metadata": {"labels": {"a": "b"}}})
    reported = await client.patch(JOBS, namespace, "j", {"status": {"active": 1}}, subresource="status")
    widened = await client.patch(JOBS, namespace, "j", {"spec": {"parallelism": 2}})

    generations = [obj["metadata"]["generation"] for obj in (job, labelled, reported, widened)]
    assert generations == [1, 1, 1, 2]


async def test_a_job_without_labels_has_those_of_its_template(client: Client, namespace: str) -> None:
    job = await client.create(JOBS, a_job(namespace, managedBy="example.com/nobody"))

    bare = {**job, "metadata": {**job["metadata"], "labels": None, "resourceVersion": ""}}
    written = await client.update_status(JOBS, bare)

    labels = job["spec"]["template"]["metadata"]["labels"]
    assert job["metadata"]["labels"] == written["metadata"]["labels"] == labels


async def test_a_name_that_is_no_label_is_told_of_the_template_only(client: Client, namespace: str) -> None:
    error = await refusal(client.create(JOBS, a_job(namespace, "j" * 64)))

    assert isinstance(error, Invalid)
    fields = {cause["field"] for cause in error.status["details"]["causes"]}
    assert fields == {"spec.template.labels"}


async def test_spec_and_status_are_written_apart(client: Client, namespace: str) -> None:
    await client.create(PODS, a_pod(namespace))

    main = await client.patch(PODS, namespace, "p", {"status": {"phase": "Failed"}})
    part = await client.patch(
        PODS,
        namespace,
        "p",
        {"spec": {"hostname": "h"}, "status": {"phase": "Running"}},
        subresource="status",
    )

    assert main["status"]["phase"] == "Pending"
    assert part["status"]["phase"] == "Running"
    assert "hostname" not in part["spec"]


async def test_owner_references_come_with_a_status_but_not_with_that_of_a_pod(
    client: Client, namespace: str
) -> None:
    owner = await client.create(CONFIG_MAPS, a_config_map(namespace))
    await client.create(PODS, a_pod(namespace))
    await client.create(JOBS, a_job(namespace))
    patch = {"metadata": {"ownerReferences": owned_by(owner)}}

    pod = await client.patch(PODS, namespace, "p", patch, subresource="status")
    job = await client.patch(JOBS, namespace, "j", patch, subresource="status")

    assert "ownerReferences" not in pod["metadata"]
    assert [reference["name"] for reference in job["metadata"]["ownerReferences"]] == ["m"]


@on_releases(until=36)
async def test_an_update_is_checked_as_a_change_and_as_a_new_object(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))
    await client.create(
        SERVICES, {"metadata": {"name": "s", "namespace": namespace}, "spec": {"clusterIP": "None"}}
    )
    patch = {"metadata": {"labels": {"a": "no label"}}}

    config_map = await refusal(client.patch(CONFIG_MAPS, namespace, "m", patch))
    service = await refusal(client.patch(SERVICES, namespace, "s", patch))

    assert [len(error.status["details"]["causes"]) for error in (config_map, service)] == [4, 3]


async def test_a_service_can_be_created_by_an_update(client: Client, namespace: str) -> None:
    service = {"metadata": {"name": "s", "namespace": namespace}, "spec": {"clusterIP": "None"}}

    created = await client.update(SERVICES, service)

    assert created["metadata"]["uid"]


PATCHES = {
    "merge": (MERGE_PATCH, {"data": {"a": "1", "k": None}}, {"a": "1"}),
    "strategic": (STRATEGIC_MERGE_PATCH, {"data": {"a": "1", "k": None}}, {"a": "1"}),
    "json": (
        JSON_PATCH,
        [
            {"op": "test", "path": "/data/k", "value": "v"},
            {"op": "move", "from": "/data/k", "path": "/data/a"},
        ],
        {"a": "v"},
    ),
}


@pytest.mark.parametrize(("content_type", "patch", "data"), PATCHES.values(), ids=PATCHES)
async def test_a_patch_changes_what_it_names(
    client: Client, namespace: str, content_type: str, patch: object, data: dict[str, str]
) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))

    patched = await client.patch(CONFIG_MAPS, namespace, "m", patch, content_type=content_type)

    assert patched["data"] == data


async def test_containers_merge_by_name_in_a_strategic_patch(client: Client, namespace: str) -> None:
    await client.create(PODS, a_pod(namespace))

    patch = {"spec": {"containers": [{"name": "c", "image": "new"}]}}
    patched = await client.patch(PODS, namespace, "p", patch, content_type=STRATEGIC_MERGE_PATCH)

    assert patched["spec"]["containers"][0]["image"] == "new"
    assert patched["spec"]["containers"][0]["command"] == ["true"]


UNFIT: dict[str, tuple[Resource, str, object]] = {
    "a wrong type": (CONFIG_MAPS, MERGE_PATCH, {"data": {"k": 1}}),
    "another kind": (CONFIG_MAPS, MERGE_PATCH, {"kind": "Other"}),
    "another version": (CONFIG_MAPS, JSON_PATCH, [{"op": "replace", "path": "/apiVersion", "value": "v9"}]),
    "a kind that is no text": (CONFIG_MAPS, MERGE_PATCH, {"kind": 1}),
    "a wrong type in a strategic patch": (CONFIG_MAPS, STRATEGIC_MERGE_PATCH, {"data": {"k": 1}}),
}


@pytest.mark.parametrize(("resource", "content_type", "patch"), UNFIT.values(), ids=UNFIT)
async def test_a_patch_must_leave_an_object_of_its_kind(
    client: Client, namespace: str, resource: Resource, content_type: str, patch: object
) -> None:
    await client.create(resource, a_config_map(namespace))

    error = await refusal(client.patch(resource, namespace, "m", patch, content_type=content_type))

    assert isinstance(error, Invalid)
    assert [cause["field"] for cause in error.status["details"]["causes"]] == ["patch"]
    assert str(error).startswith(' "" is invalid: patch: Invalid value: ')


ORDERS: dict[str, tuple[dict[str, object], list[str]]] = {
    "a new one comes first": ({"finalizers": ["x.io/c"]}, ["x.io/c", "x.io/a", "x.io/b"]),
    "those that were before a named one stay there": (
        {"finalizers": ["x.io/c", "x.io/b"]},
        ["x.io/c", "x.io/a", "x.io/b"],
    ),
    "an order is asked for": (
        {"$setElementOrder/finalizers": ["x.io/b", "x.io/a"]},
        ["x.io/b", "x.io/a"],
    ),
}


@pytest.mark.parametrize(("change", "finalizers"), ORDERS.values(), ids=ORDERS)
async def test_lists_that_merge_in_a_strategic_patch_have_an_order(
    client: Client, namespace: str, change: dict[str, object], finalizers: list[str]
) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace, finalizers=["x.io/a", "x.io/b"]))

    patch = {"metadata": change}
    patched = await client.patch(CONFIG_MAPS, namespace, "m", patch, content_type=STRATEGIC_MERGE_PATCH)

    assert patched["metadata"]["finalizers"] == finalizers


CONVERSIONS: dict[str, tuple[dict[str, object], str]] = {
    "an object": ({"metadata": []}, "cannot restore struct from: slice"),
    "a map": ({"data": 5}, "cannot restore map from int64"),
    "a list": ({"metadata": {"finalizers": {}}}, "cannot restore slice from map"),
    "a text": ({"data": {"a": 5}}, "cannot convert int64 to string"),
    "a boolean": ({"immutable": "x"}, "unrecognized type: bool"),
    "a whole number": ({"metadata": {"generation": 1.5}}, "cannot convert float64 to int64"),
    "bytes": ({"binaryData": {"k": "*"}}, "error decoding from json: illegal base64 data at input byte 0"),
    "a time": (
        {"metadata": {"creationTimestamp": 5}},
        "json: cannot unmarshal number into Go value of type string",
    ),
}


@pytest.mark.parametrize(("patch", "words"), CONVERSIONS.values(), ids=CONVERSIONS)
async def test_a_strategic_patch_with_a_wrong_type_is_told_as_go_converts(
    client: Client, namespace: str, patch: dict[str, object], words: str
) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))

    call = client.patch(CONFIG_MAPS, namespace, "m", patch, content_type=STRATEGIC_MERGE_PATCH)
    error = await refusal(call)

    assert isinstance(error, Invalid)
    assert str(error).startswith(' "" is invalid: patch: Invalid value: "map[')
    assert str(error).endswith(f']": {words}')


async def test_a_json_patch_replaces_what_is_not_there(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))

    patch = [{"op": "replace", "path": "/data/new", "value": "1"}]
    patched = await client.patch(CONFIG_MAPS, namespace, "m", patch, content_type=JSON_PATCH)

    assert patched["data"] == {"k": "v", "new": "1"}


async def test_a_strategic_patch_does_not_change_the_kind(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))

    patch = {"apiVersion": "v9", "kind": "Other", "data": {"a": "1"}}
    patched = await client.patch(CONFIG_MAPS, namespace, "m", patch, content_type=STRATEGIC_MERGE_PATCH)

    assert (patched["apiVersion"], patched["kind"]) == ("v1", "ConfigMap")
    assert patched["data"] == {"k": "v", "a": "1"}


async def test_a_custom_resource_takes_no_strategic_patch(client: Client, namespace: str) -> None:
    patch = client.patch(JOBSETS, namespace, "js", {}, content_type=STRATEGIC_MERGE_PATCH)

    assert (await refusal(patch)).code == 415


async def test_a_failed_json_patch_changes_nothing(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))
    patch = [
        {"op": "add", "path": "/data/a", "value": "1"},
        {"op": "test", "path": "/data/k", "value": "other"},
    ]

    error = await refusal(client.patch(CONFIG_MAPS, namespace, "m", patch, content_type=JSON_PATCH))

    assert error.code == 422
    assert (await client.get(CONFIG_MAPS, namespace, "m"))["data"] == {"k": "v"}


async def test_a_wrong_type_is_told_with_its_path(client: Client, namespace: str) -> None:
    error = await refusal(client.create(PODS, a_pod(namespace, terminationGracePeriodSeconds="ten")))

    assert isinstance(error, BadRequest)
    assert str(error) == (
        'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field '
        "PodSpec.spec.terminationGracePeriodSeconds of type int64"
    )


async def test_unknown_fields_are_dropped_with_a_warning_or_refused(
    namespace: str, transport: Transport
) -> None:
    path = PODS.path(namespace)
    body = a_pod(namespace, colour="red")

    warned = await transport.send(Request(method="POST", path=path, body=body))
    strict = await transport.send(
        Request(method="POST", path=path, body=body, query={"fieldValidation": "Strict"})
    )

    assert warned.code == 201
    assert "colour" not in warned.body["spec"]
    assert warned.warnings == ('unknown field "spec.colour"',)
    assert strict.code == 400
    assert strict.body["message"].endswith('strict decoding error: unknown field "spec.colour"')


async def test_a_dry_run_stores_nothing(client: Client, namespace: str, transport: Transport) -> None:
    request = Request(
        method="POST",
        path=CONFIG_MAPS.path(namespace),
        body=a_config_map(namespace),
        query={"dryRun": "All"},
    )

    answer = await transport.send(request)

    assert answer.code == 201
    assert not await exists(client, CONFIG_MAPS, namespace, "m")


async def test_a_pod_is_bound_once(client: Client, namespace: str, transport: Transport) -> None:
    await client.create(PODS, a_pod(namespace))

    path = f"{PODS.path(namespace, 'p')}/binding"
    nameless, stale = [
        await transport.send(
            Request(method="POST", path=path, body={"metadata": about, "target": {"name": "n"}})
        )
        for about in ({}, {"name": "p", "uid": "another"})
    ]
    await client.bind(namespace, "p", "n")
    error = await refusal(client.bind(namespace, "p", "other"))

    pod = await client.get(PODS, namespace, "p")
    assert pod["spec"]["nodeName"] == "n"
    assert pod["status"]["conditions"][0]["type"] == "PodScheduled"
    assert pod["metadata"]["generation"] == 1
    assert isinstance(error, Conflict)
    assert (nameless.code, stale.code) == (400, 409)
    await client.delete(PODS, namespace, "p", DeleteOptions(grace_period_seconds=0))


async def test_both_event_apis_show_one_object(client: Client, namespace: str, transport: Transport) -> None:
    event = {
        "metadata": {"name": "e", "namespace": namespace},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": namespace},
        "message": "M",
    }
    await transport.send(Request(method="POST", path=f"/api/v1/namespaces/{namespace}/events", body=event))

    answer = await transport.send(
        Request(method="GET", path=f"/apis/events.k8s.io/v1/namespaces/{namespace}/events/e")
    )

    assert answer.body["note"] == "M"
    assert answer.body["regarding"]["name"] == "p"
    assert answer.body["apiVersion"] == "events.k8s.io/v1"


async def test_an_unknown_field_of_a_jobset_is_told_and_dropped(namespace: str, transport: Transport) -> None:
    path = JOBSETS.path(namespace)
    body = {
        "apiVersion": JOBSETS.api_version,
        "kind": JOBSETS.kind,
        "metadata": {"name": "js", "colour": "red"},
        "spec": {"replicatedJobs": [], "colour": "red"},
        "colour": "red",
    }

    warned, ignored, strict = [
        await transport.send(
            Request(method="POST", path=path, body=body, query={"dryRun": "All", "fieldValidation": how})
        )
        for how in ("Warn", "Ignore", "Strict")
    ]

    unknown = [f'unknown field "{field}"' for field in ("spec.colour", "colour", "metadata.colour")]
    assert (warned.code, ignored.code, strict.code) == (201, 201, 400)
    assert set(warned.warnings) == {*unknown}
    assert ignored.warnings == ()
    assert "colour" not in {*warned.body, *warned.body["spec"], *warned.body["metadata"]}
    assert "strict decoding error: unknown field" in strict.body["message"]


async def test_an_owner_counts_once(namespace: str, transport: Transport) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u"}
    body = a_config_map(namespace, ownerReferences=[owner, owner, {**owner, "name": "p"}])

    request = Request(method="POST", path=CONFIG_MAPS.path(namespace), body=body, query={"dryRun": "All"})
    answer = await transport.send(request)

    assert [kept["name"] for kept in answer.body["metadata"]["ownerReferences"]] == ["o", "p"]
    [warning] = answer.warnings
    assert warning.endswith("duplicate UID(s) observed: u")


@on_releases(until=36)
async def test_the_version_of_an_owner_has_at_most_one_slash(client: Client, namespace: str) -> None:
    owner = {"apiVersion": "a/b/c", "kind": "ConfigMap", "name": "o", "uid": "u"}

    error = await refusal(client.create(CONFIG_MAPS, a_config_map(namespace, ownerReferences=[owner])))

    fields = [cause["field"] for cause in error.status["details"]["causes"]]
    assert fields == ["metadata.ownerReferences.apiVersion"]


async def test_a_new_object_may_have_version_zero(client: Client, namespace: str) -> None:
    created = await client.create(CONFIG_MAPS, a_config_map(namespace, resourceVersion="0"))

    assert int(created["metadata"]["resourceVersion"]) > 0


WRONG_OPTIONS = {
    "a validation": ({"fieldValidation": "x"}, 'supported values: "", "Ignore", "Strict", "Warn"'),
    "a long manager": ({"fieldManager": "m" * 129}, "Too long: may not be more than 128 bytes"),
    "a manager that cannot be printed": (
        {"fieldManager": "a\x07"},
        "invalid character U+0007 (at position 1)",
    ),
    "a force": ({"force": "true"}, "may not be specified for non-apply patch"),
}


@pytest.mark.parametrize(("query", "words"), WRONG_OPTIONS.values(), ids=WRONG_OPTIONS)
async def test_a_patch_with_wrong_options_is_refused(
    client: Client, namespace: str, transport: Transport, query: dict[str, str], words: str
) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))

    answer = await transport.send(
        Request(
            method="PATCH",
            path=CONFIG_MAPS.path(namespace, "m"),
            body={},
            content_type=MERGE_PATCH,
            query=query,
        )
    )

    assert answer.code == 422
    [cause] = answer.body["details"]["causes"]
    assert cause["message"].endswith(words)


NO_PATCHES = {
    "merge": (MERGE_PATCH, "null", "Invalid JSON Patch"),
    "merge, no JSON": (MERGE_PATCH, "{", "error decoding patch: unexpected end of JSON input"),
    "strategic, no JSON": (STRATEGIC_MERGE_PATCH, "{", "unexpected end of JSON input"),
    "strategic, no object": (
        STRATEGIC_MERGE_PATCH,
        "[]",
        "json: cannot unmarshal array into Go value of type map[string]interface {}",
    ),
}


@pytest.mark.parametrize(
    ("content_type", "text", "words"),
    rows(NO_PATCHES, on_releases(until=36), "merge, no JSON", "strategic, no JSON"),
)
async def test_what_is_no_patch_is_refused(
    client: Client, namespace: str, transport: Transport, content_type: str, text: str, words: str
) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))

    path = CONFIG_MAPS.path(namespace, "m")
    answer = await transport.send(Request(method="PATCH", path=path, body=text, content_type=content_type))

    assert (answer.code, answer.body["message"]) == (400, words)


@pytest.mark.parametrize("content_type", [JSON_PATCH, STRATEGIC_MERGE_PATCH])
async def test_some_patches_of_null_change_nothing(
    client: Client, namespace: str, transport: Transport, content_type: str
) -> None:
    created = await client.create(CONFIG_MAPS, a_config_map(namespace))

    path = CONFIG_MAPS.path(namespace, "m")
    answer = await transport.send(Request(method="PATCH", path=path, body="null", content_type=content_type))

    assert (answer.code, answer.body) == (200, created)


async def test_a_json_patch_has_at_most_ten_thousand_operations(
    client: Client, namespace: str, transport: Transport
) -> None:
    await client.create(CONFIG_MAPS, a_config_map(namespace))

    body = [{"op": "test", "path": "/data/k", "value": "v"}] * 10_001
    path = CONFIG_MAPS.path(namespace, "m")
    answer = await transport.send(Request(method="PATCH", path=path, body=body, content_type=JSON_PATCH))

    assert (answer.code, answer.body["reason"]) == (413, "RequestEntityTooLarge")


async def test_jobsets_take_no_strategic_patch(namespace: str, transport: Transport) -> None:
    path = JOBSETS.path(namespace, "js")
    answer = await transport.send(
        Request(method="PATCH", path=path, body={}, content_type=STRATEGIC_MERGE_PATCH)
    )

    assert answer.code == 415
    assert answer.body["message"].endswith(
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    )


async def test_a_body_of_null_is_an_empty_object(namespace: str, transport: Transport) -> None:
    path = CONFIG_MAPS.path(namespace)
    answer = await transport.send(Request(method="POST", path=path, body="null"))

    assert (answer.code, answer.body["details"]["causes"][0]["field"]) == (422, "metadata.name")


NOTHING_THERE = {
    "an unknown group": "/apis/none/v1/things",
    "an unknown resource": "/api/v1/namespaces/default/things",
    "a missing part": "/api/v1/namespaces/default/configmaps/a/b/c",
    "an object without its namespace": "/api/v1/configmaps/a",
}


@pytest.mark.parametrize("path", NOTHING_THERE.values(), ids=NOTHING_THERE)
async def test_paths_that_are_not_served_are_not_found(transport: Transport, path: str) -> None:
    assert (await transport.send(Request(method="GET", path=path))).code == 404

"""What each kind of patch makes of a document."""

from typing import Any

import pytest

from jobset.local.merging import merge_schema
from jobset.local.patch import (
    BadDirective,
    BadPatch,
    PatchMisfit,
    json_patch,
    merge_patch,
    strategic_merge_patch,
)

MERGES: dict[str, tuple[Any, Any, Any]] = {
    "a member is added": ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
    "null removes": ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
    "null removes what is not there": ({"a": 1}, {"b": None}, {"a": 1}),
    "objects merge": ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
    "lists are replaced": ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    "an object replaces a scalar": ({"a": 1}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
    "a scalar replaces everything": ({"a": 1}, 5, 5),
}


@pytest.mark.parametrize(("document", "patch", "result"), MERGES.values(), ids=MERGES)
def test_a_merge_patch(document: Any, patch: Any, result: Any) -> None:
    assert merge_patch(document, patch) == result


def op(op: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": op, "path": path, **more}


def move(source: str, path: str) -> dict[str, Any]:
    return {"op": "move", "from": source, "path": path}


OPERATIONS: dict[str, tuple[Any, list[dict[str, Any]], Any]] = {
    "add a member": ({}, [op("add", "/a", value=1)], {"a": 1}),
    "add replaces a member": ({"a": 1}, [op("add", "/a", value=2)], {"a": 2}),
    "add into a list": ([1, 3], [op("add", "/1", value=2)], [1, 2, 3]),
    "add at the end": ([1], [op("add", "/-", value=2)], [1, 2]),
    "add after the last": ([1], [op("add", "/1", value=2)], [1, 2]),
    "replace the whole": ({"a": 1}, [op("replace", "", value={})], {}),
    "no value is null": ({"a": 1}, [op("add", "/b"), op("replace", "/a")], {"a": None, "b": None}),
    "remove from a list": ([1, 2], [op("remove", "/0")], [2]),
    "remove counted from the end": ([1, 2], [op("remove", "/-1")], [1]),
    "remove deep": ({"a": {"b": 1, "c": 2}}, [op("remove", "/a/b")], {"a": {"c": 2}}),
    "replace": ({"a": [1]}, [op("replace", "/a/0", value=2)], {"a": [2]}),
    "move": ({"a": 1}, [move("/a", "/b")], {"b": 1}),
    "move onto itself": ({"a": 1}, [move("/a", "/a")], {"a": 1}),
    "copy": ({"a": {"x": 1}}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": {"x": 1}, "b": {"x": 1}}),
    "replace adds a member": ({}, [op("replace", "/a", value=1)], {"a": 1}),
    "copy what is not there": ({}, [{"op": "copy", "from": "/a", "path": "/b"}], {"b": None}),
    "what stands before the first slash counts for nothing": ({}, [op("add", "x/a", value=1)], {"a": 1}),
    "test holds": ({"a": [1]}, [op("test", "/a", value=[1])], {"a": [1]}),
    "a missing member tests as null": ({}, [op("test", "/a", value=None)], {}),
    "escapes": ({"a/b": {"c~d": 1}}, [op("remove", "/a~1b/c~0d")], {"a/b": {}}),
    "one after the other": ({}, [op("add", "/a", value=1), move("/a", "/b")], {"b": 1}),
}


@pytest.mark.parametrize(("document", "patch", "result"), OPERATIONS.values(), ids=OPERATIONS)
def test_a_json_patch(document: Any, patch: list[dict[str, Any]], result: Any) -> None:
    assert json_patch(document, patch) == result


MISFITS: dict[str, tuple[Any, dict[str, Any]]] = {
    "a failed test": ({"a": 1}, op("test", "/a", value=2)),
    "true is not 1": ({"a": 1}, op("test", "/a", value=True)),
    "removing what is not there": ({}, op("remove", "/a")),
    "removing the whole": ({}, op("remove", "")),
    "replacing below what is not there": ({}, op("replace", "/a/b", value=1)),
    "copying what no list has": ([1], {"op": "copy", "from": "/3", "path": "/0"}),
    "testing below what is not there": ({}, op("test", "/a/b")),
    "adding below what is not there": ({}, op("add", "/a/b", value=1)),
    "adding below a scalar": ({"a": 1}, op("add", "/a/b", value=1)),
    "an index out of range": ([1], op("add", "/5", value=1)),
    "a name as index": ([1], op("remove", "/x")),
    "an index that only Python reads as a number": ([1, 2], op("remove", "/1_0")),
    "an index with a space": ([1, 2], op("remove", "/ 1")),
    "moving into itself": ({"a": {}}, move("/a", "/a/b")),
    "an unknown operation": ({}, op("what", "/a")),
    "adding the whole": ({"a": 1}, op("add", "", value={})),
    "no pointer": ({"a": 1}, op("remove", "a")),
    "no path": ({}, {"op": "remove"}),
}


@pytest.mark.parametrize(("document", "operation"), MISFITS.values(), ids=MISFITS)
def test_a_json_patch_that_does_not_fit(document: Any, operation: dict[str, Any]) -> None:
    with pytest.raises(PatchMisfit):
        json_patch(document, [operation])


SPEC = "io.k8s.api.core.v1.PodSpec"
META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
SERVICE = "io.k8s.api.core.v1.ServiceSpec"
TWO = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]}

STRATEGIC: dict[str, tuple[str, Any, Any, Any]] = {
    "elements merge by their key": (
        SPEC,
        TWO,
        {"containers": [{"name": "b", "image": "9"}]},
        {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "9"}]},
    ),
    "a new element comes first": (
        SPEC,
        TWO,
        {"containers": [{"name": "c"}]},
        {"containers": [{"name": "c"}, *TWO["containers"]]},
    ),
    "elements stand as the patch has them, others before them as they did": (
        SPEC,
        TWO,
        {"containers": [{"name": "c"}, {"name": "b", "image": "9"}]},
        {"containers": [{"name": "c"}, {"name": "a", "image": "1"}, {"name": "b", "image": "9"}]},
    ),
    "an element that is named twice merges with itself": (
        SPEC,
        TWO,
        {"containers": [{"name": "c", "image": "1"}, {"name": "c", "image": "2"}]},
        {"containers": [{"name": "c", "image": "2"}, *TWO["containers"]]},
    ),
    "a list that was not there is taken as it is": (
        META,
        {},
        {"finalizers": ["b", "b"], "ownerReferences": [{"name": "without its key"}]},
        {"finalizers": ["b", "b"], "ownerReferences": [{"name": "without its key"}]},
    ),
    "what was not there is taken without nulls and without the parts that hold a directive": (
        META,
        {},
        {
            "labels": {"$patch": "what", "a": "b"},
            "annotations": {"a": None, "b": "c"},
            "ownerReferences": [{"$patch": "delete", "uid": "1"}, {"uid": "2"}],
        },
        {"labels": {}, "annotations": {"b": "c"}, "ownerReferences": [{"uid": "2"}]},
    ),
    "an element is deleted": (
        SPEC,
        TWO,
        {"containers": [{"name": "a", "$patch": "delete"}]},
        {"containers": [{"name": "b", "image": "2"}]},
    ),
    "a list is replaced": (
        SPEC,
        TWO,
        {"containers": [{"$patch": "replace"}, {"name": "c"}]},
        {"containers": [{"name": "c"}]},
    ),
    "lists without a strategy are replaced": (
        SPEC,
        {"tolerations": [{"key": "a"}]},
        {"tolerations": [{"key": "b"}]},
        {"tolerations": [{"key": "b"}]},
    ),
    "a list of texts with something else in it": (
        META,
        {"finalizers": ["a"]},
        {"finalizers": [{}, ["b"], {}]},
        {"finalizers": [{}, ["b"], "a"]},
    ),
    "a key that is no text": (
        SPEC,
        {"containers": [{"name": "a"}]},
        {"containers": [{"name": ["a"]}]},
        {"containers": [{"name": ["a"]}, {"name": "a"}]},
    ),
    "scalars of a merging list are added once": (
        META,
        {"finalizers": ["a", "b"]},
        {"finalizers": ["b", "c"]},
        {"finalizers": ["a", "b", "c"]},
    ),
    "new scalars of a merging list come first": (
        META,
        {"finalizers": ["a", "b"]},
        {"finalizers": ["c"]},
        {"finalizers": ["c", "a", "b"]},
    ),
    "scalars follow the order that is asked for": (
        META,
        {"finalizers": ["a", "b", "c"]},
        {"$setElementOrder/finalizers": ["n", "b"], "finalizers": ["n"]},
        {"finalizers": ["n", "a", "b", "c"]},
    ),
    "an order for what is not there counts for nothing": (
        META,
        {},
        {"$setElementOrder/finalizers": ["a"]},
        {},
    ),
    "scalars are deleted": (
        META,
        {"finalizers": ["a", "b"]},
        {"$deleteFromPrimitiveList/finalizers": ["a"]},
        {"finalizers": ["b"]},
    ),
    "scalars to delete that are no list are passed over": (
        META,
        {"finalizers": ["a", "b"]},
        {"$deleteFromPrimitiveList/finalizers": "a"},
        {"finalizers": ["a", "b"]},
    ),
    "an object is replaced": (
        SPEC,
        {"nodeSelector": {"a": "1"}},
        {"nodeSelector": {"$patch": "replace", "b": "2"}},
        {"nodeSelector": {"b": "2"}},
    ),
    "an object is emptied": (
        SPEC,
        {"nodeSelector": {"a": "1"}},
        {"nodeSelector": {"$patch": "delete"}},
        {"nodeSelector": {}},
    ),
    "only some keys are retained": (
        SPEC,
        {"volumes": [{"name": "v", "emptyDir": {}}]},
        {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]},
        {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]},
    ),
    "elements follow the order that is asked for": (
        SPEC,
        TWO,
        {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]},
        {"containers": [TWO["containers"][1], TWO["containers"][0]]},
    ),
    "other merge keys": (
        SERVICE,
        {"ports": [{"port": 80, "name": "a"}]},
        {"ports": [{"port": 80, "name": "b"}]},
        {"ports": [{"port": 80, "name": "b"}]},
    ),
    "null removes": (SPEC, {"hostname": "h"}, {"hostname": None}, {}),
}


@pytest.mark.parametrize(("schema", "document", "patch", "result"), STRATEGIC.values(), ids=STRATEGIC)
def test_a_strategic_merge_patch(schema: str, document: Any, patch: Any, result: Any) -> None:
    assert strategic_merge_patch(document, patch, merge_schema(schema)) == result


BAD = {
    "an element without its key": (
        {"containers": [{"image": "x", "command": ["a", None], "tty": True}]},
        "map: map[command:[a <nil>] image:x tty:true] does not contain declared merge key: name",
    ),
    "an element that is no object": (
        {"containers": ["x"]},
        "list element types are not identical: [[map[image:1 name:a] map[image:2 name:b]] [x]]",
    ),
    "an unknown directive": ({"$patch": "what"}, "unknown patch type: what in map: map[$patch:what]"),
    "an order that is no list": (
        {"$setElementOrder/containers": "a"},
        "$setElementOrder: expected a []interface {}",
    ),
    "an order without keys": ({"$setElementOrder/containers": ["a"]}, "value for key 0 is not a map"),
    "an order that lacks an element": (
        {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]},
        "The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
    ),
}


@pytest.mark.parametrize(("patch", "words"), BAD.values(), ids=BAD)
def test_a_strategic_merge_patch_without_sense(patch: Any, words: str) -> None:
    with pytest.raises(BadPatch) as refused:
        strategic_merge_patch(TWO, patch, merge_schema(SPEC))

    assert str(refused.value) == words


DIRECTIVES = {
    "keys to retain that are no list": (
        {"volumes": [{"name": "v", "$retainKeys": 3}]},
        "invalid patch format of retainKeys",
    ),
    "a key that is set and not retained": (
        {"volumes": [{"name": "v", "$retainKeys": ["name"], "emptyDir": {}}]},
        "invalid patch format of retainKeys",
    ),
}


@pytest.mark.parametrize(("patch", "words"), DIRECTIVES.values(), ids=DIRECTIVES)
def test_a_directive_of_the_wrong_form(patch: Any, words: str) -> None:
    with pytest.raises(BadDirective, match=words):
        strategic_merge_patch({"volumes": [{"name": "v"}]}, patch, merge_schema(SPEC))


def test_patches_leave_the_document_alone() -> None:
    document = {"a": {"b": [1]}, "containers": [{"name": "a"}]}

    merge_patch(document, {"a": {"c": 1}})
    json_patch(document, [op("add", "/a/b/0", value=0)])
    strategic_merge_patch(document, {"containers": [{"name": "a", "image": "x"}]}, merge_schema(SPEC))

    assert document == {"a": {"b": [1]}, "containers": [{"name": "a"}]}

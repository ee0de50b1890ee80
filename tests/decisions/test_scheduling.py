"""Where a pod goes, and in which words it is told to wait."""

import pytest

from jobset.local.scheduling.decide import Bind, Unschedulable, schedule
from jobset.local.scheduling.nodes import Cluster, read_node
from jobset.local.scheduling.pods import pod_requests, read_pod
from jobset.local.scheduling.waiting import WaitingPods


def a_node(name, *, taints=(), cpu="4", memory="8Gi", pods="10", unschedulable=False, more=None, **labels):
    return read_node(
        {
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
            "spec": {"taints": list(taints), "unschedulable": unschedulable},
            "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods, **(more or {})}},
        }
    )


def a_pod(name="p", *, on="", labels=None, namespace="default", created=0, **spec):
    requests = spec.pop("requests", {})
    container = {"name": "c", "resources": {"requests": requests}, **spec.pop("container", {})}
    return read_pod(
        {
            "metadata": {
                "namespace": namespace,
                "name": name,
                "uid": f"{namespace}/{name}",
                "labels": labels or {},
                "creationTimestamp": f"2030-01-01T00:00:{created:02d}Z",
            },
            "spec": {"containers": [container], "nodeName": on, **spec},
        }
    )


def a_cluster(*nodes, pods=(), claims=None, namespaces=None):
    cluster = Cluster(claims=claims or {}, namespaces=namespaces or {"default": {}})
    for node in nodes:
        cluster.put_node(node)
    for pod in pods:
        cluster.put_pod(pod)
    return cluster


def near(key, **labels):
    return {"labelSelector": {"matchLabels": labels}, "topologyKey": key}


def required(kind, *terms):
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}}


def node_affinity(*expressions):
    terms = {"nodeSelectorTerms": [{"matchExpressions": list(expressions)}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}


def by_name(name, **more):
    fields = [{"key": "metadata.name", "operator": "In", "values": [name]}]
    terms = {"nodeSelectorTerms": [{"matchFields": fields, **more}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}


def spread(key, skew=1, **labels):
    return {
        "topologySpreadConstraints": [
            {
                "topologyKey": key,
                "maxSkew": skew,
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": labels},
            }
        ]
    }


A, B, C = (a_node(name, pool=name) for name in "abc")
GPU = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
WEB = {"labels": {"app": "web"}}
PLACES = {
    "the emptiest node": (a_pod(), [A, B], [a_pod("x", on="a", requests={"cpu": "1"})], "b"),
    "the one by its selector": (a_pod(nodeSelector={"pool": "b"}), [A, B], [], "b"),
    "the one that its affinity allows": (
        a_pod(**node_affinity({"key": "pool", "operator": "NotIn", "values": ["a", "c"]})),
        [A, B, C],
        [],
        "b",
    ),
    "a tainted one that it tolerates": (
        a_pod(tolerations=[{"key": "gpu", "operator": "Exists"}]),
        [a_node("a", taints=[GPU])],
        [],
        "a",
    ),
    "near whom it wants": (
        a_pod(**required("podAffinity", near("pool", app="web"))),
        [A, B],
        [a_pod("x", on="b", **WEB)],
        "b",
    ),
    "anywhere when it is the first of a group that wants to be together": (
        a_pod(**WEB, **required("podAffinity", near("pool", app="web"))),
        [A],
        [],
        "a",
    ),
    "far from whom it avoids": (
        a_pod(**required("podAntiAffinity", near("pool", app="web"))),
        [A, B],
        [a_pod("x", on="a", **WEB)],
        "b",
    ),
    "far from who avoids it": (
        a_pod(**WEB),
        [A, B],
        [a_pod("x", on="a", **required("podAntiAffinity", near("pool", app="web")))],
        "b",
    ),
    "where few of its kind are": (
        a_pod(**WEB, **spread("pool", app="web")),
        [A, B],
        [a_pod("x", on="a", **WEB)],
        "b",
    ),
    "anywhere when the constraint selects everything": (
        a_pod(requests={"cpu": "3"}, **spread("pool")),
        [A, a_node("b", pool="b", cpu="1")],
        [a_pod("x", on="a")],
        "a",
    ),
    "the node that it names": (a_pod(**by_name("b")), [A, B], [], "b"),
    "a port that another pod has on another address": (
        a_pod(container={"ports": [{"hostPort": 80, "hostIP": "10.0.0.1"}]}),
        [A],
        [a_pod("x", on="a", container={"ports": [{"hostPort": 80, "hostIP": "10.0.0.2"}]})],
        "a",
    ),
    "where a preference weighs more": (
        a_pod(
            affinity={
                "nodeAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": 5,
                            "preference": {
                                "matchExpressions": [{"key": "pool", "operator": "In", "values": ["c"]}]
                            },
                        }
                    ]
                }
            }
        ),
        [A, B, C],
        [a_pod("x", on="c", requests={"cpu": "1"})],
        "c",
    ),
}


@pytest.mark.parametrize(("pod", "nodes", "pods", "place"), PLACES.values(), ids=PLACES)
def test_where_a_pod_goes(pod, nodes, pods, place):
    assert schedule(pod, a_cluster(*nodes, pods=pods)) == Bind(node=place)


PREEMPTION = "no new claims to deallocate, preemption"
NO_VICTIMS = "No preemption victims found for incoming pod"
NO_HELP = "Preemption is not helpful for scheduling"
WAITS = {
    "too large for what is free": (
        a_pod(requests={"cpu": "2"}),
        [A],
        [a_pod("x", on="a", requests={"cpu": "3"})],
        f"1 Insufficient cpu. {PREEMPTION}: 0/1 nodes are available: 1 {NO_VICTIMS}.",
    ),
    "too large for any node": (
        a_pod(requests={"cpu": "64", "nvidia.com/gpu": "1"}),
        [A, B],
        [],
        f"2 Insufficient cpu, 2 Insufficient nvidia.com/gpu. {PREEMPTION}: 0/2 nodes are available: "
        f"2 {NO_HELP}.",
    ),
    "too many pods": (
        a_pod(),
        [a_node("a", pods="1")],
        [a_pod("x", on="a")],
        f"1 Too many pods. {PREEMPTION}: 0/1 nodes are available: 1 {NO_VICTIMS}.",
    ),
    "several reasons": (
        a_pod(nodeSelector={"pool": "c"}),
        [A, a_node("t", taints=[GPU]), a_node("u", unschedulable=True)],
        [],
        "1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s), "
        f"1 node(s) were unschedulable. {PREEMPTION}: 0/3 nodes are available: 3 {NO_HELP}.",
    ),
    "another node by name": (
        a_pod(**by_name("z")),
        [A, B],
        [],
        f"2 node(s) didn't satisfy plugin(s) [NodeAffinity]. {PREEMPTION}: 0/2 nodes are available: "
        f"2 {NO_HELP}.",
    ),
    "a node by name that is not as wanted": (
        a_pod(**by_name("a", matchExpressions=[{"key": "disk", "operator": "Exists"}])),
        [A, B],
        [],
        "1 node(s) didn't match Pod's node affinity/selector, "
        f"1 node(s) didn't satisfy plugin(s) [NodeAffinity]. {PREEMPTION}: 0/2 nodes are available: "
        f"2 {NO_HELP}.",
    ),
    "nobody to be near": (
        a_pod(**required("podAffinity", near("pool", app="web"))),
        [A],
        [],
        f"1 node(s) didn't match pod affinity rules. {PREEMPTION}: 0/1 nodes are available: 1 {NO_HELP}.",
    ),
    "somebody to be far from": (
        a_pod(**required("podAntiAffinity", near("pool", app="web"))),
        [A],
        [a_pod("x", on="a", **WEB)],
        f"1 node(s) didn't match pod anti-affinity rules. {PREEMPTION}: 0/1 nodes are available: "
        f"1 {NO_VICTIMS}.",
    ),
    "kept away": (
        a_pod(**WEB),
        [A],
        [a_pod("x", on="a", **required("podAntiAffinity", near("pool", app="web")))],
        f"1 node(s) didn't satisfy existing pods anti-affinity rules. {PREEMPTION}: 0/1 nodes are available: "
        f"1 {NO_VICTIMS}.",
    ),
    "no such topology": (
        a_pod(**WEB, **spread("zone", app="web")),
        [A],
        [],
        "1 node(s) didn't match pod topology spread constraints (missing required label). "
        f"{PREEMPTION}: 0/1 nodes are available: 1 {NO_HELP}.",
    ),
    "a taken port": (
        a_pod(container={"ports": [{"hostPort": 80}]}),
        [A],
        [a_pod("x", on="a", container={"ports": [{"hostPort": 80, "hostIP": "10.0.0.2"}]})],
        f"1 node(s) didn't have free ports for the requested pod ports. {PREEMPTION}: "
        f"0/1 nodes are available: 1 {NO_VICTIMS}.",
    ),
    "a pod that may not preempt": (
        a_pod(requests={"cpu": "9"}, preemptionPolicy="Never"),
        [A],
        [],
        f"1 Insufficient cpu. {PREEMPTION}: not eligible due to preemptionPolicy=Never.",
    ),
    "a claim that is missing": (
        a_pod(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]),
        [A],
        [],
        'persistentvolumeclaim "data" not found. not found',
    ),
}


@pytest.mark.parametrize(("pod", "nodes", "pods", "message"), WAITS.values(), ids=WAITS)
def test_why_a_pod_waits(pod, nodes, pods, message):
    verdict = schedule(pod, a_cluster(*nodes, pods=pods))

    assert isinstance(verdict, Unschedulable)
    assert verdict.message == f"0/{len(nodes)} nodes are available: {message}"


def test_without_nodes_there_is_nothing_to_count():
    assert schedule(a_pod(), a_cluster()) == Unschedulable(
        message="no nodes available to schedule pods", counts={}
    )


def test_a_claim_must_be_usable():
    pod = a_pod(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}])

    unbound = schedule(pod, a_cluster(A, claims={("default", "data"): False}))
    bound = schedule(pod, a_cluster(A, claims={("default", "data"): True}))

    assert isinstance(unbound, Unschedulable)
    assert unbound.message == (
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
    )
    assert bound == Bind(node="a")


NAMESPACES = {"default": {"team": "x"}, "other": {"team": "x"}, "third": {}}
SEEN = {
    "its own namespace without more": ({}, "other", False),
    "a named one": ({"namespaces": ["other"]}, "other", True),
    "all of them": ({"namespaceSelector": {}}, "third", True),
    "those with a label": ({"namespaceSelector": {"matchLabels": {"team": "x"}}}, "other", True),
    "not those without it": ({"namespaceSelector": {"matchLabels": {"team": "x"}}}, "third", False),
}


@pytest.mark.parametrize(("scope", "namespace", "is_seen"), SEEN.values(), ids=SEEN)
def test_which_namespaces_an_affinity_looks_at(scope, namespace, is_seen):
    pod = a_pod(**required("podAffinity", near("pool", app="web") | scope))
    other = a_pod("x", on="a", namespace=namespace, **WEB)

    verdict = schedule(pod, a_cluster(A, pods=[other], namespaces=NAMESPACES))

    assert isinstance(verdict, Bind) is is_seen


def test_match_label_keys_compare_with_the_pods_own_labels():
    term = near("pool", app="web") | {"matchLabelKeys": ["version"]}
    pod = a_pod(labels={"version": "2"}, **required("podAntiAffinity", term))
    older = a_pod("x", on="a", labels={"app": "web", "version": "1"})
    same = a_pod("y", on="b", labels={"app": "web", "version": "2"})

    assert schedule(pod, a_cluster(A, B, pods=[older, same])) == Bind(node="a")


def test_a_pod_needs_its_containers_at_their_worst_moment():
    def container(cpu, **more):
        return {"resources": {"requests": {"cpu": cpu}}, **more}

    spec = {
        "initContainers": [container("3"), container("500m", restartPolicy="Always")],
        "containers": [container("1"), container("1")],
        "overhead": {"cpu": "250m"},
    }

    assert pod_requests(spec) == (("cpu", 3_250_000_000),)


def test_pods_that_leave_make_room():
    cluster = a_cluster(A)
    large = a_pod("x", on="a", requests={"cpu": "4"})
    cluster.put_pod(large)
    before = schedule(a_pod(requests={"cpu": "1"}), cluster)

    cluster.drop_pod(large)

    assert isinstance(before, Unschedulable)
    assert schedule(a_pod(requests={"cpu": "1"}), cluster) == Bind(node="a")


def test_waiting_pods_come_by_priority_and_then_by_age():
    waiting = WaitingPods()
    for pod in (a_pod("young", created=9), a_pod("old", created=1), a_pod("first", created=5, priority=7)):
        waiting.put(pod)

    assert [pod.name for pod in waiting.due(a_cluster(A))] == ["first", "old", "young"]


def test_of_equal_pods_that_do_not_fit_one_is_tried_when_something_changes():
    waiting, cluster = WaitingPods(), a_cluster(A)
    for number in range(5):
        waiting.put(a_pod(f"p{number}", created=number))
    for pod in waiting.due(cluster):
        waiting.refused(pod, cluster)

    still = list(waiting.due(cluster))
    cluster.put_node(B)
    tried = []
    for pod in waiting.due(cluster):
        tried.append(pod.name)
        waiting.refused(pod, cluster)

    assert still == []
    assert tried == ["p0"]

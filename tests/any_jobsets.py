"""JobSets of all kinds for properties: sound ones, odd ones that their schema takes, and damaged ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from jobset.admission.jobset_schema import jobset_schema
from jobset.admission.schemas import Schema
from jobset.api import keys
from jobset.api.jobset import FailureAction, Operator
from jobset.api.status import TERMINAL, ConditionType
from tests.damage import damaged
from tests.worlds import CLAIM, in_place, policy, role, rule

SPEC, STATUS = (jobset_schema()["properties"][part] for part in ("spec", "status"))
ROLES = ("a", "b", "c")
GROUPS = ("default", "g", "")
MESSAGES = ("", "lost a node", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "\u0000\n☃")
PATTERNS = ("lost .* node", "^(a+)+$", "(", "", r"\Ca", "☃", "a{1000}", "(?i)LOST")
TOPOLOGIES = (
    {},
    {keys.EXCLUSIVE_TOPOLOGY: "zone"},
    {keys.EXCLUSIVE_TOPOLOGY: "zone", keys.NODE_SELECTOR: "true"},
)
NUMBERS = (0, 1, 2, -1, 1024, 2**31 - 1, -(2**31), 2**31, 2**63 - 1, 2**63, 1.0, 0.5)
TEXTS = (
    "",
    *ROLES,
    "data",
    "zone",
    "Ready",
    "A_B",
    "x.y",
    "x" * 63,
    "y" * 300,
    "é☃",
    " ",
    "1",
    "100m",
    "-1Gi",
)
TIMES = (
    "2026-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+05:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999999-05:00",
    "2026-01-01t00:00:00z",
    "2026-02-30T00:00:00Z",
    "tomorrow",
)
PLAIN: Mapping[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "integer": st.sampled_from(NUMBERS),
    "number": st.sampled_from(NUMBERS),
    "string": st.sampled_from(TEXTS) | st.text(max_size=5),
}
EMPTY = st.sampled_from([None, {}, [], ""])
ANYTHING = st.recursive(
    EMPTY | st.sampled_from([*NUMBERS, *TEXTS]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(TEXTS), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def jobsets(draw: st.DrawFn) -> dict[str, Any]:
    """A sound JobSet, often with odd values in a few places, and seldom one that no schema takes."""
    spec = draw(sound_specs())
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        spec = odd(draw, spec, SPEC)
    jobset = {
        "apiVersion": keys.API_VERSION,
        "kind": "JobSet",
        "metadata": {"name": "js", "namespace": "default", "annotations": draw(st.sampled_from(TOPOLOGIES))},
        "spec": spec,
    }
    return damaged(draw, jobset, ANYTHING) if draw(st.integers(0, 7)) == 0 else jobset


@st.composite
def sound_specs(draw: st.DrawFn) -> dict[str, Any]:
    """The spec of a JobSet without any mistake, unless a gate is off that it needs."""
    names = ROLES[: draw(st.integers(1, len(ROLES)))]
    claims = {"volumeClaimPolicies": [CLAIM]} if draw(st.booleans()) else {}
    roles = [draw(sound_roles(name, names[:index], list(claims))) for index, name in enumerate(names)]
    some = st.lists(st.sampled_from(names), unique=True)
    optional: dict[str, st.SearchStrategy[Any]] = {
        "failurePolicy": failure_policies(some),
        "successPolicy": st.builds(
            lambda operator, targets: {"operator": operator, "targetReplicatedJobs": targets},
            st.sampled_from([*map(str, Operator)]),
            some,
        ),
        "coordinator": st.just({"replicatedJob": names[-1], "jobIndex": 0, "podIndex": 0}),
        "network": st.just({"enableDNSHostnames": False}) | st.just({"subdomain": "net"}),
        "suspend": st.booleans(),
        "managedBy": st.just(keys.BUILT_IN_MANAGER),
    }
    ttl = (
        {"ttlSecondsAfterFinished": draw(st.sampled_from([0, 30, 2**31 - 1]))} if draw(st.booleans()) else {}
    )
    chosen = draw(st.lists(st.sampled_from(sorted(optional)), unique=True, max_size=4))
    if not any("dependsOn" in role for role in roles) and draw(st.booleans()):
        optional["startupPolicy"] = st.just({"startupPolicyOrder": "InOrder"})
        chosen.append("startupPolicy")
    return {"replicatedJobs": roles, **claims, **ttl, **{name: draw(optional[name]) for name in chosen}}


@st.composite
def sound_roles(draw: st.DrawFn, name: str, earlier: Sequence[str], claims: Sequence[str]) -> dict[str, Any]:
    make = draw(st.sampled_from([role, role, in_place]))
    made = make(name, draw(st.sampled_from([1, 2, 0])), draw(st.sampled_from([1, 2, 0])))
    template = made["template"]
    container = template["spec"]["template"]["spec"]["containers"][0]
    container["volumeMounts"] = [{"name": "data", "mountPath": "/data"} for _ in claims]
    template["metadata"] = {"annotations": draw(st.sampled_from(TOPOLOGIES))}
    template["spec"]["template"]["metadata"] = {"annotations": draw(st.sampled_from(TOPOLOGIES))}
    if earlier and draw(st.booleans()):
        status = draw(st.sampled_from(["Ready", "Complete"]))
        made["dependsOn"] = [{"name": draw(st.sampled_from(earlier)), "status": status}]
    return made | {"groupName": draw(st.sampled_from(GROUPS[:2]))}


@st.composite
def failure_policies(draw: st.DrawFn, targets: st.SearchStrategy[list[str]]) -> dict[str, Any]:
    rules = [
        rule(
            draw(st.sampled_from([*map(str, FailureAction)])),
            name=f"r{number}",
            targetReplicatedJobs=draw(targets),
            onJobFailureMessagePatterns=draw(st.lists(st.sampled_from(PATTERNS), max_size=2)),
            onJobFailureReasons=draw(st.lists(st.just("BackoffLimitExceeded"), max_size=1)),
        )
        for number in range(draw(st.integers(0, 2)))
    ]
    strategy = draw(st.sampled_from(["Recreate", "BlockingRecreate", "InPlaceRestart"]))
    return policy(draw(st.sampled_from([0, 1, 3])), *rules, restartStrategy=strategy)


@st.composite
def statuses(draw: st.DrawFn, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """A status that somebody else may have written over the one that was found."""
    status: Any = {**found, **draw(other_conditions | other_counts)}
    for _ in range(draw(st.integers(0, 2))):
        status = odd(draw, status, STATUS)
    return status


other_conditions = st.fixed_dictionaries(
    {
        "conditions": st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.sampled_from([*map(str, TERMINAL), *map(str, ConditionType)]),
                    "status": st.sampled_from(["True", "True", "False", "Unknown"]),
                    "lastTransitionTime": st.sampled_from(TIMES[:5]),
                    "reason": st.just("Because"),
                    "message": st.just(""),
                }
            ),
            max_size=3,
            unique_by=lambda condition: condition["type"],
        )
    }
)
counters = st.sampled_from([0, 1, -1, 2**31 - 1])
restarts_of_jobs = st.lists(counters, max_size=3)
other_counts = st.fixed_dictionaries(
    {
        "replicatedJobsStatus": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.sampled_from(ROLES),
                    **dict.fromkeys(("active", "failed", "ready", "succeeded", "suspended"), counters),
                    "jobRestarts": restarts_of_jobs,
                    "jobRestartsCountTowardsMax": restarts_of_jobs,
                }
            ),
            max_size=3,
            unique_by=lambda entry: entry["name"],
        ),
        "restarts": counters,
        "restartsCountTowardsMax": counters,
    }
)


def odd(draw: st.DrawFn, value: Any, schema: Schema) -> Any:
    """The value with one that is unusual in some place of its schema, which most often takes it."""
    if draw(st.integers(0, 19)) == 0:
        return draw(EMPTY)
    if properties := schema.get("properties"):
        given = value if isinstance(value, Mapping) else {}
        name = draw(st.sampled_from(sorted(properties)))
        needed = set(schema.get("required", ())) - given.keys() - {name}
        filled = {other: _usual(draw, properties[other]) for other in sorted(needed)}
        return {**filled, **given, name: odd(draw, given.get(name), properties[name])}
    if items := schema.get("items"):
        listed = value if isinstance(value, list) else []
        at = draw(st.integers(0, len(listed)))
        return [*listed[:at], odd(draw, listed[at] if at < len(listed) else None, items), *listed[at + 1 :]]
    if extra := schema.get("additionalProperties"):
        given = value if isinstance(value, Mapping) else {}
        return {**given, draw(st.sampled_from(TEXTS)): odd(draw, None, extra)}
    return _leaf(draw, schema)


def _usual(draw: st.DrawFn, schema: Schema) -> Any:
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            return {name: _usual(draw, schema["properties"][name]) for name in required}
        case "array":
            return []
    return _leaf(draw, schema)


def _leaf(draw: st.DrawFn, schema: Schema) -> Any:
    if "enum" in schema:
        return draw(st.sampled_from([*schema["enum"]]))
    if schema.get("format") == "date-time":
        return draw(st.sampled_from(TIMES))
    return draw(PLAIN.get(schema.get("type", ""), ANYTHING))

"""The API server, and the definition of JobSets that it has."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jobset.admission.crd import build_crd
from jobset.installation.checks.unread import told_unread
from jobset.installation.evidence import Evidence, Unread
from jobset.installation.findings import Finding, Verdict
from jobset.kube.client import Object
from jobset.kube.resources import JOBSETS

OLDEST = (1, 34)
"""The oldest Kubernetes that the tests run on."""
_APPLY = "kubectl apply --server-side -f config/crd/bases/jobset.x-k8s.io_jobsets.yaml"
_MOST_FIELDS = 5


def check_cluster(evidence: Evidence) -> Iterator[Finding]:
    """Which Kubernetes it is."""
    told = f"Kubernetes {evidence.version} at {evidence.server}"
    numbers = re.match(r"v?(\d+)\.(\d+)", evidence.version)
    if numbers and (int(numbers[1]), int(numbers[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        yield Finding("cluster", Verdict.WARNING, f"{told} is older than {oldest}, the oldest that is tested")
    else:
        yield Finding("cluster", Verdict.OK, told)


def check_definition(evidence: Evidence) -> Iterator[Finding]:
    """Whether JobSets can be stored, with all their fields."""
    definition = evidence.definition
    if isinstance(definition, Unread):
        yield told_unread("definition", "the definition of JobSets", definition)
        return
    problem = _condition_problem(definition) or _version_problem(definition)
    if problem:
        yield Finding("definition", Verdict.ERROR, problem, _APPLY)
        return
    theirs, ours = _fields(definition), _fields(build_crd())
    if lacking := _outermost(ours - theirs):
        told = f"the definition of JobSets is older than this jobset; what they say there is lost: {lacking}"
        yield Finding("definition", Verdict.ERROR, told, _APPLY)
    elif more := _outermost(theirs - ours):
        told = f"the definition of JobSets is newer than this jobset, which knows nothing of {more}"
        yield Finding("definition", Verdict.WARNING, told)
    else:
        yield Finding("definition", Verdict.OK, f"{JOBSETS.group_resource} in version {JOBSETS.version}")


def _condition_problem(definition: Object) -> str | None:
    if "deletionTimestamp" in definition["metadata"]:
        return (
            "the definition of JobSets is being deleted, with every JobSet: it can be applied when it is gone"
        )
    conditions = {it["type"]: it for it in (definition.get("status") or {}).get("conditions") or ()}
    for wanted in ("NamesAccepted", "Established"):
        found = conditions.get(wanted, {"status": "Unknown"})
        if found["status"] != "True":
            why = found.get("message", "nobody looked at it yet")
            return f"the definition of JobSets is not {wanted}: {why}"
    return None


def _version_problem(definition: Object) -> str | None:
    served = [it["name"] for it in definition["spec"]["versions"] if it["served"]]
    if JOBSETS.version in served:
        return None
    return f"JobSets are served as {', '.join(served) or 'nothing'}, not as {JOBSETS.version}"


def _fields(definition: Object) -> frozenset[str]:
    (version,) = (it for it in definition["spec"]["versions"] if it["name"] == JOBSETS.version)
    return frozenset(_paths("", version["schema"]["openAPIV3Schema"]))


def _paths(path: str, schema: Mapping[str, Any]) -> Iterator[str]:
    for name, member in (schema.get("properties") or {}).items():
        yield f"{path}.{name}"
        yield from _paths(f"{path}.{name}", member)
    for each in ("items", "additionalProperties"):
        if isinstance(member := schema.get(each), Mapping):
            yield from _paths(f"{path}[]" if each == "items" else f"{path}.*", member)


def _outermost(paths: frozenset[str]) -> str:
    """The paths that are in no other, as many as can be read."""
    outer = sorted(path[1:] for path in paths if re.sub(r"(\[\]|\.\*)?\.[^.]*$", "", path) not in paths)
    more = f" and {len(outer) - _MOST_FIELDS} more" if len(outer) > _MOST_FIELDS else ""
    return ", ".join(outer[:_MOST_FIELDS]) + more

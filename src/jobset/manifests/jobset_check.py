"""What is wrong with a JobSet: what admission refuses, and what would fail later."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jobset.admission import schemas, structural
from jobset.admission.claim_validation import ExistingClaim
from jobset.admission.field_errors import NO_FIELD, ErrorType, FieldError
from jobset.admission.jobset import AdmissionResult, admit_create
from jobset.admission.jobset_schema import jobset_schema
from jobset.admission.validation import generated_name
from jobset.api.gates import FeatureGates
from jobset.api.jobset import JobSet, ReplicatedJob, read_jobset
from jobset.api.names import job_name
from jobset.core.child_job import build_recipe, lay_out
from jobset.core.patterns import is_valid
from jobset.kube.errors import ApiError
from jobset.local.decoding import decode
from jobset.local.kinds import meta
from jobset.local.kinds.registry import KINDS
from jobset.manifests.advice import is_field, meaning, remedy_for, shown, told_once, too_long_by
from jobset.manifests.documents import Document
from jobset.manifests.mending import Mended, mend
from jobset.manifests.problems import Problem, Severity
from jobset.manifests.unknown import check_unknown

_NAME_MAX = 63
_SUFFIX = "xxxxx"
_STAND_IN = "x"
_LONGEST_CYCLE = 100
_UID = "00000000-0000-4000-8000-000000000000"


def check_jobset(
    document: Document, namespace: str, gates: FeatureGates, claims: Mapping[str, ExistingClaim]
) -> Iterator[Problem]:
    """Every problem of one JobSet; `claims` are the claims beside it by name."""
    yield from check_unknown(document, document.value, jobset_schema())
    given = document.value.get("metadata", {})
    yield from check_unknown(document, given, schemas.component(schemas.OBJECT_META), "metadata")
    errors, metadata = _check_metadata(given, namespace)
    yield from (problem_of(document, error) for error in errors)
    raw = {**document.value, "metadata": metadata}
    result = admit_create(raw, gates, claims, _SUFFIX)
    jobset = _read(result)
    yield from _admission_problems(document, _told(result.errors), jobset)
    if jobset is None:
        yield from _check_behind(document, mend(raw, _told(result.errors)), gates, claims)
        return
    if not jobset.replicated_jobs:
        yield document.problem(
            "there are no replicated jobs, so nothing would run",
            "add a replicated job",
            "spec.replicatedJobs",
            severity=Severity.WARNING,
        )
    yield from _check_roles(document, jobset, Mended(object=raw))
    yield from _check_patterns(document, jobset)


def _check_metadata(given: Mapping[str, Any], namespace: str) -> tuple[list[FieldError], Mapping[str, Any]]:
    """What is wrong with the metadata, and such as can be used to check the rest.

    Names are part of so many others that a wrong one is told once, and another stands in for it then.
    """
    wrong = structural.validate(given, schemas.component(schemas.OBJECT_META), "metadata")
    mended = mend({"metadata": given}, wrong)
    sound = _named({"namespace": namespace, **mended.object["metadata"]})
    refused = meta.validate_meta_create(sound, True, custom=True)
    errors = [*wrong, *(error for error in refused if not mended.touches(_part_of(error.field)))]
    blamed = {error.field for error in errors}
    if blamed & {"metadata.name", "metadata.generateName"}:
        sound = {**sound, "name": _STAND_IN}
    if "metadata.namespace" in blamed:
        sound = {**sound, "namespace": namespace}
    return errors, sound


def _part_of(field: str) -> str:
    """The field right below `metadata` that a path leads through."""
    return field[: len("metadata.")] + re.split(r"[.\[]", field[len("metadata.") :], maxsplit=1)[0]


def _named(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    name = generated_name(metadata, _SUFFIX)
    return {**metadata, "name": name} if name else metadata


def _told(errors: Iterable[FieldError]) -> list[FieldError]:
    return told_once([e for e in errors if "some validation rules were not checked" not in e.detail])


def _check_behind(
    document: Document, mended: Mended, gates: FeatureGates, claims: Mapping[str, ExistingClaim]
) -> Iterator[Problem]:
    """What the rules say about the parts that the schema takes, as far as that is sure."""
    result = admit_create(mended.object, gates, claims, _SUFFIX)
    jobset = _read(result)
    if jobset is None:
        return
    sure = [error for error in _told(result.errors) if not mended.may_mislead(error.blamed)]
    yield from _admission_problems(document, sure, jobset)
    yield from _check_roles(document, jobset, mended)


def _read(result: AdmissionResult) -> JobSet | None:
    """The typed JobSet, when the schema has seen all its types."""
    if result.errors and not result.webhook:
        return None
    return read_jobset({**result.object, "metadata": {**result.object["metadata"], "uid": _UID}})


def _check_roles(document: Document, jobset: JobSet, mended: Mended) -> Iterator[Problem]:
    """What is wrong with the roles that are whole."""
    layout = lay_out(jobset.replicated_jobs)
    for index, role in enumerate(jobset.replicated_jobs):
        path = f"spec.replicatedJobs[{index}]"
        if mended.touches(path):
            continue
        yield from _check_own_dependency(document, path, role)
        if role.replicas > 0:
            name = job_name(jobset.name, role.name, role.replicas - 1)
            recipe = build_recipe(jobset, role, layout, restart_job=False)
            yield from _check_job(document, path, role, recipe.build(name, role.replicas - 1))


def _check_own_dependency(document: Document, path: str, role: ReplicatedJob) -> Iterator[Problem]:
    for place, need in enumerate(role.depends_on or ()):
        if need.name == role.name:
            yield document.problem(
                f"replicated job {role.name} waits for itself and would never start",
                "name an earlier replicated job",
                f"{path}.dependsOn[{place}].name",
                value=need.name,
            )


def _check_patterns(document: Document, jobset: JobSet) -> Iterator[Problem]:
    policy = jobset.spec.failure_policy
    for index, rule in enumerate((policy and policy.rules) or ()):
        for place, pattern in enumerate(rule.on_job_failure_message_patterns or ()):
            if not is_valid(pattern):
                yield document.problem(
                    "this is no regular expression in RE2 syntax, so it never matches",
                    "correct the pattern; RE2 has no lookahead and no backreferences",
                    f"spec.failurePolicy.rules[{index}].onJobFailureMessagePatterns[{place}]",
                    value=pattern,
                    severity=Severity.WARNING,
                )


def _check_job(
    document: Document, path: str, role: ReplicatedJob, body: Mapping[str, Any]
) -> Iterator[Problem]:
    """What the API server would refuse about a child Job."""
    rules = KINDS["batch/v1", "Job"]
    template = f"{path}.template"
    try:
        decoded = decode(body, rules, "Ignore").object
    except ApiError as refusal:
        yield document.problem(str(refusal), "write a value of the right type", template)
        return
    filled = {**decoded["metadata"], "uid": _UID}
    obj = rules.prepare_create(rules.default({**decoded, "metadata": filled}))
    for error in [*meta.validate_meta_create(obj["metadata"], True), *rules.validate_create(obj)]:
        if error.field.endswith("labels") and error.value == role.name:
            yield problem_of(document, error, f"{path}.name")
        elif not _is_about_ours(error, body["metadata"]):
            yield problem_of(document, error, f"{template}.{error.field}")


def _is_about_ours(error: FieldError, made: Mapping[str, Any]) -> bool:
    """Whether only what JobSet makes of names can be wrong: that is told where the names stand."""
    is_made = error.field in ("metadata.name", "spec.template.spec.subdomain")
    is_label = error.field.endswith("labels")
    return is_made or (is_label and (error.value == made["name"] or "must be no more than" in error.detail))


def _admission_problems(
    document: Document, errors: Iterable[FieldError], jobset: JobSet | None
) -> Iterator[Problem]:
    roles = jobset.replicated_jobs if jobset is not None else ()
    needs = {role.name: [need.name for need in role.depends_on or ()] for role in roles}
    for error in errors:
        remedy = None
        if jobset is not None and "names generated for this JobSet will exceed" in error.detail:
            remedy = _shorten(document, error, jobset)
        elif jobset is not None and "cannot depend on replicatedJob" in error.detail:
            remedy = _undo_cycle(error, needs)
        yield problem_of(document, error, remedy=remedy)


def _shorten(document: Document, error: FieldError, jobset: JobSet) -> str | None:
    index = int(error.field.partition("[")[2].partition("]")[0])
    role = jobset.replicated_jobs[index]
    longest = len(job_name(jobset.name, role.name, role.replicas - 1))
    if "pod names" in error.detail:
        longest += len(f"-{(role.completions or 1) - 1}-abcde")
    metadata = document.value.get("metadata", {})
    given = [name for name in ("name", "generateName") if metadata.get(name)]
    parts = {f"metadata.{name}": jobset.name for name in given[:1]}
    parts[f"spec.replicatedJobs[{index}].name"] = role.name
    return too_long_by(parts, longest - _NAME_MAX)


def _undo_cycle(error: FieldError, needs: Mapping[str, list[str]]) -> str | None:
    """Advice for two replicated jobs that wait for each other, and for misspelled names."""
    role, target = error.detail.removeprefix("replicatedJob: ").split(" cannot depend on replicatedJob: ")
    if target not in needs:
        near = structural.nearest(target, [name for name in needs if name != role])
        return f"did you mean {near[0]}?" if near else None
    if role in _reachable(target, needs):
        return f"{role} and {target} wait for each other: remove one of the dependencies"
    return f"move {target} before {role}"


def _reachable(start: str, needs: Mapping[str, list[str]]) -> set[str]:
    """What `start` waits for, and so on: far enough to find a cycle that somebody would recognise."""
    found: set[str] = set()
    waiting = [start]
    while waiting and len(found) < _LONGEST_CYCLE:
        for name in needs.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def problem_of(
    document: Document, error: FieldError, path: str | None = None, remedy: str | None = None
) -> Problem:
    """The problem that a field error stands for."""
    at = (error.blamed if is_field(error.blamed) else "") if path is None else path
    has_value = error.type is not ErrorType.TYPE_INVALID and error.field != NO_FIELD
    return document.problem(
        meaning(error),
        remedy or remedy_for(error),
        at,
        value=shown(error.value) if has_value else None,
        of_key=error.type is ErrorType.REQUIRED,
    )

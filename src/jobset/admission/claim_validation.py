"""Which volume claim templates of a new JobSet are refused."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from jobset.admission import names
from jobset.admission.field_errors import ErrorType, FieldError, invalid
from jobset.admission.go_types import go_equal, go_json
from jobset.api.names import claim_name

_CLAIM_NAME_MAX = 63
_CLAIM_SPEC = "PersistentVolumeClaimSpec"


@dataclass(frozen=True, slots=True)
class UnreadableClaim:
    """A PersistentVolumeClaim that could not be read, with the error that came instead."""

    problem: str


ExistingClaim: TypeAlias = Mapping[str, Any] | UnreadableClaim


@dataclass(frozen=True, slots=True)
class _Template:
    """One claim template in judgement."""

    path: str
    policy_path: str
    policy: Mapping[str, Any]
    raw: Mapping[str, Any]
    claim_name: str

    @property
    def place(self) -> str:
        """Where it really is: the paths in errors say `template` for `templates`."""
        return self.path.replace(".template[", ".templates[")

    @property
    def name(self) -> str:
        return str(self.raw.get("metadata", {}).get("name", ""))


def check_claims(
    raw: Mapping[str, Any], jobset_name: str, claims: Mapping[str, ExistingClaim]
) -> Iterator[FieldError]:
    """Errors of `spec.volumeClaimPolicies`, template by template."""
    spec = raw.get("spec", {})
    namespace = raw.get("metadata", {}).get("namespace", "")
    seen: set[str] = set()
    # Rendered once, and only when it is told: it is the largest part of a JobSet.
    replicated_jobs = cache(lambda: render_replicated_jobs(spec))
    for template in _templates(spec, jobset_name):
        yield from _check_name(template, template.name in seen)
        seen.add(template.name)
        yield from _check_volumes(spec, template.name, replicated_jobs)
        if (claim := claims.get(template.claim_name)) is not None:
            yield from _check_existing(template, claim, namespace)


def _templates(spec: Mapping[str, Any], jobset_name: str) -> Iterator[_Template]:
    for index, policy in enumerate(spec.get("volumeClaimPolicies") or ()):
        path = f"spec.volumeClaimPolicies[{index}]"
        for place, raw in enumerate(policy.get("templates") or ()):
            claim = claim_name(raw.get("metadata", {}).get("name", ""), jobset_name)
            # compat: upstream's path says `template`, though the field is called `templates`.
            yield _Template(f"{path}.template[{place}]", path, policy, raw, claim)


def _check_name(template: _Template, is_taken: bool) -> Iterator[FieldError]:
    field, name, at = f"{template.path}.name", template.name, f"{template.place}.metadata.name"
    if is_taken:
        yield invalid(field, name, "names must be unique for VolumeClaimPolicies template", at)
    for problem in names.dns1123_subdomain(name):
        yield invalid(field, name, problem, at)
    if len(template.claim_name.encode()) > _CLAIM_NAME_MAX:
        yield invalid(field, name, "VolumeClaimPolicies template name is too long", at)


def _check_volumes(
    spec: Mapping[str, Any], name: str, rendered: Callable[[], list[Any] | None]
) -> Iterator[FieldError]:
    replicated_jobs = spec.get("replicatedJobs") or ()
    for index, job in enumerate(replicated_jobs):
        for place, volume in enumerate(_pod_spec(job).get("volumes") or ()):
            if volume.get("name") == name:
                yield invalid(
                    f"spec.replicatedJobs[{index}].template.spec.template.spec.volumes[{place}].name",
                    name,
                    f"volume name conflicts with VolumeClaimPolicy template name: {name}",
                )
    if not any(_mounts(_pod_spec(job), name) for job in replicated_jobs):
        yield invalid(
            "spec.replicatedJobs",
            rendered(),
            f"replicatedJob containers don't have a matching volumeMount: {name} from VolumeClaimPolicies",
        )


def render_replicated_jobs(spec: Mapping[str, Any]) -> list[Any] | None:
    """`spec.replicatedJobs` as Go would print it."""
    jobs = spec.get("replicatedJobs")
    return None if jobs is None else [go_json(job, "ReplicatedJob") for job in jobs]


def _mounts(pod_spec: Mapping[str, Any], name: str) -> bool:
    containers = [*(pod_spec.get("containers") or ()), *(pod_spec.get("initContainers") or ())]
    return any(mount.get("name") == name for c in containers for mount in c.get("volumeMounts") or ())


def _check_existing(template: _Template, claim: ExistingClaim, namespace: str) -> Iterator[FieldError]:
    name = template.claim_name
    if isinstance(claim, UnreadableClaim):
        detail = f"failed to check for existing PVC {name}: {claim.problem}"
        yield FieldError(type=ErrorType.INTERNAL, field=template.path, detail=detail, at=template.place)
        return
    wanted = template.raw.get("spec", {})
    if not go_equal(claim.get("spec", {}), wanted, _CLAIM_SPEC):
        text = f"spec does not match existing PVC {name} in namespace {namespace}"
        value = go_json(wanted, _CLAIM_SPEC)
        yield invalid(f"{template.path}.spec", value, text, f"{template.place}.spec")
    retention = template.policy.get("retentionPolicy", {}).get("whenDeleted")
    if retention != "Retain":
        text = "retentionPolicy must be retain when PVC exists"
        yield invalid(f"{template.policy_path}.retentionPolicy.whenDeleted", retention, text)


def _pod_spec(job: Mapping[str, Any]) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = job.get("template", {}).get("spec", {}).get("template", {}).get("spec", {})
    return spec

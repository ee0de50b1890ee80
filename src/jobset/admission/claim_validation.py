"""Which volume claim templates of a new JobSet are refused."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeAlias

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
    volumes = _Volumes.of(spec)
    for template in _templates(spec, jobset_name):
        yield from _check_name(template, template.name in seen)
        seen.add(template.name)
        yield from volumes.check(template.name)
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


@dataclass(frozen=True)
class _Volumes:
    """What the pods of a JobSet have and mount: looked up once for all templates."""

    spec: Mapping[str, Any]
    declared: Mapping[str, list[str]]
    """The fields in which a volume has that name."""
    mounted: frozenset[str]

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Self:
        declared: dict[str, list[str]] = {}
        mounted: set[str] = set()
        for index, job in enumerate(spec.get("replicatedJobs") or ()):
            pod_spec = job.get("template", {}).get("spec", {}).get("template", {}).get("spec", {})
            mounted.update(_mounted(pod_spec))
            for place, volume in enumerate(pod_spec.get("volumes") or ()):
                field = f"spec.replicatedJobs[{index}].template.spec.template.spec.volumes[{place}].name"
                declared.setdefault(volume.get("name"), []).append(field)
        return cls(spec, declared, frozenset(mounted))

    def check(self, name: str) -> Iterator[FieldError]:
        """Errors of a template of this name."""
        text = f"volume name conflicts with VolumeClaimPolicy template name: {name}"
        yield from (invalid(field, name, text) for field in self.declared.get(name, ()))
        if name not in self.mounted:
            text = "replicatedJob containers don't have a matching volumeMount: {} from VolumeClaimPolicies"
            yield invalid("spec.replicatedJobs", self._rendered, text.format(name))

    @cached_property
    def _rendered(self) -> list[Any] | None:
        # Once, and only when it is told: it is the largest part of a JobSet.
        return render_replicated_jobs(self.spec)


def _mounted(pod_spec: Mapping[str, Any]) -> Iterator[str]:
    for container in (*(pod_spec.get("containers") or ()), *(pod_spec.get("initContainers") or ())):
        yield from (mount.get("name") for mount in container.get("volumeMounts") or ())


def render_replicated_jobs(spec: Mapping[str, Any]) -> list[Any] | None:
    """`spec.replicatedJobs` as Go would print it."""
    jobs = spec.get("replicatedJobs")
    return None if jobs is None else [go_json(job, "ReplicatedJob") for job in jobs]


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

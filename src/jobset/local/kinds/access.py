"""Role bindings: the group of their subjects and role, and that the role stays."""

from collections.abc import Mapping
from typing import Any

from jobset.admission.field_errors import FieldError, invalid, not_supported, required
from jobset.local.kinds.checks import Problems
from jobset.local.kinds.sharing import changed, each, filled

Struct = Mapping[str, Any]

GROUP = "rbac.authorization.k8s.io"


def default_binding(binding: Struct) -> Struct:
    """A role binding whose references name their group."""
    return changed(binding, {"roleRef": _role, "subjects": each(_subject)})


def validate_binding(binding: Struct) -> list[FieldError]:
    """Every problem of a role binding beside its metadata."""
    return list(_binding(binding))


def validate_binding_update(new: Struct, old: Struct) -> list[FieldError]:
    """Every problem of a changed role binding: another role needs another binding."""
    errors = list(_binding(new))
    if new.get("roleRef") != old.get("roleRef"):
        errors.append(invalid("roleRef", new.get("roleRef"), "cannot change roleRef"))
    return errors


def _role(reference: Struct) -> Struct:
    return filled(reference, {"apiGroup": GROUP})


def _subject(subject: Struct) -> Struct:
    return filled(subject, {"apiGroup": GROUP}) if subject.get("kind") in ("User", "Group") else subject


def _binding(binding: Struct) -> Problems:
    role = binding.get("roleRef") or {}
    kinds = ("ClusterRole",) if binding.get("kind") == "ClusterRoleBinding" else ("Role", "ClusterRole")
    if role.get("apiGroup") != GROUP:
        yield not_supported("roleRef.apiGroup", role.get("apiGroup") or "", (GROUP,))
    if role.get("kind") not in kinds:
        yield not_supported("roleRef.kind", role.get("kind") or "", kinds)
    if not role.get("name"):
        yield required("roleRef.name")
    for index, subject in enumerate(binding.get("subjects") or ()):
        here = f"subjects[{index}]"
        if not subject.get("name"):
            yield required(f"{here}.name")
        if subject.get("kind") not in ("ServiceAccount", "User", "Group"):
            yield not_supported(
                f"{here}.kind", subject.get("kind") or "", ("ServiceAccount", "User", "Group")
            )
        if subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
            yield required(f"{here}.namespace")

"""Validation of security contexts of pods and containers."""

import re
from collections.abc import Mapping
from typing import Any

from jobset.admission.field_errors import duplicate, invalid, not_supported, required
from jobset.local.kinds.checks import Problems, one_of
from jobset.local.kinds.pods.paths import descending_path

Struct = Mapping[str, Any]

_LARGEST_ID = 2**31 - 1
_RANGE = f"must be between 0 and {_LARGEST_ID}, inclusive"
_LONGEST_SYSCTL = 253
_SYSCTL = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")


def check_container_security(context: Struct | None, path: str, host_users: bool) -> Problems:
    """The security context of a container."""
    if not context:
        return
    yield from _ids(context, path, ("runAsUser", "runAsGroup"))
    mount = context.get("procMount")
    if mount is not None:
        yield from one_of(f"{path}.procMount", mount, ("Default", "Unmasked"))
        if mount == "Unmasked" and host_users:
            yield invalid(f"{path}.procMount", mount, "`hostUsers` must be false to use `Unmasked`")
    yield from check_profile(context.get("seccompProfile"), f"{path}.seccompProfile", "seccomp")
    yield from _escalation(context, path)
    yield from check_profile(context.get("appArmorProfile"), f"{path}.appArmorProfile", "AppArmor")


def check_pod_security(context: Struct | None, spec: Struct, spec_path: str) -> Problems:
    """The security context of a pod, and the namespaces that it shares."""
    path = f"{spec_path}.securityContext"
    context = context or {}
    yield from _ids(context, path, ("fsGroup", "runAsUser", "runAsGroup"))
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        yield from _id(f"{path}.supplementalGroups[{index}]", group)
    if (policy := context.get("supplementalGroupsPolicy")) is not None:
        yield from one_of(f"{path}.supplementalGroupsPolicy", policy, ("Merge", "Strict"))
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        yield invalid(
            f"{path}.shareProcessNamespace",
            True,
            "ShareProcessNamespace and HostPID cannot both be enabled",
        )
    yield from _sysctls(context, path)
    if (policy := context.get("seLinuxChangePolicy")) is not None:
        yield from one_of(f"{path}.seLinuxChangePolicy", policy, ("Recursive",))
    if (policy := context.get("fsGroupChangePolicy")) is not None:
        yield from one_of(f"{path}.fsGroupChangePolicy", policy, ("Always", "OnRootMismatch"))
    yield from check_profile(context.get("seccompProfile"), f"{path}.seccompProfile", "seccomp")
    yield from check_profile(context.get("appArmorProfile"), f"{path}.appArmorProfile", "AppArmor")


def check_profile(profile: Struct | None, path: str, kind: str) -> Problems:
    """A seccomp or AppArmor profile."""
    if profile is None:
        return
    type_, local = profile.get("type") or "", profile.get("localhostProfile")
    if not type_:
        field = "seccompProfile" if kind == "seccomp" else "appArmorProfile"
        yield required(f"{path}.type", f"type is required when {field} is set")
    elif type_ not in _PROFILES:
        yield not_supported(f"{path}.type", type_, _PROFILES)
    if type_ == "Localhost":
        if local is None:
            yield required(f"{path}.localhostProfile", f"must be set when {kind} type is Localhost")
        elif kind == "seccomp":
            yield from descending_path(f"{path}.localhostProfile", local)
        elif local.strip() != local:
            yield invalid(f"{path}.localhostProfile", local, "must not be padded with whitespace")
    elif local is not None:
        words = f"can only be set when {kind} type is Localhost"
        yield invalid(f"{path}.localhostProfile", profile if kind == "seccomp" else local, words)


def _escalation(context: Struct, path: str) -> Problems:
    if context.get("allowPrivilegeEscalation") is not False:
        return
    words = "cannot set `allowPrivilegeEscalation` to false and "
    if context.get("privileged"):
        yield invalid(path, context, words + "`privileged` to true")
    added = (context.get("capabilities") or {}).get("add") or ()
    for _ in (name for name in added if name == "CAP_SYS_ADMIN"):
        yield invalid(path, context, words + "`capabilities.Add` CAP_SYS_ADMIN")


def _sysctls(context: Struct, path: str) -> Problems:
    seen: set[str] = set()
    for index, sysctl in enumerate(context.get("sysctls") or ()):
        here, name = f"{path}.sysctls[{index}].name", sysctl.get("name") or ""
        if not name:
            yield required(here)
        elif len(name) > _LONGEST_SYSCTL or not re.fullmatch(_SYSCTL, name):
            yield invalid(
                here, name, f"must have at most {_LONGEST_SYSCTL} characters and match regex ^{_SYSCTL}$"
            )
        elif name in seen:
            yield duplicate(here, name)
        seen.add(name)


def _ids(context: Struct, path: str, fields: tuple[str, ...]) -> Problems:
    for field in fields:
        if (number := context.get(field)) is not None:
            yield from _id(f"{path}.{field}", number)


def _id(path: str, number: int) -> Problems:
    if not 0 <= number <= _LARGEST_ID:
        yield invalid(path, number, _RANGE)

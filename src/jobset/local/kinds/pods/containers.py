"""Validation of main, init and ephemeral containers."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from jobset.admission.field_errors import duplicate, forbidden, invalid, not_supported, required, too_many
from jobset.local.kinds import formats
from jobset.local.kinds.checks import Problems, dns_label, port
from jobset.local.kinds.pods.environment import check_env, check_env_from
from jobset.local.kinds.pods.handlers import PROBES, check_lifecycle, check_probes
from jobset.local.kinds.pods.mounts import check_devices, check_mounts
from jobset.local.kinds.pods.resources import check_resize_policies, check_resources
from jobset.local.kinds.pods.security import check_container_security

Struct = Mapping[str, Any]

_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_RESTART_POLICIES = ("Always", "Never", "OnFailure")
_RESTART_ACTIONS = ("Restart", "RestartAllContainers")
_MOST_RULES = 20
_MOST_EXIT_CODES = 255
_ONLY_SIDECARS = "may not be set for init containers without restartPolicy=Always"
_EPHEMERAL_FORBIDDEN = ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resources")


class PodFacts(msgspec.Struct, frozen=True):
    """What the validation of a container knows about its pod."""

    volumes: Mapping[str, Struct]
    """The sound ones by name."""
    grace: int
    restart_policy: str
    host_users: bool
    claims: tuple[str, ...]


def check_containers(containers: Sequence[Struct], path: str, pod: PodFacts) -> Problems:
    """The main containers."""
    if not containers:
        yield required(path)
        return
    names: set[str] = set()
    for index, container in enumerate(containers):
        here = f"{path}[{index}]"
        yield from _common(container, here, pod)
        yield from _unique(container, here, names)
        yield from _called(container, here, pod)
        yield from _restart_policy(container, here)
    yield from _host_port_conflicts(containers, path)


def check_init_containers(
    containers: Sequence[Struct], path: str, pod: PodFacts, main: Sequence[Struct]
) -> Problems:
    """The init containers; those that restart always are sidecars and may have more."""
    names = {container.get("name") or "" for container in main}
    for index, container in enumerate(containers):
        here = f"{path}[{index}]"
        yield from _common(container, here, pod)
        yield from _unique(container, here, names)
        yield from _host_port_conflicts([container], path)
        if container.get("restartPolicy") == "Always":
            yield from _called(container, here, pod)
        else:
            for field in ("lifecycle", *PROBES):
                if container.get(field) is not None:
                    yield forbidden(f"{here}.{field}", _ONLY_SIDECARS)
            if container.get("resizePolicy"):
                words = "must not be set for init containers"
                yield invalid(f"{here}.resizePolicy", container["resizePolicy"], words)
        yield from _restart_policy(container, here)


def check_ephemeral_containers(
    containers: Sequence[Struct], path: str, pod: PodFacts, others: Sequence[Struct]
) -> Problems:
    """The containers that were added for debugging."""
    names = {container.get("name") or "" for container in others}
    for index, container in enumerate(containers):
        here = f"{path}[{index}]"
        yield from _common(container, here, pod)
        yield from _unique(container, here, names)
        for field in _EPHEMERAL_FORBIDDEN:
            if container.get(field):
                yield forbidden(f"{here}.{field}", "cannot be set for an Ephemeral Container")


def _common(container: Struct, path: str, pod: PodFacts) -> Problems:
    yield from _identity(container, path)
    yield from _ports(container.get("ports") or (), f"{path}.ports")
    yield from check_env(container.get("env") or (), f"{path}.env", pod.volumes)
    yield from check_env_from(container.get("envFrom") or (), f"{path}.envFrom")
    yield from check_mounts(container, f"{path}.volumeMounts", pod.volumes)
    yield from check_devices(container, f"{path}.volumeDevices", pod.volumes)
    yield from _required_one_of(f"{path}.imagePullPolicy", container.get("imagePullPolicy"), _PULL_POLICIES)
    yield from check_resources(container.get("resources") or {}, f"{path}.resources", pod.claims)
    resizing = container.get("resizePolicy") or ()
    yield from check_resize_policies(resizing, f"{path}.resizePolicy", pod.restart_policy)
    security = container.get("securityContext")
    yield from check_container_security(security, f"{path}.securityContext", pod.host_users)


def _identity(container: Struct, path: str) -> Problems:
    if not container.get("name"):
        yield required(f"{path}.name")
    else:
        yield from dns_label(f"{path}.name", container["name"])
    if not container.get("image"):
        yield required(f"{path}.image")
    policy = container.get("terminationMessagePolicy")
    yield from _required_one_of(f"{path}.terminationMessagePolicy", policy, _MESSAGE_POLICIES)


def _required_one_of(path: str, value: Any, choices: Sequence[str]) -> Problems:
    if not value:
        yield required(path)
    elif value not in choices:
        yield not_supported(path, value, choices)


def _unique(container: Struct, path: str, names: set[str]) -> Problems:
    name = container.get("name") or ""
    if name in names:
        yield duplicate(f"{path}.name", name)
    names.add(name)


def _called(container: Struct, path: str, pod: PodFacts) -> Problems:
    if container.get("lifecycle") is not None:
        yield from check_lifecycle(container["lifecycle"], f"{path}.lifecycle", pod.grace)
    yield from check_probes(container, path, pod.grace)


def _ports(ports: Sequence[Struct], path: str) -> Problems:
    names: set[str] = set()
    for index, given in enumerate(ports):
        here = f"{path}[{index}]"
        if name := given.get("name"):
            problems = formats.port_name(name)
            for problem in problems:
                yield invalid(f"{here}.name", name, problem)
            if not problems and name in names:
                yield duplicate(f"{here}.name", name)
            names.add(name)
        if not given.get("containerPort"):
            yield required(f"{here}.containerPort")
        else:
            yield from port(f"{here}.containerPort", given["containerPort"])
        if given.get("hostPort"):
            yield from port(f"{here}.hostPort", given["hostPort"])
        yield from _required_one_of(f"{here}.protocol", given.get("protocol"), _PROTOCOLS)


def _host_port_conflicts(containers: Sequence[Struct], path: str) -> Problems:
    taken: set[str] = set()
    for index, container in enumerate(containers):
        for place, given in enumerate(container.get("ports") or ()):
            if not given.get("hostPort"):
                continue
            key = f"{given.get('protocol') or ''}/{given.get('hostIP') or ''}/{given['hostPort']}"
            if key in taken:
                yield duplicate(f"{path}[{index}].ports[{place}].hostPort", key)
            taken.add(key)


def _restart_policy(container: Struct, path: str) -> Problems:
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or ()
    if policy is None:
        if rules:
            words = "must specify restartPolicy when restart rules are used"
            yield required(f"{path}.restartPolicy", words)
        return
    if policy not in _RESTART_POLICIES:
        yield not_supported(f"{path}.restartPolicy", policy, _RESTART_POLICIES)
    if len(rules) > _MOST_RULES:
        yield too_many(f"{path}.restartPolicyRules", len(rules), _MOST_RULES)
    for index, rule in enumerate(rules):
        yield from _restart_rule(rule, f"{path}.restartPolicyRules[{index}]")


def _restart_rule(rule: Struct, path: str) -> Problems:
    action, codes = rule.get("action") or "", rule.get("exitCodes")
    if action not in _RESTART_ACTIONS:
        yield not_supported(f"{path}.action", action, _RESTART_ACTIONS)
    if codes is None:
        yield required(f"{path}.exitCodes", "must be specified")
        return
    if (operator := codes.get("operator") or "") not in ("In", "NotIn"):
        yield not_supported(f"{path}.exitCodes.operator", operator, ("In", "NotIn"))
    if (count := len(codes.get("values") or ())) > _MOST_EXIT_CODES:
        yield too_many(f"{path}.exitCodes.values", count, _MOST_EXIT_CODES)

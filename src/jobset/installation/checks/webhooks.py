"""Whether API servers ask the webhooks that have to be asked, and find somebody there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from jobset.installation.checks.unread import INSTALL, told_unread
from jobset.installation.evidence import Evidence, Unread
from jobset.installation.findings import Finding, Verdict
from jobset.installation.objects import MUTATING, VALIDATING, installation_objects
from jobset.kube.client import Object

Hook: TypeAlias = tuple[str, Object]
"""The name of a configuration, and a webhook of it."""
Purpose: TypeAlias = tuple[str, bool]
"""The path that is asked, and whether it is about the priority label alone."""
_PRIORITY = "priority-label"


def check_addresses(evidence: Evidence) -> Iterator[Finding]:
    """Whether the Service of the webhooks leads to somebody who is ready."""
    slices, name = evidence.slices, f"the Service {_our_service(evidence)}"
    if isinstance(slices, Unread):
        yield told_unread("addresses", f"the addresses of {name}", slices)
        return
    endpoints = [it for each in slices for it in each.get("endpoints") or ()]
    ready = [it for it in endpoints if (it.get("conditions") or {}).get("ready", True)]
    if ready:
        yield Finding("addresses", Verdict.OK, f"{name} leads to {len(ready)} of {len(endpoints)} pods")
    else:
        told = f"{name} leads to nobody: JobSets and pods with a topology domain for themselves are refused"
        yield Finding("addresses", Verdict.ERROR, told, "no manager is ready: see its pods, /readyz and log")


def check_webhooks(evidence: Evidence) -> Iterator[Finding]:
    """Whether each webhook is registered, once, and as it has to be."""
    found: list[Finding] = []
    for name, configurations in ((MUTATING, evidence.mutating), (VALIDATING, evidence.validating)):
        if isinstance(configurations, Unread):
            found.append(told_unread("webhooks", f"the configuration {name}", configurations))
        else:
            found += _check_configuration(name, configurations, evidence)
    if found:
        yield from found
    else:
        count = len(expected_hooks(MUTATING)) + len(expected_hooks(VALIDATING))
        yield Finding("webhooks", Verdict.OK, f"all {count} are registered")


def registered_hooks(configurations: Sequence[Object], evidence: Evidence) -> Mapping[Purpose, list[Hook]]:
    """The webhooks of JobSet in some configurations, by their purpose.

    Others, such as Kueue, are asked about pods and JobSets at the same paths.
    """
    hooks: dict[Purpose, list[Hook]] = {}
    for each in configurations:
        for hook in each.get("webhooks") or ():
            if _is_of_jobset(each) or _service(hook) == _our_service(evidence):
                hooks.setdefault(_purpose(hook), []).append((each["metadata"]["name"], hook))
    return hooks


def expected_hooks(name: str) -> Mapping[Purpose, Object]:
    """By their purpose, the webhooks of a configuration as we install it."""
    (found,) = (it["webhooks"] for it in installation_objects() if it["metadata"]["name"] == name)
    return {_purpose(hook): hook for hook in found}


def _is_of_jobset(configuration: Object) -> bool:
    metadata = configuration["metadata"]
    labels = metadata.get("labels") or {}
    return metadata["name"] in (MUTATING, VALIDATING) or labels.get("app.kubernetes.io/name") == "jobset"


def _purpose(hook: Object) -> Purpose:
    # Names differ: those of the chart are not those of `config/`.
    config = hook["clientConfig"]
    path = (config.get("service") or {}).get("path") or urlsplit(config.get("url") or "").path
    conditions = {it["name"] for it in hook.get("matchConditions") or ()}
    return path, _PRIORITY in conditions


def _check_configuration(
    name: str, configurations: Sequence[Object], evidence: Evidence
) -> Iterator[Finding]:
    registered = registered_hooks(configurations, evidence)
    again = f"apply {name} again: {INSTALL}"
    for purpose, wanted in expected_hooks(name).items():
        path, is_optional = purpose
        hooks = registered.get(purpose, [])
        if hooks:
            yield from _check_hooks(path, wanted, hooks, evidence)
        elif is_optional:
            yield Finding("webhooks", Verdict.WARNING, "no webhook sets the priority label of pods", again)
        else:
            told = f"no webhook asks {path}: what it checks is stored unchecked"
            yield Finding("webhooks", Verdict.ERROR, told, again)


def _check_hooks(path: str, wanted: Object, hooks: Sequence[Hook], evidence: Evidence) -> Iterator[Finding]:
    if len(hooks) > 1:
        told = f"{len(hooks)} webhooks ask {path}: in {', '.join(where for where, _ in hooks)}"
        yield Finding("webhooks", Verdict.WARNING, told, "delete the configuration that nobody uses any more")
    for where, hook in hooks:
        name = f"webhook {hook['name']} of {where}"
        if problem := _service_problem(hook, evidence):
            yield Finding("webhooks", Verdict.ERROR, f"{name} {problem}", f"apply it again: {INSTALL}")
        if hook.get("failurePolicy", "Fail") == "Ignore" != wanted["failurePolicy"]:
            told = f"{name} has failurePolicy Ignore: without a manager nothing is checked"
            yield Finding("webhooks", Verdict.WARNING, told, "set it to Fail")
        if "matchConditions" in wanted and not hook.get("matchConditions"):
            told = f"{name} has no matchConditions: all pods of JobSets wait for the manager"
            yield Finding("webhooks", Verdict.WARNING, told, f"apply it again: {INSTALL}")


def _service_problem(hook: Object, evidence: Evidence) -> str | None:
    asked, ours = _service(hook), _our_service(evidence)
    return None if asked in (None, ours) else f"asks the Service {asked}, not {ours}"


def _service(hook: Object) -> str | None:
    """The Service that is asked, if it is one."""
    service = hook["clientConfig"].get("service")
    return f"{service['namespace']}/{service['name']}" if service else None


def _our_service(evidence: Evidence) -> str:
    return f"{evidence.namespace}/{evidence.names.service}"

"""Puts the agent into pods that restart in place: a sidecar that holds the others back, in the manifest."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from jobset.admission.parts import Change, Object, at, each
from jobset.api import keys
from jobset.kube.resources import JOBSETS

AGENT = "in-place-restart-agent"
"""The name of the container."""
IN_PLACE = "InPlaceRestart"
_ENDLESS = 2**31 - 1
_RULES = [{"action": "RestartAllContainers", "exitCodes": {"operator": "NotIn", "values": [0]}}]
_WORKER = {"restartPolicy": "Never", "restartPolicyRules": _RULES}
_BARRIER = "/barrier-is-down"
_STARTING_SECONDS = 600


def restarts_in_place(value: Any) -> bool:
    """Whether a document is a JobSet that asks for it."""
    found = value
    for step in ("spec", "failurePolicy"):
        found = found.get(step) if isinstance(found, Mapping) else None
    is_asked_for = isinstance(found, Mapping) and found.get("restartStrategy") == IN_PLACE
    return is_asked_for and value.get("kind") == JOBSETS.kind


def with_agents(jobset: Object, image: str, port: int) -> Object:
    """A JobSet with the agent in each of its pods, or with another image and port where it is there.

    What a restart in place needs beside it is filled in; what is given stays, also of the agent.
    """
    change = partial(_pod, agent=_agent(image, port))
    return at(jobset, "spec", lambda spec: each(spec, "replicatedJobs", partial(_role, change=change)))


def _role(role: Object, change: Change) -> Object:
    return at(role, "template", lambda template: at(template, "spec", partial(_job, change=change)))


def _job(job: Object, change: Change) -> Object:
    filled = _filled(job, {"backoffLimit": _ENDLESS, "podReplacementPolicy": "Failed"})
    return at(filled, "template", lambda pods: at(pods, "spec", change))


def _pod(pod: Object, agent: Object) -> Object:
    given = pod.get("initContainers") or []
    if not isinstance(given, list):
        return pod
    before = [it for it in given if _is_agent(it)]
    others = [it for it in given if not _is_agent(it)]
    agents = [_renewed(it, agent) for it in before] or [agent]
    filled = {**_filled(pod, {"restartPolicy": "Never"}), "initContainers": [*agents, *others]}
    return each(filled, "containers", lambda it: _filled(it, _WORKER))


def _is_agent(container: Any) -> bool:
    return isinstance(container, Mapping) and container.get("name") == AGENT


def _renewed(before: Object, agent: Object) -> Object:
    """The agent with what else was given to it: resources, a security context, variables."""
    variables = before.get("env")
    if not isinstance(variables, list):
        return {**before, **agent}
    ours = [it["name"] for it in agent["env"]]
    others = [it for it in variables if not (isinstance(it, Mapping) and it.get("name") in ours)]
    return {**before, **agent, "env": [*agent["env"], *others]}


def _filled(obj: Object, defaults: Object) -> Object:
    return {**obj, **{key: value for key, value in defaults.items() if obj.get(key) is None}}


def _agent(image: str, port: int) -> Object:
    return {
        "name": AGENT,
        "image": image,
        "env": [
            _variable("JOBSET_NAME", f"metadata.annotations['{keys.JOBSET_NAME}']"),
            _variable("POD_NAME", "metadata.name"),
            {"name": "STARTUP_PROBE_PORT", "value": str(port)},
        ],
        "restartPolicy": "Always",
        "restartPolicyRules": _RULES,
        "startupProbe": {
            "httpGet": {"port": port, "path": _BARRIER},
            "periodSeconds": 1,
            "failureThreshold": _STARTING_SECONDS,
        },
    }


def _variable(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}

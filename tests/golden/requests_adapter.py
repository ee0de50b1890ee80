"""Plays recorded stories of requests, on the local API in virtual time or on a real server."""

import asyncio
import json
import re
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jobset.controller.events import EventRecorder
from jobset.kube.client import Client
from jobset.kube.errors import ApiError
from jobset.kube.resources import NAMESPACES, PODS
from jobset.kube.transport import APPLY_PATCH, JSON, Request, Response, Transport, WatchEvent
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import Clock, run_virtual
from jobset.local.garbage import GarbageCollector
from jobset.local.jobs.controller import JobController
from jobset.local.namespaces import NamespaceController
from jobset.local.recorder import CoreEvents
from tests.golden.outcome import Outcome, Skip

Story = Mapping[str, Any]
Step = Mapping[str, Any]

NAMESPACE = "golden-story"
NODE = "golden-node"
BETWEEN_STEPS = 0.05
"""Seconds: the controllers of the recorded server were quicker than the next request."""
LONGEST_WAIT = 8.0
POLL = 0.25


def check(story: Story) -> Outcome:
    """None when every answer is as recorded, else the first difference."""
    for step in story["steps"]:
        if reason := _left_out(step):
            return Skip(reason)
    return run_virtual(lambda clock: _play(story, clock))


def _left_out(step: Step) -> str | None:
    if step.get("type") == APPLY_PATCH:
        return "server-side apply is not served yet"
    if "as=Table" in step.get("accept", ""):
        return "Tables are not served yet"
    return None


async def _play(story: Story, clock: Clock) -> Outcome:
    world = LocalWorld(clock)
    tasks = [asyncio.create_task(worker) for worker in world.controllers()]
    try:
        return await play(story, world.transport, NAMESPACE)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def play(story: Story, transport: Transport, namespace: str, pause: float = BETWEEN_STEPS) -> Outcome:
    """Play a story in a new namespace; None when every answer is as recorded, else the first difference."""
    await Client(transport).create(NAMESPACES, {"metadata": {"name": namespace}})
    player = Player(transport, namespace, pause)
    for number, step in enumerate(story["steps"]):
        if difference := await player.step(step):
            return f"step {number} {step['do']} {step['path']}: {difference}"
    return None


@dataclass
class LocalWorld:
    """A local API with what ran beside the recorded server."""

    clock: Clock

    def __post_init__(self) -> None:
        self.server = ApiServer(clock=self.clock, random=Random(0))
        self.transport = LocalTransport(self.server)
        self.client = Client(self.transport)

    def controllers(self) -> list[Coroutine[Any, Any, None]]:
        """What ran beside the recorded server."""
        form = CoreEvents(component="job-controller", host="golden")
        recorder = EventRecorder(client=self.client, clock=self.clock, form=form)
        return [
            recorder.run(),
            GarbageCollector(self.client).run(),
            NamespaceController(self.client).run(),
            JobController(client=self.client, clock=self.clock, recorder=recorder).run(),
            self._schedule(),
        ]

    async def _schedule(self) -> None:
        """Binds every pod that the default scheduler could bind."""
        async for event in self.client.watch(PODS, "0"):
            if event.type in ("ADDED", "MODIFIED") and _is_bindable(event):
                metadata = event.object["metadata"]
                try:
                    await self.client.bind(metadata["namespace"], metadata["name"], NODE)
                except ApiError:
                    continue


@dataclass
class Player:
    """One story at work and what it has saved so far."""

    transport: Transport
    namespace: str
    pause: float
    saved: dict[str, Any] = field(default_factory=dict)

    async def step(self, step: Step) -> str | None:
        """Play one step; the difference to what was recorded."""
        await asyncio.sleep(step.get("wait", 0) + self.pause)
        request = self._request(step)
        if step.get("watch"):
            answer, events = await self._watch(request)
        elif "eventually" in step:
            answer, events = await self._until(request, step["eventually"]), None
        else:
            answer, events = await self.transport.send(request), None
        if "save" in step:
            self.saved[step["save"]] = answer.body
        return _difference(step, self._unnamed(answer), events)

    def _request(self, step: Step) -> Request:
        parts = urlsplit(self._fill(step["path"]))
        body = step.get("body")
        if isinstance(body, str):
            body = self._fill(body)
        elif body is not None:
            body = json.loads(self._fill(json.dumps(body)))
        return Request(
            method=step["do"],
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            body=body,
            content_type=step.get("type", JSON),
            accept=step.get("accept", JSON),
        )

    def _fill(self, text: str) -> str:
        text = text.replace("<ns>", self.namespace)
        return re.sub(r"\{\{([^}]+)\}\}", lambda found: str(self._look_up(found[1])), text)

    def _unnamed(self, answer: Response) -> Response:
        """The answer as a recording has it: without the name of the namespace."""
        body, warnings = (_without(self.namespace, part) for part in (answer.body, list(answer.warnings)))
        return replace(answer, body=body, warnings=tuple(warnings))

    def _look_up(self, path: str) -> Any:
        value: Any = self.saved
        for key in path.split("."):
            value = value[key]
        return value

    async def _until(self, request: Request, code: int) -> Response:
        for _ in range(int(LONGEST_WAIT / POLL)):
            answer = await self.transport.send(request)
            if answer.code == code:
                return answer
            await asyncio.sleep(POLL)
        return answer

    async def _watch(self, request: Request) -> tuple[Response, list[Any]]:
        seen: list[Any] = []
        try:
            async for event in self.transport.watch(request):
                seen.append(_without(self.namespace, _told(event)))
        except ApiError as error:
            return Response(code=error.code, body=error.status), seen
        return Response(code=200, body=None), seen


def _is_bindable(event: WatchEvent) -> bool:
    spec = event.object["spec"]
    return (
        spec.get("schedulerName") == "default-scheduler"
        and not spec.get("nodeName")
        and not spec.get("schedulingGates")
        and "deletionTimestamp" not in event.object["metadata"]
    )


def _told(event: WatchEvent) -> list[Any]:
    if event.type == "ERROR":
        return [event.type, None, event.object]
    return [event.type, event.object["metadata"].get("name"), None]


def _difference(step: Step, answer: Response, events: list[Any] | None) -> str | None:
    expected = step.get("expect", {})
    if "code" in expected and answer.code != expected["code"]:
        said = answer.body.get("message", "") if isinstance(answer.body, Mapping) else answer.body
        return f"expected code {expected['code']}, got {answer.code} {said}"
    if "events" in expected and _masked(events) != _masked(expected["events"]):
        return f"events: expected {expected['events']}, got {events}"
    if "warnings" in expected and list(answer.warnings) != list(expected["warnings"]):
        return f"warnings: expected {expected['warnings']}, got {list(answer.warnings)}"
    if isinstance(expected.get("body"), str):
        return _differ_in_text(expected["body"], answer.body)
    if "body" in expected:
        return _differ(_masked(expected["body"]), _masked(answer.body), "")
    return None


def _differ_in_text(expected: str, actual: Any) -> str | None:
    """A client makes a Status of a refusal that is no JSON."""
    text = actual["message"] if isinstance(actual, Mapping) else actual
    return None if text.strip() == expected.strip() else f"expected {expected!r}, got {text!r}"


_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_LEFT_OUT = frozenset({"managedFields", "selfLink", "remainingItemCount"})
# The address is that of the machine which recorded.
_BY_KEY = {"resourceVersion": "<rv>", "continue": "<continue>", "serverAddress": "<address>"}


def _masked(value: Any, key: str = "") -> Any:
    """A value without what differs from run to run."""
    if isinstance(value, Mapping):
        return {k: _masked(item, k) for k, item in value.items() if k not in _LEFT_OUT}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    if not isinstance(value, str):
        return value
    if key in _BY_KEY and value:
        return _BY_KEY[key]
    return _TIME.sub("<time>", _UID.sub("<uid>", value))


def _without(namespace: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_without(namespace, key): _without(namespace, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without(namespace, item) for item in value]
    return value.replace(namespace, "<ns>") if isinstance(value, str) else value


_COUNTER = re.compile(r"(current: |in record \(|resource version: )\d+( \(\d+\))?")


def _same_words(expected: str, actual: str) -> bool:
    """Whether two messages agree but for Go's print of whole values and numbers of the server's counter."""

    def plain(text: str) -> str:
        return re.sub(r"\{.*\}", "{…}", _COUNTER.sub(r"\1…", text), flags=re.DOTALL)

    return plain(expected) == plain(actual)


def _differ(expected: Any, actual: Any, path: str) -> str | None:
    if isinstance(expected, dict) and isinstance(actual, dict):
        is_job = expected.get("kind") == "Job" and not path
        for key in sorted(expected.keys() | actual.keys()):
            if key not in actual:
                return f"{path}.{key}: missing, expected {json.dumps(expected[key])}"
            if key not in expected:
                return f"{path}.{key}: not expected, got {json.dumps(actual[key])}"
            if is_job and key == "status":
                found = _differ_in_conditions(expected[key], actual[key])
            else:
                found = _differ(expected[key], actual[key], f"{path}.{key}")
            if found:
                return found
        return None
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return next((found for i, (e, a) in pairs if (found := _differ(e, a, f"{path}[{i}]"))), None)
    if isinstance(expected, str) and isinstance(actual, str) and path.endswith("message"):
        if _same_words(expected, actual):
            return None
    elif expected == actual and isinstance(expected, bool) is isinstance(actual, bool):
        return None
    return f"{path}: expected {json.dumps(expected)}, got {json.dumps(actual)}"


def _differ_in_conditions(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> str | None:
    """The status of a Job may be further on than recorded, but what was said of it stays."""
    said = {(c["type"], c.get("reason")) for c in expected.get("conditions", ())}
    now = {(c["type"], c.get("reason")) for c in actual.get("conditions", ())}
    return None if said <= now else f".status.conditions: expected {sorted(said)}, got {sorted(now)}"

"""Play whole JobSets: admission, controllers, scheduler, scripted pods."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from jobset.api import keys
from jobset.api.gates import FeatureGates
from jobset.kube.client import DeleteOptions
from jobset.kube.errors import ApiError, NotFound
from jobset.kube.resources import JOBS, JOBSETS, PERSISTENT_VOLUME_CLAIMS, PODS, SERVICES
from jobset.kube.transport import WatchEvent
from jobset.local.clock import Clock
from tests.golden.jobs_adapter import difference
from tests.golden.outcome import Outcome
from tests.golden.timelines import Timeline
from tests.golden.worlds import Pace, Stage, a_local_stage, at_some_pace, seconds, until
from tests.pod_scripts import a_script, place_of

BACKGROUND = DeleteOptions(propagation_policy="Background")
POD_FIELDS = ("affinity", "hostname", "nodeSelector", "subdomain")


def check(case: Mapping[str, Any]) -> Outcome:
    """None when the story ends as recorded, else the differences."""

    async def play_at(pace: Pace, clock: Clock) -> Outcome:
        async with a_local_stage(clock, pace, read_gates(case["gates"])) as stage:
            return await play(case, stage)

    return at_some_pace(play_at)


async def play(case: Mapping[str, Any], stage: Stage) -> Outcome:
    """None when the story ends as recorded, else the differences."""
    return await Story(case, stage).play()


class Story:
    """One JobSet, its script and what was seen of it and its children."""

    def __init__(self, case: Mapping[str, Any], stage: Stage) -> None:
        self.case = case
        self.stage = stage
        self.conditions, self.restarts = Timeline(), Timeline()
        self.stored_spec: Any = None
        self.attempts: dict[str, list[str]] = defaultdict(list)
        self.sample_jobs: dict[str, Any] = {}
        self.sample_pods: dict[str, Any] = {}
        self.pods: Counter[str] = Counter()
        self.nodes: dict[str, set[str]] = defaultdict(set)
        self.answers: list[list[Any]] = []

    async def play(self) -> Outcome:
        case, stage = self.case, self.stage
        for resource, see in ((JOBSETS, self.see_jobset), (JOBS, self.see_job), (PODS, self.see_pod)):
            await stage.watch(resource, see)
        stage.run_beside(stage.play_pods(a_script(case["script"])))
        metadata = {**case["metadata"], "name": case["id"], "namespace": stage.namespace}
        body = {"apiVersion": JOBSETS.api_version, "kind": JOBSETS.kind, "metadata": metadata}
        self.stored_spec = (await stage.client.create(JOBSETS, {**body, "spec": case["spec"]}))["spec"]
        start = seconds()
        for moment, action in case["timeline"]:
            await until(start + moment)
            await self.act(action)
        await until(start + case["seconds"])
        return await self.compare(start + case["seconds"])

    async def act(self, action: Mapping[str, Any]) -> None:
        client, namespace, name = self.stage.client, self.stage.namespace, self.case["id"]
        match next(iter(action)):
            case "delete_job":
                await client.delete(JOBS, namespace, f"{name}-{action['delete_job']}", BACKGROUND)
            case "delete_service":
                await client.delete(SERVICES, namespace, action["delete_service"] or name)
            case "delete_pod":
                pods = (await client.list(PODS, self.stage.all)).items
                found = [pod["metadata"] for pod in pods if place_of(pod) == action["delete_pod"]]
                latest = max(found, key=lambda metadata: int(metadata["resourceVersion"]))
                await client.delete(PODS, namespace, latest["name"])
            case "template" | "scale" as verb:
                stored = await client.get(JOBSETS, namespace, name)
                changed = EDITS[verb](stored["spec"], action[verb])
                await self.put({**stored, "spec": changed})
            case _:
                await client.patch(JOBSETS, namespace, name, action)

    async def put(self, body: Mapping[str, Any]) -> None:
        try:
            await self.stage.client.update(JOBSETS, body)
        except ApiError as error:
            self.answers.append([error.code, str(error)])
        else:
            self.answers.append([200, None])

    def see_jobset(self, event: WatchEvent) -> None:
        if event.type == "DELETED":
            self.conditions.see(seconds(), "gone")
            return
        status = event.object.get("status") or {}
        told = [[c["type"], c["status"], c["reason"], c["message"]] for c in status.get("conditions") or ()]
        self.conditions.see(seconds(), sorted(told))
        if status:
            self.restarts.see(seconds(), status.get("restarts", 0))

    def see_job(self, event: WatchEvent) -> None:
        metadata, labels = event.object["metadata"], event.object["metadata"]["labels"]
        role = labels[keys.REPLICATED_JOB_NAME]
        if event.type == "ADDED":
            own = labels.get(keys.JOB_RESTART_ATTEMPT)
            attempt = labels[keys.RESTART_ATTEMPT] + ("" if own is None else f"+{own}")
            self.attempts[metadata["name"].removeprefix(f"{self.case['id']}-")].append(attempt)
            told = {key: metadata.get(key) for key in ("name", "labels", "annotations")}
            if metadata["name"] == wanted_job(self.case, role):
                self.sample_jobs.setdefault(role, {"metadata": told, "spec": event.object["spec"]})

    def see_pod(self, event: WatchEvent) -> None:
        metadata, spec = event.object["metadata"], event.object["spec"]
        role = metadata["labels"][keys.REPLICATED_JOB_NAME]
        if event.type == "ADDED":
            self.pods[role] += 1
            told = {key: metadata.get(key) for key in ("labels", "annotations")}
            if spec.get("hostname") == wanted_hostname(self.case, role):
                self.sample_pods.setdefault(role, told | {key: spec.get(key) for key in POD_FIELDS})
        if spec.get("nodeName"):
            self.nodes[metadata["labels"][keys.JOB_NAME]].add(spec["nodeName"])

    async def compare(self, end: float) -> Outcome:
        expect, client, everything = self.case["expect"], self.stage.client, self.stage.all
        try:
            jobset = await client.get(JOBSETS, self.stage.namespace, self.case["id"])
            status = jobset.get("status") or {}
        except NotFound:
            status = "gone"
        jobs = [job["metadata"]["name"] for job in (await client.list(JOBS, everything)).items]
        claims = [
            claim["metadata"]["name"]
            for claim in (await client.list(PERSISTENT_VOLUME_CLAIMS, everything)).items
        ]
        services = [shown_service(service) for service in (await client.list(SERVICES, everything)).items]
        events = await self.stage.counted_events(
            "JobSet", lambda e: f"{e['type']} {e['reason']}: {e['message']}"
        )
        found = [
            difference("stored spec", self.stored_spec, expect["stored_spec"]),
            difference("status", comparable(status), comparable(expect["status"])),
            difference("attempts", dict(self.attempts), expect["job_attempts"]),
            difference("jobs at end", sorted(jobs), expect["jobs_at_end"]),
            difference("pods", dict(self.pods), expect["pods_created"]),
            difference("services", services, expect["services"]),
            difference("claims", claims, expect["claims"]),
            difference("events", dict(events), expect["events"]),
            difference("job", masked(self.sample_jobs), masked(expect["sample_job"])),
            difference("pod", masked(self.sample_pods), masked(expect["sample_pod"])),
            difference("answers", self.answers, expect.get("answers", self.answers)),
            self.conditions.difference(expect["conditions_over_time"], end),
            self.restarts.difference(expect["restarts_over_time"], end),
            self.placement(),
        ]
        return "; ".join(text for text in found if text) or None

    def placement(self) -> str | None:
        """Which Job has which node is open; how many each has, and how many all have, is not."""
        expect = self.case["expect"]
        if "nodes_per_job" not in expect:
            return None
        counts = sorted(len(nodes) for nodes in self.nodes.values())
        found = counts, len(set().union(*self.nodes.values()))
        return difference(
            "nodes", found, (sorted(expect["nodes_per_job"].values()), expect["distinct_nodes"])
        )


def read_gates(text: str) -> FeatureGates:
    """The gates that were on, from their names."""
    on = text.split(",")
    return FeatureGates(
        in_place_restart="InPlaceRestart" in on,
        restart_job="RestartJob" in on,
        elastic_jobset="ElasticJobSet" in on,
    )


def wanted_job(case: Mapping[str, Any], role: str) -> Any:
    """The child Job that was recorded as the sample of its role."""
    return case["expect"]["sample_job"].get(role, {"metadata": {"name": None}})["metadata"]["name"]


def wanted_hostname(case: Mapping[str, Any], role: str) -> Any:
    """The hostname of the pod that was recorded as the sample of its role."""
    return case["expect"]["sample_pod"].get(role, {"hostname": None})["hostname"]


def with_template(spec: Any, fields: Mapping[str, Any]) -> Any:
    """The spec with fields set in the pod template of every role."""
    return {**spec, "replicatedJobs": [edited(rjob, {}, fields) for rjob in spec["replicatedJobs"]]}


def with_scale(spec: Any, wish: tuple[str, int]) -> Any:
    """The spec with parallelism and completions of a role changed."""
    role, pods = wish
    scale = {"parallelism": pods, "completions": pods}
    return {
        **spec,
        "replicatedJobs": [
            edited(rjob, scale, {}) if rjob["name"] == role else rjob for rjob in spec["replicatedJobs"]
        ],
    }


EDITS = {"template": with_template, "scale": with_scale}


def edited(rjob: Any, job_fields: Mapping[str, Any], pod_fields: Mapping[str, Any]) -> Any:
    """A replicated Job with fields of its Job spec and of its pod spec set."""
    template = rjob["template"]
    spec = template["spec"]
    pod = {**spec["template"], "spec": {**spec["template"]["spec"], **pod_fields}}
    return {**rjob, "template": {**template, "spec": {**spec, **job_fields, "template": pod}}}


def shown_service(service: Mapping[str, Any]) -> dict[str, Any]:
    """A Service as far as the recording has it."""
    wanted = ("clusterIP", "publishNotReadyAddresses", "selector")
    spec = {key: service["spec"].get(key) for key in wanted}
    return {"name": service["metadata"]["name"], "spec": spec}


def comparable(status: Any) -> Any:
    """A status with times masked; the order of roles and conditions is open."""
    if not isinstance(status, Mapping):
        return status
    found = masked(status)
    for key, name in (("replicatedJobsStatus", "name"), ("conditions", "type")):
        if key in found:
            found[key] = sorted(found[key], key=lambda item: item[name])
    return found


def masked(value: Any, key: str = "") -> Any:
    """A value with uids, keys and times masked as in the recording."""
    if isinstance(value, Mapping):
        return {name: masked(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    if key.endswith("Time"):
        return "<time>"
    if key.endswith("-uid"):
        return "<uid>"
    return "<key>" if key == keys.JOB_KEY or is_job_key(value) else value


def is_job_key(value: Any) -> bool:
    """Whether a text is the hash that names a Job: it depends on the namespace."""
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{40}", value) is not None

"""A small cluster for exclusive placement: each party acts when it is told to, and reads as late as that.

The truth is the API server of this process. Of JobSet the webhooks and the pod controller are at work, in two
managers. The Job controller, the scheduler, the kubelets and the collectors of garbage are played here.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Container, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from string import ascii_lowercase
from typing import Any

from msgspec.structs import replace

from jobset.controller.webhooks.pods import PodPlacer, PodValidator
from jobset.controller.webhooks.reviews import AdmissionRequest, Denied
from jobset.kube.cache import WatchCache, version_of
from jobset.kube.client import Client, DeleteOptions
from jobset.kube.errors import ApiError
from jobset.kube.resources import NODES, PODS
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.patch import json_patch
from jobset.local.scheduling.neighbours import affinity_rules
from jobset.local.scheduling.node_filters import reject_by_node
from jobset.local.scheduling.nodes import Cluster, read_node
from jobset.local.scheduling.pods import PodFacts, read_pod
from tests.placement_managers import Gate, LateWire, Replica
from tests.placement_pods import (
    NAMESPACE,
    RACK,
    JobModel,
    a_pod,
    bystanders,
    domain_of,
    index_of,
    is_alive,
    is_finished,
    is_leader,
    is_terminating,
    job_key_of,
    leads_others,
    name_of,
    node_of,
    owner_of,
    selected,
    uid_of,
)

_MOMENT = 0.001
_LONG = 3000.0
"""Longer than anybody waits before trying again."""
_SUFFIXES = ascii_lowercase
"""The first that is free is taken, so that the name of a pod comes again."""


class World:
    """The truth, the parties, and what has been seen of them.

    `racks` says how many nodes each domain has at first. A patient Job controller replaces a pod when it has
    stopped, another one as soon as it is to stop. `seed` decides where pods go in fair turns.
    """

    def __init__(
        self,
        clock,
        jobs: Sequence[JobModel],
        racks: Sequence[int],
        *,
        is_patient: bool = False,
        seed: int = 0,
    ) -> None:
        self.jobs, self.is_patient, self.faults = jobs, is_patient, list[str]()
        self.bound_in: dict[str, str | None] = {}
        """The domain of each pod's node at the moment when it got it, by uid."""
        self._clock, self._racks, self._random = clock, racks, random.Random(seed)
        self._server = ApiServer(clock=clock, random=random.Random(1), admission=())
        self._client = Client(LocalTransport(self._server))
        self._pods = WatchCache(client=self._client, resource=PODS)
        self._nodes = WatchCache(client=self._client, resource=NODES)
        self._scheduler_wire = LateWire(self._server)
        self._scheduler = WatchCache(client=Client(self._scheduler_wire), resource=PODS)
        self._assumed: dict[str, str] = {}
        self._led_from: defaultdict[str, set[str]] = defaultdict(set)
        self._domains: defaultdict[str, set[str]] = defaultdict(set)
        self._names = 0

    @asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """All parties are there for the block."""
        self._nodes.listen(self._note_node)
        self._pods.listen(self._note_pod)
        tasks = [asyncio.create_task(cache.run()) for cache in (self._nodes, self._pods, self._scheduler)]
        self.replicas = [Replica(self._server, self._clock) for _ in range(2)]
        self.replicas[0].lead()
        await self.moment()
        for rack, count in enumerate(self._racks):
            for _ in range(count):
                await self.add_node(f"r{rack}")
        for pod in bystanders("n1"):
            await self._client.create(PODS, pod)
        try:
            yield
        finally:
            for replica in self.replicas:
                await replica.end()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def moment(self) -> None:
        """Returns when everybody has done what he can do now."""
        await asyncio.sleep(_MOMENT)

    # What is true.

    def pods(self) -> list[Any]:
        """The pods of all Jobs, also of those that are gone, by name."""
        owned = [pod for pod in self._pods.all() if not owner_of(pod).startswith("job-9-")]
        return sorted(owned, key=name_of)

    def nodes(self) -> list[Any]:
        return sorted(self._nodes.all(), key=name_of)

    def pods_of(self, job: JobModel) -> list[Any]:
        """The pods of a Job that are not about to go, and have not finished."""
        return [pod for pod in self.pods() if owner_of(pod) == job.uid and is_alive(pod)]

    def pods_on(self, node: Any) -> list[Any]:
        return [pod for pod in self.pods() if node_of(pod) == name_of(node)]

    def place_of(self, pod: Any) -> str | None:
        """The domain in which a pod is now."""
        node = self._nodes.get("", node_of(pod))
        return None if node is None else domain_of(node)

    # The Job controller.

    def missing(self, job: JobModel) -> list[int]:
        """The indexes that need a pod."""
        held = [
            index_of(pod)
            for pod in self.pods()
            if owner_of(pod) == job.uid and not is_finished(pod) and (self.is_patient or is_alive(pod))
        ]
        return [index for index in range(job.pods) if index not in {*held, *job.succeeded}]

    async def create_pod(self, job: JobModel, index: int, placer: Replica, validator: Replica) -> None:
        """Create a pod, unless it is refused; one manager places it, and one judges that."""
        pods = (a_pod(job, index, suffix) for suffix in _SUFFIXES)
        pod: Any = next(pod for pod in pods if self._pods.get(NAMESPACE, name_of(pod)) is None)
        answer = await PodPlacer(placer.placement).review(_creation(pod))
        if isinstance(answer, Denied):
            return
        pod = json_patch(pod, answer.patch)
        if isinstance(await PodValidator(validator.placement).review(_creation(pod)), Denied):
            return
        if not is_leader(pod):
            self._judge_admission(job, pod, placer, validator)
        # The server would ask for the class that has this priority; the label is all that counts here.
        del pod["spec"]["priority"]
        await self._client.create(PODS, pod)
        await self.moment()

    def _judge_admission(self, job: JobModel, pod: Any, *asked: Replica) -> None:
        """A follower goes where a leader of its own Job was seen; where it is now, when all is seen."""
        seen = {domain for node in self._led_from[job.uid] for domain in self._domains[node]}
        now = [self.place_of(leader) for leader in self.pods_of(job) if leads_others(leader)]
        is_current = all(replica.sees([*self._pods.all()], self.nodes()) for replica in asked)
        if selected(pod) not in seen or (is_current and now != [selected(pod)]):
            self.faults.append(f"{name_of(pod)} was sent to {selected(pod)}; {seen=}, {now=}")

    async def restart(self, job: JobModel) -> None:
        """The Job is made anew; its old pods are there until they are collected."""
        job.attempt += 1
        job.succeeded.clear()

    # The scheduler.

    def schedulable(self) -> list[tuple[Any, list[str]]]:
        """The pods that wait, as far as the scheduler knows, with the nodes that each may have."""
        cluster, waiting = Cluster(namespaces={NAMESPACE: {}}), list[tuple[Any, PodFacts]]()
        for node in self.nodes():
            cluster.put_node(read_node(node))
        for pod in sorted(self._scheduler.all(), key=name_of):
            facts = read_pod(pod)
            facts = replace(facts, node=facts.node or self._assumed.get(facts.uid, ""))
            cluster.put_pod(facts)
            if not facts.node and not facts.is_over:
                waiting.append((pod, facts))
        return [(pod, nodes) for pod, facts in waiting if (nodes := list(_fitting(facts, cluster)))]

    async def schedule(self, pod: Any, node: str) -> None:
        with suppress(ApiError):
            await self._client.bind(NAMESPACE, name_of(pod), node)
            self._assumed[uid_of(pod)] = node
        await self.moment()

    # Kubelets and collectors of garbage.

    async def delete(self, pod: Any) -> None:
        await self._delete(pod, DeleteOptions(uid=uid_of(pod)))

    async def stop(self, pod: Any) -> None:
        """What was to stop has stopped, and is gone."""
        await self._delete(pod, DeleteOptions(uid=uid_of(pod), grace_period_seconds=0))

    async def _delete(self, pod: Any, options: DeleteOptions) -> None:
        with suppress(ApiError):
            await self._client.delete(PODS, NAMESPACE, name_of(pod), options)
        await self.moment()

    async def finish(self, pod: Any, phase: str) -> None:
        await self._client.patch(
            PODS, NAMESPACE, name_of(pod), {"status": {"phase": phase}}, subresource="status"
        )
        await self.moment()
        for job in self.jobs:
            if phase == "Succeeded" and owner_of(pod) == job.uid:
                job.succeeded.add(index_of(pod))

    def orphans(self) -> list[Any]:
        """Pods whose Job or whose node is gone."""
        jobs = {job.uid for job in self.jobs}
        return [pod for pod in self.pods() if owner_of(pod) not in jobs or self._is_homeless(pod)]

    async def collect(self, pod: Any) -> None:
        await (self.stop(pod) if self._is_homeless(pod) else self.delete(pod))

    def _is_homeless(self, pod: Any) -> bool:
        return node_of(pod) != "" and self._nodes.get("", node_of(pod)) is None

    # Nodes.

    async def add_node(self, domain: str) -> None:
        metadata = {"name": self._new_name("n"), "labels": {RACK: domain}}
        await self._client.create(NODES, {"metadata": metadata, "status": {"allocatable": {"pods": "99"}}})
        await self.moment()

    async def drop_node(self, node: Any) -> None:
        await self._client.delete(NODES, None, name_of(node))
        await self.moment()

    async def label(self, node: Any, domain: str | None) -> None:
        await self._client.patch(NODES, None, name_of(node), {"metadata": {"labels": {RACK: domain}}})
        await self.moment()

    def fresh_domain(self) -> str:
        """One in which nobody is: whoever puts nodes of two Jobs into one domain undoes what was promised."""
        return self._new_name("fresh")

    def _new_name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    # Managers.

    async def fail_over(self) -> None:
        """The manager that leads dies, and the other one goes on."""
        for replica in self.replicas:
            if replica.leads:
                await replica.begin_anew(leads=False)
            else:
                replica.lead()

    # Turns.

    async def turn(self, late: Container[str] = ()) -> None:
        """Everybody has a turn, in any order, and sees all that there is, but for what is late.

        That is named by whose it is: `scheduler`, or `0` or `1` with `pods`, `nodes` or `writes`.
        """
        gates = [gate for name, gate in self.gates().items() if name not in late]
        for gate in gates:
            gate.set_open(True)
        await asyncio.sleep(_LONG)
        parties = [self._stop_pods, self._collect_pods, self._create_pods, self._schedule_pods]
        self._random.shuffle(parties)
        for party in parties:
            await party()
        await asyncio.sleep(_LONG)
        for gate in gates:
            gate.set_open(False)

    def gates(self) -> Mapping[str, Gate]:
        """What may be late, by name."""
        return {"scheduler": self._scheduler_wire.events[PODS.path()]} | {
            f"{number}{name}": gate
            for number, replica in enumerate(self.replicas)
            for name, gate in replica.gates().items()
        }

    async def _stop_pods(self) -> None:
        for pod in self.pods():
            if is_terminating(pod):
                await self.stop(pod)

    async def _collect_pods(self) -> None:
        for pod in self.orphans():
            await self.collect(pod)

    async def _create_pods(self) -> None:
        missing = [(job, index) for job in self.jobs for index in self.missing(job)]
        self._random.shuffle(missing)
        for job, index in missing:
            await self.create_pod(job, index, *self._random.choices(self.replicas, k=2))

    async def _schedule_pods(self) -> None:
        tried: set[str] = set()
        while waiting := [found for found in self.schedulable() if uid_of(found[0]) not in tried]:
            pod, nodes = self._random.choice(waiting)
            # One that is gone, as the scheduler does not know yet, stays without a node.
            tried.add(uid_of(pod))
            await self.schedule(pod, self._random.choice(nodes))

    def picture(self) -> dict[str, int]:
        """Every pod with its version: what changes when anybody does anything."""
        return {uid_of(pod): version_of(pod) for pod in self._pods.all()}

    # Notes.

    def _note_node(self, _: Any, node: Any) -> None:
        if node is not None and (domain := domain_of(node)) is not None:
            self._domains[name_of(node)].add(domain)

    def _note_pod(self, _: Any, pod: Any) -> None:
        if pod is None or not node_of(pod):
            return
        is_new, place = uid_of(pod) not in self.bound_in, self.place_of(pod)
        self.bound_in.setdefault(uid_of(pod), place)
        if not is_leader(pod):
            return
        self._led_from[owner_of(pod)].add(node_of(pod))
        others = [other for other in self.pods() if job_key_of(other) == job_key_of(pod)]
        held = {self.place_of(other) for other in others if other is not pod and not is_finished(other)}
        if is_new and held - {None} and place not in held:
            self.faults.append(f"{name_of(pod)} leads from {place}, its Job is in {held}")


def _fitting(pod: PodFacts, cluster: Cluster) -> Iterator[str]:
    rules = affinity_rules(pod, cluster)
    for name, node in cluster.nodes.items():
        if reject_by_node(pod, node) is None and all(rule(node) is None for rule in rules):
            yield name


def _creation(pod: Any) -> AdmissionRequest:
    return AdmissionRequest(operation="CREATE", namespace=NAMESPACE, object=pod)

"""Which names a cluster's DNS would publish, from Pods and Services."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

Object: TypeAlias = Mapping[str, Any]
DOMAIN = "cluster.local"
_OVER = ("Succeeded", "Failed")


class Name(NamedTuple):
    """A name as seen from its own namespace: `<service>` or `<pod hostname>.<service>`."""

    namespace: str
    short: str

    @property
    def full(self) -> str:
        """The fully qualified name."""
        return f"{self.short}.{self.namespace}.svc.{DOMAIN}"

    def forms(self, seen_from: str) -> tuple[str, ...]:
        """Everything that a program in the namespace `seen_from` may call it, the full name first."""
        within = f"{self.short}.{self.namespace}"
        forms = (self.full, f"{within}.svc", within)
        return (*forms, self.short) if seen_from == self.namespace else forms


def published_names(pods: Iterable[Object], services: Iterable[Object]) -> dict[Name, tuple[str, ...]]:
    """The addresses of every published name; names of pods come before those of Services.

    A headless Service publishes the pods that it selects: ready ones, or all when it says so, but none that
    terminates or is over.
    """
    in_namespace: dict[str, list[Object]] = defaultdict(list)
    for pod in pods:
        if _can_be_published(pod):
            in_namespace[pod["metadata"]["namespace"]].append(pod)
    of_pods: dict[Name, list[str]] = defaultdict(list)
    of_services: dict[Name, list[str]] = {}
    for service in filter(is_headless, services):
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        matched = list(_published_by(service, in_namespace[namespace]))
        if matched:
            of_services[Name(namespace, name)] = [address_of(pod) for pod in matched]
        for pod in matched:
            of_pods[Name(namespace, f"{_host_in(pod, name)}.{name}")].append(address_of(pod))
    return {name: tuple(addresses) for name, addresses in (*of_pods.items(), *of_services.items())}


def own_name(pod: Object) -> Name | None:
    """The name that a pod asks for with hostname and subdomain; None when it asks for none."""
    spec = pod["spec"]
    if not spec.get("hostname") or not spec.get("subdomain"):
        return None
    return Name(pod["metadata"]["namespace"], f"{spec['hostname']}.{spec['subdomain']}")


def is_headless(service: Object) -> bool:
    """Whether a Service has a selector and no address of its own."""
    spec = service.get("spec") or {}
    return spec.get("clusterIP") == "None" and bool(spec.get("selector"))


def address_of(pod: Object) -> str:
    """The pod's address; empty when it has none yet."""
    return str((pod.get("status") or {}).get("podIP") or "")


def _can_be_published(pod: Object) -> bool:
    status = pod.get("status") or {}
    is_over = status.get("phase") in _OVER or pod["metadata"].get("deletionTimestamp") is not None
    return bool(status.get("podIP")) and not is_over


def _published_by(service: Object, pods: Iterable[Object]) -> Iterator[Object]:
    spec = service["spec"]
    selector = spec["selector"].items()
    for pod in pods:
        labels = pod["metadata"].get("labels") or {}
        if selector <= labels.items() and (spec.get("publishNotReadyAddresses") or _is_ready(pod)):
            yield pod


def _is_ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _host_in(pod: Object, service: str) -> str:
    spec = pod["spec"]
    if spec.get("hostname") and spec.get("subdomain") == service:
        return str(spec["hostname"])
    # compat: a pod without a name of its own under this Service is called by its address.
    return address_of(pod).replace(".", "-")

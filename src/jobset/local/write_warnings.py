"""What a client is warned of although its write is accepted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from jobset.api.quantity import parse_quantity
from jobset.kube.resources import Resource
from jobset.local.kinds import formats

Object: TypeAlias = Mapping[str, Any]

_NULL_SELECTOR = "a null labelSelector results in matching no pod"
_RECOMMENDED = "which can result in surprising behavior; a DNS label is recommended"


def warnings_of(obj: Object, resource: Resource) -> tuple[str, ...]:
    """The warnings about a stored Pod, Job or Service; none about other kinds."""
    judge = _BY_KIND.get((resource.group, resource.kind))
    return tuple(judge(obj)) if judge is not None else ()


def _about_pod(pod: Object) -> Iterator[str]:
    yield from _about_name(pod, "the Pod's hostname")
    yield from _about_pod_spec(pod["spec"], "spec")


def _about_job(job: Object) -> Iterator[str]:
    yield from _about_name(job, "Pod names and hostnames")
    spec, path = job["spec"]["template"]["spec"], "spec.template.spec"
    yield from _about_pod_spec(spec, path)
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        told = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"{path}.terminationGracePeriodSeconds: {told}"


def _about_service(service: Object) -> Iterator[str]:
    spec = service["spec"]
    if spec.get("clusterIP") == "None" and spec.get("sessionAffinity", "None") != "None":
        yield "spec.SessionAffinity is ignored for headless services"


_BY_KIND: Mapping[tuple[str, str], Callable[[Object], Iterator[str]]] = {
    ("", "Pod"): _about_pod,
    ("", "Service"): _about_service,
    ("batch", "Job"): _about_job,
}


def _about_name(obj: Object, used_in: str) -> Iterator[str]:
    problems = formats.dns1123_label(obj["metadata"]["name"])
    if problems:
        # compat: Go prints the list of problems in brackets, separated by spaces.
        yield f"metadata.name: this is used in {used_in}, {_RECOMMENDED}: [{' '.join(problems)}]"


def _about_pod_spec(spec: Object, path: str) -> Iterator[str]:
    for key in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(key) or ()):
            yield from _about_container(container, f"{path}.{key}[{index}]")
    for index, volume in enumerate(spec.get("volumes") or ()):
        yield from _about_volume(volume, f"{path}.volumes[{index}]")
    yield from _about_pull_secrets(spec.get("imagePullSecrets") or (), f"{path}.imagePullSecrets")
    for index, constraint in enumerate(spec.get("topologySpreadConstraints") or ()):
        if constraint.get("labelSelector") is None:
            yield f"{path}.topologySpreadConstraints[{index}].labelSelector: {_NULL_SELECTOR}"
    if spec.get("affinity"):
        yield from _about_affinity(spec["affinity"], f"{path}.affinity")


def _about_volume(volume: Object, path: str) -> Iterator[str]:
    if volume.get("gitRepo") is not None:
        yield f"{path}.gitRepo: deprecated in v1.11, and disabled by default in v1.33+"
    for projection in (volume.get("projected") or {}).get("sources") or ():
        if not projection:
            yield f'volume "{volume["name"]}" (Projected) has no sources provided'


def _about_pull_secrets(secrets: Sequence[Object], path: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, secret in enumerate(secrets):
        name = secret.get("name") or ""
        if not name:
            yield f'{path}[{index}].name: invalid empty name ""'
        elif name in seen:
            yield f'{path}[{index}].name: duplicate name "{name}"'
        seen.add(name)


def _about_affinity(affinity: Object, path: str) -> Iterator[str]:
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        required, preferred = (
            f"{when}DuringSchedulingIgnoredDuringExecution" for when in ("required", "preferred")
        )
        for index, term in enumerate(terms.get(required) or ()):
            if term.get("labelSelector") is None:
                yield f"{path}.{kind}.{required}[{index}].labelSelector: {_NULL_SELECTOR}"
        for index, weighted in enumerate(terms.get(preferred) or ()):
            if (weighted.get("podAffinityTerm") or {}).get("labelSelector") is None:
                yield f"{path}.{kind}.{preferred}[{index}].podAffinityTerm.labelSelector: {_NULL_SELECTOR}"


def _about_container(container: Object, path: str) -> Iterator[str]:
    yield from _about_environment(container.get("env") or (), path)
    yield from _about_ports(container.get("ports") or (), path)
    for kind, amounts in sorted((container.get("resources") or {}).items()):
        if kind in ("limits", "requests"):
            yield from _about_amounts(amounts, f"{path}.resources.{kind}")


def _about_environment(variables: Sequence[Object], path: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, variable in enumerate(variables):
        name = variable.get("name", "")
        if name in seen:
            hidden = f'hides previous definition of "{name}"'
            yield f"{path}.env[{index}]: {hidden}, which may be dropped when using apply"
        seen.add(name)


def _about_ports(ports: Sequence[Object], path: str) -> Iterator[str]:
    first: dict[tuple[Any, ...], int] = {}
    for index, port in enumerate(ports):
        key = tuple(port.get(part) for part in ("containerPort", "protocol", "hostIP", "hostPort"))
        if key in first:
            yield f"{path}.ports[{index}]: duplicate port definition with {path}.ports[{first[key]}]"
        first.setdefault(key, index)
        if port.get("hostIP") and not port.get("hostPort"):
            yield f"{path}.ports[{index}]: hostIP set without hostPort: {_go_port(port)}"


def _go_port(port: Object) -> str:
    fields = {"Name": "", "HostPort": 0, "ContainerPort": 0, "Protocol": "", "HostIP": ""}
    given = {key[:1].upper() + key[1:]: value for key, value in port.items()}
    return "{" + " ".join(f"{name}:{given.get(name, zero)}" for name, zero in fields.items()) + "}"


def _about_amounts(amounts: Mapping[str, str], path: str) -> Iterator[str]:
    for name in sorted(amounts):
        is_bytes = name in ("memory", "ephemeral-storage") or name.startswith("hugepages-")
        amount = parse_quantity(amounts[name])
        # compat: thousandths that do not fit into 64 bits count as a fraction.
        if is_bytes and (not amount.is_integer or amount.milli_value >= 1 << 63):
            text = f'fractional byte value "{amounts[name]}" is invalid, must be an integer'
            yield f"{path}[{name}]: {text}"

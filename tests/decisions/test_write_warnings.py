"""What an accepted Pod or Job is warned of."""

from typing import Any

import pytest

from jobset.kube.resources import CONFIG_MAPS, JOBS, PODS, SERVICES
from jobset.local.write_warnings import warnings_of

NULL = "a null labelSelector results in matching no pod"


def a_pod(name: str = "p", container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", **(container or {})}], **spec}}


PODS_AND_WARNINGS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "nothing to say": (a_pod(container={"env": [{"name": "A"}], "ports": [{"containerPort": 1}]}), ()),
    "a dotted name": (
        a_pod("a.b"),
        (
            "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; "
            "a DNS label is recommended: [must not contain dots]",
        ),
    ),
    "a variable twice": (
        a_pod(container={"env": [{"name": "A"}, {"name": "A"}]}),
        (
            'spec.containers[0].env[1]: hides previous definition of "A", '
            "which may be dropped when using apply",
        ),
    ),
    "a port twice": (
        a_pod(container={"ports": [{"containerPort": 1}, {"containerPort": 1, "name": "x"}]}),
        ("spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",),
    ),
    "half a byte": (
        a_pod(container={"resources": {"limits": {"memory": "100m", "cpu": "100m"}}}),
        (
            'spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, '
            "must be an integer",
        ),
    ),
    "spread without a selector": (
        a_pod(topologySpreadConstraints=[{"maxSkew": 1}]),
        (f"spec.topologySpreadConstraints[0].labelSelector: {NULL}",),
    ),
    "affinity without a selector": (
        a_pod(
            affinity={
                "podAntiAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "z"}],
                    "preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": {}}],
                }
            }
        ),
        (
            "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: "
            + NULL,
            "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]"
            f".podAffinityTerm.labelSelector: {NULL}",
        ),
    ),
    "a secret without a name": (
        a_pod(imagePullSecrets=[{}]),
        ('spec.imagePullSecrets[0].name: invalid empty name ""',),
    ),
    "a secret twice": (
        a_pod(imagePullSecrets=[{"name": "a"}, {"name": "a"}]),
        ('spec.imagePullSecrets[1].name: duplicate name "a"',),
    ),
    "an address of the host without a port of it": (
        a_pod(container={"ports": [{"containerPort": 80, "protocol": "TCP", "hostIP": "1.2.3.4"}]}),
        (
            "spec.containers[0].ports[0]: hostIP set without hostPort: "
            "{Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:1.2.3.4}",
        ),
    ),
    "more bytes than can be counted in thousandths": (
        a_pod(container={"resources": {"limits": {"memory": "1Ei"}}}),
        (
            'spec.containers[0].resources.limits[memory]: fractional byte value "1Ei" is invalid, '
            "must be an integer",
        ),
    ),
    "volumes of old, and of nothing": (
        a_pod(
            volumes=[
                {"name": "v", "gitRepo": {"repository": "x"}},
                {"name": "w", "projected": {"sources": [{}, {"secret": {"name": "s"}}]}},
            ]
        ),
        (
            "spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+",
            'volume "w" (Projected) has no sources provided',
        ),
    ),
}


@pytest.mark.parametrize(("pod", "warnings"), PODS_AND_WARNINGS.values(), ids=PODS_AND_WARNINGS)
def test_warnings_about_a_pod(pod: dict[str, Any], warnings: tuple[str, ...]) -> None:
    assert warnings_of(pod, PODS) == warnings


def test_a_job_is_warned_of_its_template() -> None:
    repeated = {"env": [{"name": "A"}, {"name": "A"}]}
    template = a_pod(container=repeated, terminationGracePeriodSeconds=-1)
    job = {"metadata": {"name": "j"}, "spec": {"template": template}}

    about_variables, about_grace = warnings_of(job, JOBS)

    assert about_variables.startswith("spec.template.spec.containers[0].env[1]: hides")
    assert about_grace == (
        "spec.template.spec.terminationGracePeriodSeconds: must be >= 0; "
        "negative values are invalid and will be treated as 1"
    )


def test_a_service_without_an_address_has_no_affinity() -> None:
    service = {"spec": {"clusterIP": "None", "sessionAffinity": "ClientIP"}}

    assert warnings_of(service, SERVICES) == ("spec.SessionAffinity is ignored for headless services",)
    assert warnings_of({"spec": {"clusterIP": "None"}}, SERVICES) == ()


def test_other_kinds_are_not_warned_of() -> None:
    assert warnings_of({"metadata": {"name": "a.b"}}, CONFIG_MAPS) == ()

"""Pods as an API server fills them in, takes them and refuses them."""

# ruff: noqa: E501 - messages stand in one piece, as clients see them.

import pytest

from jobset.local.kinds.pods.defaults import default_pod, default_pod_template
from jobset.local.kinds.pods.images import image_pull_policy
from jobset.local.kinds.pods.prepare import grace_seconds, prepare_pod_create, prepare_pod_status_update
from jobset.local.kinds.pods.priority import Refusal, admit_priority
from jobset.local.kinds.pods.qos import qos_class
from jobset.local.kinds.pods.updates import validate_pod_status_update, validate_pod_update
from jobset.local.kinds.pods.validation import validate_pod, validate_pod_template

C0 = "spec.containers[0]"


def a_container(**fields):
    return {"name": "c", "image": "x", "command": ["true"], **fields}


def a_pod(container=None, labels=None, **spec):
    metadata = {"name": "p", "namespace": "n", "labels": labels or {}, "creationTimestamp": "T"}
    given = {"metadata": metadata, "spec": {"containers": [container or a_container()], **spec}}
    return prepare_pod_create(default_pod(given))


def errors_of(pod):
    return [f"{error.field}: {error.message()}" for error in validate_pod(pod)]


def test_a_pod_that_asks_for_a_token_has_an_account():
    token = {
        "projected": {"sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}]}
    }

    pod = with_volume(**token)

    assert errors_of(pod) == []
    assert pod["spec"]["serviceAccountName"] == pod["spec"]["serviceAccount"] == "default"


def fields_of(errors):
    return [error.field for error in errors]


def with_container(**fields):
    return a_pod(a_container(**fields))


def with_volume(**source):
    return a_pod(volumes=[{"name": "v", **source}])


def annotated(**annotations):
    pod = a_pod()
    return {**pod, "metadata": {**pod["metadata"], "annotations": annotations}}


DNS_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
DNS_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
    "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
WITHOUT = "may not be set for init containers without restartPolicy=Always"
REFUSED = {
    "no containers": (a_pod() | {"spec": default_pod({"spec": {}})["spec"]}, ["spec.containers: Required value"]),
    "a bad container name": (with_container(name="A"), [f'{C0}.name: Invalid value: "A": {DNS_LABEL}']),
    "a name twice": (
        a_pod(initContainers=[a_container()]),
        ['spec.initContainers[0].name: Duplicate value: "c"'],
    ),
    "no image": (with_container(image=""), [f"{C0}.image: Required value"]),
    "an image with spaces": (
        with_container(image=" x"),
        [f'{C0}.image: Invalid value: " x": must not have leading or trailing whitespace'],
    ),
    "an unknown pull policy": (
        with_container(imagePullPolicy="X"),
        [
            f'{C0}.imagePullPolicy: Unsupported value: "X": supported values: "Always", "IfNotPresent", "Never"'
        ],
    ),
    "a variable without name": (with_container(env=[{"name": ""}]), [f"{C0}.env[0].name: Required value"]),
    "a variable with an equals sign": (
        with_container(env=[{"name": "A=B"}]),
        [
            f'{C0}.env[0].name: Invalid value: "A=B": a valid environment variable name must consist only of '
            "printable ASCII characters other than '='"
        ],
    ),
    "an empty source": (
        with_container(env=[{"name": "A", "valueFrom": {}}]),
        [
            f'{C0}.env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, '
            "`configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        ],
    ),
    "value and source": (
        with_container(env=[{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]),
        [f'{C0}.env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
    ),
    "a field only volumes know": (
        with_container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}}]),
        [
            f'{C0}.env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: '
            '"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", '
            '"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"'
        ],
    ),
    "an unknown field": (
        with_container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}]),
        [
            f'{C0}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.x": error converting fieldPath: '
            "field label not supported: spec.x"
        ],
    ),
    "a key without name": (
        with_container(env=[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m"}}}]),
        [f"{C0}.env[0].valueFrom.configMapKeyRef.key: Required value"],
    ),
    "no source of variables": (
        with_container(envFrom=[{}]),
        [f'{C0}.envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`'],
    ),
    "a mount of nothing": (
        with_container(volumeMounts=[{"name": "v", "mountPath": "/x"}]),
        [f'{C0}.volumeMounts[0].name: Not found: "v"'],
    ),
    "a path that leaves the volume": (
        a_pod(
            a_container(volumeMounts=[{"name": "v", "mountPath": "/x", "subPath": "../y"}]),
            volumes=[{"name": "v"}],
        ),
        [f"{C0}.volumeMounts.subPath: Invalid value: \"../y\": must not contain '..'"],
    ),
    "a port without number": (with_container(ports=[{}]), [f"{C0}.ports[0].containerPort: Required value"]),
    "a port beyond the last": (
        with_container(ports=[{"containerPort": 70000}]),
        [f"{C0}.ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"],
    ),
    "a host port twice": (
        with_container(ports=[{"containerPort": 1, "hostPort": 5}, {"containerPort": 2, "hostPort": 5}]),
        [f'{C0}.ports[1].hostPort: Duplicate value: "TCP//5"'],
    ),
    "more than the limit": (
        with_container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
        [f'{C0}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
    ),
    "an unknown plain resource": (
        with_container(resources={"limits": {"gpu": "1"}}),
        [
            f'{C0}.resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
            f'{C0}.resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers',
            f'{C0}.resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
            f'{C0}.resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
        ],
    ),
    "half a device": (
        with_container(resources={"limits": {"x.io/gpu": "500m"}}),
        [
            f'{C0}.resources.limits[x.io/gpu]: Invalid value: "500m": must be an integer',
            f'{C0}.resources.requests[x.io/gpu]: Invalid value: "500m": must be an integer',
        ],
    ),
    "a device without limit": (
        with_container(resources={"requests": {"x.io/gpu": "1"}}),
        [f"{C0}.resources.limits: Required value: Limit must be set for non overcommitable resources"],
    ),
    "no text of a quantity": (
        with_container(resources={"requests": {"memory": "lots"}}),
        [
            f'{C0}.resources.requests[memory]: Invalid value: "lots": quantities must match the regular '
            "expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        ],
    ),
    "a probe without handler": (
        with_container(livenessProbe={}),
        [f"{C0}.livenessProbe: Required value: must specify a handler type"],
    ),
    "a liveness probe that must succeed twice": (
        with_container(livenessProbe={"exec": {"command": ["a"]}, "successThreshold": 2}),
        [f"{C0}.livenessProbe.successThreshold: Invalid value: 2: must be 1"],
    ),
    "a sleep beyond the grace": (
        with_container(lifecycle={"preStop": {"sleep": {"seconds": 31}}}),
        [
            f"{C0}.lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than "
            "terminationGracePeriodSeconds (30)"
        ],
    ),
    "a probe of an init container": (
        a_pod(initContainers=[a_container(name="i", readinessProbe={"tcpSocket": {"port": 1}})]),
        [f"spec.initContainers[0].readinessProbe: Forbidden: {WITHOUT}"],
    ),
    "a bad volume cannot be mounted": (
        a_pod(
            a_container(volumeMounts=[{"name": "v", "mountPath": "/x"}]),
            volumes=[{"name": "v", "configMap": {"defaultMode": 1000}}],
        ),
        [
            "spec.volumes[0].configMap.name: Required value",
            "spec.volumes[0].configMap.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 "
            "(octal), both inclusive",
            f'{C0}.volumeMounts[0].name: Not found: "v"',
        ],
    ),
    "two sources": (
        with_volume(emptyDir={}, hostPath={"path": "/x"}),
        ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
    ),
    "a claim without name": (
        with_volume(persistentVolumeClaim={}),
        ["spec.volumes[0].persistentVolumeClaim.claimName: Required value"],
    ),
    "an unknown kind of host path": (
        with_volume(hostPath={"path": "/x", "type": "Dir"}),
        [
            'spec.volumes[0].hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", '
            '"CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"'
        ],
    ),
    "an unknown DNS policy": (
        a_pod(dnsPolicy="X"),
        [
            'spec.dnsPolicy: Unsupported value: "X": supported values: "ClusterFirstWithHostNet", '
            '"ClusterFirst", "Default", "None"'
        ],
    ),
    "no DNS at all": (
        a_pod(dnsPolicy="None"),
        ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    ),
    "a bad node selector": (
        a_pod(nodeSelector={"a": "b c"}),
        [
            "spec.nodeSelector: Invalid value: \"b c\": a valid label must be an empty string or consist of "
            "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
            "(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
            "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
        ],
    ),
    "a user below zero": (
        a_pod(securityContext={"runAsUser": -1}),
        [
            "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"
        ],
    ),
    "a toleration of everything but Exists": (
        a_pod(tolerations=[{"operator": "Equal"}]),
        [
            'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, '
            'which means "match all values and all keys"'
        ],
    ),
    "a toleration with a bad effect": (
        a_pod(tolerations=[{"key": "a", "operator": "Exists", "effect": "No"}]),
        [
            'spec.tolerations[0].effect: Unsupported value: "No": supported values: "NoSchedule", '
            '"PreferNoSchedule", "NoExecute"'
        ],
    ),
    "a node selector without values": (
        a_pod(
            affinity={
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In"}]}]
                    }
                }
            }
        ),
        [
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]."
            "matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"
        ],
    ),
    "a weight of nothing": (
        a_pod(
            affinity={
                "podAntiAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {"weight": 0, "podAffinityTerm": {"topologyKey": "z"}}
                    ]
                }
            }
        ),
        [
            "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: "
            "Invalid value: 0: must be in the range 1-100"
        ],
    ),
    "a gate twice": (
        a_pod(schedulingGates=[{"name": "x.io/g"}, {"name": "x.io/g"}]),
        ['spec.schedulingGates[1]: Duplicate value: "x.io/g"'],
    ),
    "a gate without a name of its own": (
        a_pod(schedulingGates=[{"name": ""}]),
        [
            'spec.schedulingGates[0]: Invalid value: "": name part must be non-empty',
            'spec.schedulingGates[0]: Invalid value: "": name part must consist of alphanumeric characters, '
            "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or "
            "'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        ],
    ),
    "a toleration of everything with a value": (
        a_pod(tolerations=[{"key": "a", "operator": "Exists", "value": "x"}]),
        ["spec.tolerations[0].operator: Invalid value: \"x\": value must be empty when `operator` is 'Exists'"],
    ),
    "a toleration with an operator behind a gate": (
        a_pod(tolerations=[{"key": "a", "operator": "Lt", "value": "1"}]),
        [
            'spec.tolerations[0].operator: Unsupported value: "Lt": supported values: "Equal", "Exists", "Lt", "Gt"'
        ],
    ),
    "a toleration with an unknown operator": (
        a_pod(tolerations=[{"key": "a", "operator": "In"}]),
        ['spec.tolerations[0].operator: Unsupported value: "In": supported values: "Equal", "Exists"'],
    ),
    "half a huge page": (
        with_container(resources={"limits": {"hugepages-2Mi": "1Mi", "cpu": "1"}}),
        [
            f'{C0}.resources.{side}[hugepages-2Mi]: Invalid value: "1Mi": 1Mi is not positive integer multiple of hugepages-2Mi'
            for side in ("limits", "requests")
        ],
    ),
    "huge pages of no size": (
        with_container(resources={"limits": {"hugepages-x": "1Mi", "cpu": "1"}}),
        [
            f'{C0}.resources.{side}[hugepages-x]: Invalid value: "1Mi": 1Mi is not positive integer multiple of hugepages-x'
            for side in ("limits", "requests")
        ],
    ),
    "a claim of nothing": (
        with_container(resources={"claims": [{"name": "a"}]}),
        [
            f'{C0}.resources.claims[0]: Not found: "a": must be one of the names in pod.spec.resourceClaims which is empty'
        ],
    ),
    "a claim of something else": (
        a_pod(
            a_container(resources={"claims": [{"name": "a"}]}),
            resourceClaims=[{"name": "b", "resourceClaimName": "x"}],
        ),
        [
            f'{C0}.resources.claims[0]: Not found: "a": must be one of the names in pod.spec.resourceClaims: b'
        ],
    ),
    "a resource claim twice": (
        a_pod(resourceClaims=[{"name": "b", "resourceClaimName": "x"}] * 2),
        ['spec.resourceClaims[1].name: Duplicate value: "b"'],
    ),
    "a resource claim with a bad name": (
        a_pod(resourceClaims=[{"name": "B", "resourceClaimName": "x"}]),
        [f'spec.resourceClaims[0].name: Invalid value: "B": {DNS_LABEL}'],
    ),
    "resources that no pod has as a whole": (
        a_pod(resources={"limits": {"x.io/a": "1", "foo": "1"}, "claims": [{"name": "b"}]}),
        [
            "spec.resources.claims: Forbidden: claims may not be set for Resources at pod-level",
            'spec.resources.limits[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
            'spec.resources.limits[x.io/a]: Unsupported value: "x.io/a": supported values: "cpu", "hugepages-", "memory"',
            'spec.resources.claims[0]: Not found: "b": must be one of the names in pod.spec.resourceClaims which is empty',
        ],
    ),
    "two sources of a projection, and paths that collide": (
        with_volume(
            projected={
                "sources": [
                    {
                        "secret": {"name": "s", "items": [{"key": "k", "path": "p"}]},
                        "configMap": {"name": "m", "items": [{"key": "k", "path": "p"}]},
                    },
                    {},
                ]
            }
        ),
        [
            'spec.volumes[0].projected: Invalid value: "m": conflicting duplicate paths',
            "spec.volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source",
        ],
    ),
    "a token above its volume": (
        with_volume(
            projected={"sources": [{"serviceAccountToken": {"path": "../t", "expirationSeconds": 600}}]}
        ),
        ["spec.volumes[0].projected.path: Invalid value: \"../t\": must not contain '..'"],
    ),
    "a host path with a step back": (
        with_volume(hostPath={"path": "/a/../b"}),
        ["spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"],
    ),
    "an NFS volume without a path": (
        with_volume(nfs={"server": "s"}),
        [
            "spec.volumes[0].nfs.path: Required value",
            'spec.volumes[0].nfs.path: Invalid value: "": must be an absolute path',
        ],
    ),
    "a variable from a file of no volume": (
        with_container(
            env=[{"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "p", "key": "K"}}}]
        ),
        [f'{C0}.env[0].valueFrom.fileKeyRef.volumeName: Not found: "v"'],
    ),
    "another port of the host than its own": (
        a_pod(a_container(ports=[{"containerPort": 80, "hostPort": 81}]), hostNetwork=True),
        [
            f"{C0}.ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"
        ],
    ),
    "processes shared twice": (
        a_pod(hostPID=True, shareProcessNamespace=True),
        [
            "spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled"
        ],
    ),
    "a bad kernel setting": (
        a_pod(securityContext={"sysctls": [{"name": "A", "value": "1"}]}),
        [
            'spec.securityContext.sysctls[0].name: Invalid value: "A": must have at most 253 characters and match regex '
            r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
        ],
    ),
    "a policy of labels behind a gate": (
        a_pod(securityContext={"seLinuxChangePolicy": "MountOption"}),
        [
            'spec.securityContext.seLinuxChangePolicy: Unsupported value: "MountOption": supported values: "Recursive"'
        ],
    ),
    "a profile in spaces": (
        with_container(securityContext={"appArmorProfile": {"type": "Localhost", "localhostProfile": " p"}}),
        [
            f'{C0}.securityContext.appArmorProfile.localhostProfile: Invalid value: " p": must not be padded with whitespace'
        ],
    ),
    "a system that is not known": (
        a_pod(os={"name": "x"}),
        ['spec.os: Unsupported value: "x": supported values: "linux", "windows"'],
    ),
    "a system without a name": (a_pod(os={}), ["spec.os.name: Required value"]),
    "a host alias with a bad name": (
        a_pod(hostAliases=[{"ip": "1.2.3.4", "hostnames": ["a", "A"]}]),
        [
            f'spec.hostAliases[0].hostnames[1]: Invalid value: "A": {DNS_SUBDOMAIN}'
        ],
    ),
    "a bad domain to search": (
        a_pod(dnsConfig={"searches": ["_a_b.c.", "A"]}),
        [
            "spec.dnsConfig.searches[1]: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case "
            "alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. "
            r"'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')"
        ],
    ),
    "a long domain to search": (
        a_pod(dnsConfig={"searches": ["a" * 254]}),
        [f'spec.dnsConfig.searches[0]: Invalid value: "{"a" * 254}": must be no more than 253 characters'],
    ),
    "too many rules and codes": (
        with_container(
            restartPolicy="Never",
            restartPolicyRules=[
                {"action": "Restart", "exitCodes": {"operator": "In", "values": list(range(256))}},
                *[{"action": "Restart", "exitCodes": {"operator": "In"}}] * 20,
            ],
        ),
        [
            f"{C0}.restartPolicyRules: Too many: 21: must have at most 20 items",
            f"{C0}.restartPolicyRules[0].exitCodes.values: Too many: 256: must have at most 255 items",
        ],
    ),
    "a mirror of no node": (
        annotated(**{"kubernetes.io/config.mirror": "x"}),
        [
            'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set'
        ],
    ),
    "a cost that is no number": (
        annotated(**{"controller.kubernetes.io/pod-deletion-cost": "+1"}),
        [
            'metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "+1": must be a 32bit integer'
        ],
    ),
    "a node despite gates": (
        a_pod(nodeName="n", schedulingGates=[{"name": "x"}]),
        ["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"],
    ),
    "ephemeral containers": (
        a_pod(ephemeralContainers=[a_container(name="e")]),
        ["spec.ephemeralContainers: Forbidden: cannot be set on create"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("pod", "errors"), REFUSED.values(), ids=REFUSED)
def test_a_pod_that_is_refused(pod, errors):
    assert errors_of(pod) == errors


TAKEN = {
    "a label as variable": with_container(
        env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a/b']"}}}]
    ),
    "a sidecar with a probe": a_pod(
        initContainers=[
            a_container(name="s", restartPolicy="Always", startupProbe={"tcpSocket": {"port": 1}})
        ]
    ),
    "a volume of everything": a_pod(
        a_container(volumeMounts=[{"name": "v", "mountPath": "/x", "readOnly": True}]),
        volumes=[
            {
                "name": "v",
                "projected": {
                    "sources": [
                        {"configMap": {"name": "m"}},
                        {
                            "downwardAPI": {
                                "items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]
                            }
                        },
                    ]
                },
            }
        ],
    ),
    "a cost": annotated(**{"controller.kubernetes.io/pod-deletion-cost": "-1"}),
    "a key of a spread that is no label": a_pod(
        topologySpreadConstraints=[
            {"maxSkew": 1, "topologyKey": "a b", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
        ]
    ),
    "devices": with_container(resources={"limits": {"nvidia.com/gpu": 1}}),
}


@pytest.mark.parametrize("pod", TAKEN.values(), ids=TAKEN)
def test_a_pod_that_is_taken(pod):
    assert errors_of(pod) == []


def test_a_template_names_its_own_path():
    template = default_pod_template({"metadata": {"labels": {"a b": ""}}, "spec": {"containers": []}})

    assert fields_of(validate_pod_template(template, "t")) == ["t.labels", "t.spec.containers"]


def test_what_has_its_defaults_comes_back_itself():
    pod = default_pod(a_pod(volumes=[{"name": "v", "secret": {"secretName": "s"}}]))

    assert default_pod(pod) is pod


POLICIES = {
    "x": "Always", "x:latest": "Always", "x:1": "IfNotPresent", "h:5000/x": "Always", "h:5000/x:1": "IfNotPresent",
    "x@sha256:" + 64 * "0": "IfNotPresent", "UPPER": "IfNotPresent", "": "IfNotPresent", "Host.io/x": "Always",
}  # fmt: skip


@pytest.mark.parametrize(("image", "policy"), POLICIES.items())
def test_the_pull_policy_follows_from_the_tag(image, policy):
    assert image_pull_policy(image) == policy


FULL = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
CLASSES = {
    "nothing asked": ([{}], "BestEffort"),
    "requests only": ([{"requests": {"cpu": "1"}}], "Burstable"),
    "limits equal requests": ([FULL], "Guaranteed"),
    "one container without": ([FULL, {}], "Burstable"),
    "other resources do not count": ([{"limits": {"x.io/gpu": "1"}}], "BestEffort"),
}


@pytest.mark.parametrize(("resources", "expected"), CLASSES.values(), ids=CLASSES)
def test_the_quality_of_service_class(resources, expected):
    assert qos_class({"containers": [{"resources": each} for each in resources]}) == expected


def test_requests_default_to_limits_and_quantities_become_canonical():
    pod = with_container(resources={"limits": {"cpu": "0.5", "memory": "1024Mi"}})

    limits = {"cpu": "500m", "memory": "1Gi"}
    assert pod["spec"]["containers"][0]["resources"] == {"limits": limits, "requests": limits}


def test_a_pod_on_the_hosts_network_uses_the_hosts_ports():
    pod = a_pod(a_container(ports=[{"containerPort": 80}]), hostNetwork=True)

    port = {"containerPort": 80, "hostPort": 80, "protocol": "TCP"}
    assert pod["spec"]["containers"][0]["ports"] == [port]


def test_the_pods_own_label_is_folded_into_affinity():
    term = {"topologyKey": "z", "labelSelector": {"matchLabels": {"a": "b"}}, "matchLabelKeys": ["job"]}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}

    pod = a_pod(labels={"job": "j"}, affinity=affinity)

    (merged,) = pod["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert merged["labelSelector"]["matchExpressions"] == [{"key": "job", "operator": "In", "values": ["j"]}]


def test_a_gated_pod_says_so_from_the_start():
    (condition,) = a_pod(schedulingGates=[{"name": "g"}])["status"]["conditions"]

    assert (condition["type"], condition["reason"]) == ("PodScheduled", "SchedulingGated")


GRACES = {
    "not bound": (a_pod(), None, 0),
    "bound": (a_pod(nodeName="n"), None, 30),
    "asked for": (a_pod(nodeName="n"), 3, 3),
    "below zero": (a_pod(nodeName="n"), -5, 1),
    "ended": (a_pod(nodeName="n") | {"status": {"phase": "Failed"}}, None, 0),
}


@pytest.mark.parametrize(("pod", "requested", "seconds"), GRACES.values(), ids=GRACES)
def test_how_long_a_deleted_pod_may_take(pod, requested, seconds):
    assert grace_seconds(pod, requested) == seconds


HIGH = {"metadata": {"name": "high"}, "value": 7, "preemptionPolicy": "Never"}


def admitted(spec, default=None):
    return admit_priority({"spec": spec}, {"high": HIGH}.get, default)


def test_a_class_gives_its_priority():
    assert admitted({"priorityClassName": "high"})["spec"] == {
        "priorityClassName": "high",
        "priority": 7,
        "preemptionPolicy": "Never",
    }
    assert admitted({"priorityClassName": "system-node-critical"})["spec"]["priority"] == 2000001000


def test_the_default_class_is_named_in_the_pod():
    assert admitted({"priority": 0, "preemptionPolicy": "PreemptLowerPriority"}, HIGH)["spec"] == {
        "priorityClassName": "high",
        "priority": 7,
        "preemptionPolicy": "Never",
    }


def test_nobody_names_a_priority_by_hand():
    assert admitted({"priorityClassName": "none"}) == Refusal("no PriorityClass with name none was found")
    assert "the integer value of priority (5) must not be provided" in admitted({"priority": 5}).reason


def changed(pod, **spec):
    return pod | {"spec": pod["spec"] | spec}


def update_errors(old, **spec):
    return [
        f"{e.field}: {e.message()}".split("\n")[0] for e in validate_pod_update(changed(old, **spec), old)
    ]


OTHERS = (
    "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
GATED = a_pod(schedulingGates=[{"name": "x.io/g"}], nodeSelector={"a": "b"})
TOLERATIONS = a_pod()["spec"]["tolerations"]
UPDATES = {
    "another image": (a_pod(), {"containers": [a_pod()["spec"]["containers"][0] | {"image": "y"}]}, []),
    "one more container": (
        a_pod(),
        {"containers": [*a_pod()["spec"]["containers"]] * 2},
        [
            'spec.containers[1].name: Duplicate value: "c"',
            "spec.containers: Forbidden: pod updates may not add or remove containers",
        ],
    ),
    "another host name": (a_pod(), {"hostname": "h"}, [OTHERS]),
    "a deadline": (a_pod(), {"activeDeadlineSeconds": 5}, []),
    "a later deadline": (
        a_pod(activeDeadlineSeconds=5),
        {"activeDeadlineSeconds": 6},
        ["spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value"],
    ),
    "no deadline any more": (
        a_pod(activeDeadlineSeconds=5),
        {"activeDeadlineSeconds": None},
        [
            "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value"
        ],
    ),
    "one more toleration": (a_pod(), {"tolerations": [*TOLERATIONS, {"key": "z", "operator": "Exists"}]}, []),
    "one toleration less": (
        a_pod(),
        {"tolerations": TOLERATIONS[1:]},
        ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"],
    ),
    "a gate less": (GATED, {"schedulingGates": []}, []),
    "another gate": (
        GATED,
        {"schedulingGates": [{"name": "x.io/h"}]},
        [
            "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate "
            "'x.io/h'"
        ],
    ),
    "a narrower node selector while gated": (GATED, {"nodeSelector": {"a": "b", "c": "d"}}, []),
    "another node selector while gated": (
        GATED,
        {"nodeSelector": {"a": "c"}},
        [
            'spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed '
            "(no mutations or deletions)"
        ],
    ),
    "a node selector without gates": (a_pod(), {"nodeSelector": {"a": "b"}}, [OTHERS]),
}  # fmt: skip


@pytest.mark.parametrize(("old", "change", "errors"), UPDATES.values(), ids=UPDATES)
def test_what_may_change_about_a_pod(old, change, errors):
    assert update_errors(old, **change) == errors


def test_a_refused_change_shows_the_difference():
    old = a_pod()

    (error,) = validate_pod_update(changed(old, hostname="h"), old)

    assert '- "Hostname": "",\n+ "Hostname": "h",\n  "Subdomain": "",' in error.detail


def test_a_struct_is_shown_with_all_of_its_fields():
    old = a_pod()
    terms = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}

    (error,) = validate_pod_update(changed(old, affinity=affinity), old)

    shown = [line.strip() for line in error.detail.splitlines() if line.startswith("+")]
    assert '+        "Values": null' in shown
    assert '+      "MatchFields": null' in shown
    assert '+  "PodAntiAffinity": null' in shown


def test_an_empty_struct_is_not_as_good_as_none():
    old = a_pod()

    assert len(validate_pod_update(changed(old, affinity={}), old)) == 1
    assert validate_pod_update(changed(old, nodeSelector={}), old) == []


def with_status(pod, **status):
    return pod | {"status": pod["status"] | status}


def test_the_two_ways_to_say_an_address_agree():
    old = a_pod()

    status = prepare_pod_status_update(with_status(old, podIP="127.0.0.2"), old)["status"]

    assert status["podIPs"] == [{"ip": "127.0.0.2"}]


def test_the_address_of_the_host_stands_alone():
    old = a_pod()

    status = prepare_pod_status_update(with_status(old, hostIP="1.2.3.4"), old)["status"]

    assert "hostIPs" not in status


STATUSES = {
    "two addresses of one family": (
        {"podIPs": [{"ip": "1.2.3.4"}, {"ip": "1.2.3.5"}]},
        ["status.podIPs"],
    ),
    "an address of each family": ({"podIPs": [{"ip": "1.2.3.4"}, {"ip": "::1"}]}, []),
    "another class": ({"qosClass": "Guaranteed"}, ["status.qosClass"]),
    "a condition without a good name": ({"conditions": [{"type": "a b"}]}, ["status.conditions[0].Type"]),
    "a generation below zero": ({"observedGeneration": -1}, ["status.observedGeneration"]),
    "a bad name of a node": ({"nominatedNodeName": "A"}, ["status.nominatedNodeName"]),
    "a claim of nothing": (
        {"resourceClaimStatuses": [{"name": "a"}]},
        ["status.resourceClaimStatuses[0].name"],
    ),
}


@pytest.mark.parametrize(("status", "fields"), STATUSES.values(), ids=STATUSES)
def test_what_a_status_of_a_pod_may_say(status, fields):
    old = a_pod()

    assert fields_of(validate_pod_status_update(with_status(old, **status), old)) == fields


def test_a_pod_that_is_bound_is_nominated_nowhere():
    old = a_pod(nodeName="n")

    errors = validate_pod_status_update(with_status(old, nominatedNodeName="m"), old)

    assert fields_of(errors) == ["status.nominatedNodeName"]


ENDED = [{"name": "c", "state": {"terminated": {"exitCode": 0}}}]
RUNNING = [{"name": "c", "state": {"running": {}}}]


def test_a_container_that_ended_for_good_does_not_run_again():
    old = with_status(a_pod(restartPolicy="Never"), containerStatuses=ENDED)

    errors = validate_pod_status_update(with_status(old, containerStatuses=RUNNING), old)

    assert fields_of(errors) == ["status.containerStatuses[0].state"]


def test_a_container_that_restarts_may_run_again():
    old = with_status(a_pod(restartPolicy="Always"), containerStatuses=ENDED)

    assert validate_pod_status_update(with_status(old, containerStatuses=RUNNING), old) == []

"""Pod specs as the server prints them in messages: Go's own names, every field, and differences of two.

Structs that messages show most are printed whole; deeper ones with the fields that are set.
"""

import difflib
import json
from collections.abc import Mapping
from typing import Any

Struct = Mapping[str, Any]

_POD_SPEC = (
    "volumes initContainers containers ephemeralContainers restartPolicy='' terminationGracePeriodSeconds "
    "activeDeadlineSeconds dnsPolicy='' nodeSelector serviceAccountName='' automountServiceAccountToken "
    "nodeName='' securityContext imagePullSecrets hostname='' subdomain='' setHostnameAsFQDN affinity "
    "schedulerName='' tolerations hostAliases priorityClassName='' priority preemptionPolicy dnsConfig "
    "readinessGates runtimeClassName overhead enableServiceLinks topologySpreadConstraints os "
    "schedulingGates resourceClaims resources hostnameOverride schedulingGroup"
)
_POD_SECURITY = (
    "hostNetwork=False hostPID=False hostIPC=False shareProcessNamespace hostUsers seLinuxOptions "
    "windowsOptions runAsUser runAsGroup runAsNonRoot supplementalGroups supplementalGroupsPolicy fsGroup "
    "fsGroupChangePolicy sysctls seccompProfile appArmorProfile seLinuxChangePolicy"
)
_CONTAINER = (
    "name='' image='' command args workingDir='' ports envFrom env resources resizePolicy restartPolicy "
    "restartPolicyRules volumeMounts volumeDevices livenessProbe readinessProbe startupProbe lifecycle "
    "terminationMessagePath='' terminationMessagePolicy='' imagePullPolicy='' securityContext stdin=False "
    "stdinOnce=False tty=False"
)
_PROBE = (
    "exec httpGet tcpSocket grpc initialDelaySeconds=0 timeoutSeconds=0 periodSeconds=0 successThreshold=0 "
    "failureThreshold=0 terminationGracePeriodSeconds"
)
_VOLUME = (
    "name='' hostPath emptyDir gcePersistentDisk awsElasticBlockStore gitRepo secret nfs iscsi glusterfs "
    "persistentVolumeClaim rbd quobyte flexVolume cinder cephfs flocker downwardAPI fc azureFile configMap "
    "vsphereVolume azureDisk photonPersistentDisk projected portworxVolume scaleIO storageos csi ephemeral "
    "image"
)
_CONTAINER_SECURITY = (
    "capabilities privileged seLinuxOptions windowsOptions runAsUser runAsGroup runAsNonRoot "
    "readOnlyRootFilesystem allowPrivilegeEscalation procMount seccompProfile appArmorProfile"
)
_KEY = "name='' key='' optional"
_WHOLE = "name='' optional"
_HOOK = "exec httpGet tcpSocket sleep"
_STRUCTS = {
    "affinity": "nodeAffinity podAffinity podAntiAffinity",
    **dict.fromkeys(
        ("nodeAffinity", "podAffinity", "podAntiAffinity"),
        "requiredDuringSchedulingIgnoredDuringExecution preferredDuringSchedulingIgnoredDuringExecution",
    ),
    "nodeSelectorTerms": "matchExpressions matchFields",
    "matchExpressions": "key='' operator='' values",
    "volumes": _VOLUME,
    "emptyDir": "medium='' sizeLimit",
    "hostPath": "path='' type",
    "secret": "secretName='' items defaultMode optional",
    "configMap": "name='' items defaultMode optional",
    "items": "key='' path='' mode",
    "persistentVolumeClaim": "claimName='' readOnly=False",
    **dict.fromkeys(("livenessProbe", "readinessProbe", "startupProbe"), _PROBE),
    "lifecycle": "postStart preStop stopSignal",
    **dict.fromkeys(("postStart", "preStop"), _HOOK),
    "exec": "command",
    "securityContext": _CONTAINER_SECURITY,
    "httpGet": "path='' port host='' scheme='' httpHeaders",
    "tcpSocket": "port host=''",
    "grpc": "port=0 service",
    "envFrom": "prefix='' configMapRef secretRef",
    **dict.fromkeys(("configMapRef", "secretRef"), _WHOLE),
    **dict.fromkeys(("configMapKeyRef", "secretKeyRef"), _KEY),
    "resourceFieldRef": "containerName='' resource='' divisor",
    "containers": _CONTAINER,
    "initContainers": _CONTAINER,
    "ephemeralContainers": f"{_CONTAINER} targetContainerName=''",
    "env": "name='' value='' valueFrom",
    "valueFrom": "fieldRef resourceFieldRef configMapKeyRef secretKeyRef fileKeyRef",
    "fieldRef": "apiVersion='' fieldPath=''",
    "resources": "limits requests claims",
    "ports": "name='' hostPort=0 containerPort=0 protocol='' hostIP=''",
    "tolerations": "key='' operator='' value='' effect='' tolerationSeconds",
    "schedulingGates": "name=''",
    "imagePullSecrets": "name=''",
    "volumeMounts": (
        "name='' readOnly=False recursiveReadOnly mountPath='' subPath='' mountPropagation subPathExpr=''"
    ),
}
_MAPS = {"nodeSelector", "limits", "requests", "overhead", "matchLabels"}
_HOST_FIELDS = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")
_GO_NAMES = {
    "apiVersion": "APIVersion",
    "dnsConfig": "DNSConfig",
    "dnsPolicy": "DNSPolicy",
    "fsGroup": "FSGroup",
    "fsGroupChangePolicy": "FSGroupChangePolicy",
    "grpc": "GRPC",
    "gcePersistentDisk": "GCEPersistentDisk",
    "awsElasticBlockStore": "AWSElasticBlockStore",
    "iscsi": "ISCSI",
    "rbd": "RBD",
    "cephfs": "CephFS",
    "downwardAPI": "DownwardAPI",
    "fc": "FC",
    "storageos": "StorageOS",
    "httpGet": "HTTPGet",
    "httpHeaders": "HTTPHeaders",
    "ip": "IP",
    "nfs": "NFS",
    "csi": "CSI",
    "os": "OS",
    "seLinuxChangePolicy": "SELinuxChangePolicy",
    "seLinuxOptions": "SELinuxOptions",
    "tcpSocket": "TCPSocket",
    "tty": "TTY",
}
_ZEROES: Mapping[str, Any] = {"''": "", "False": False, "0": 0}


def go_pod_spec(spec: Struct) -> Struct:
    """A pod spec under Go's names."""
    # compat: the server's own type keeps what concerns the host in the security context.
    security = {**(spec.get("securityContext") or {}), **{k: spec[k] for k in _HOST_FIELDS if k in spec}}
    printed = _struct({**spec, "securityContext": {}}, _POD_SPEC)
    printed["SecurityContext"] = _struct(security, _POD_SECURITY)
    return printed


def go_pod_template(template: Struct) -> Struct:
    """A pod template under Go's names."""
    meta = {key: value for key, value in (template.get("metadata") or {}).items() if value}
    name = {"name": meta["name"]} if "name" in meta else {}
    maps = {key: dict(sorted(meta[key].items())) for key in ("labels", "annotations") if key in meta}
    return {**name, **maps, "Spec": go_pod_spec(template.get("spec") or {})}


def go_value(value: Any) -> Any:
    """A value whose structs carry Go's names."""
    return _value("", value) if not isinstance(value, list) else value


def pod_spec_difference(old: Struct, new: Struct) -> str:
    """The lines in which two pod specs differ, with three lines around them."""
    return _difference(go_pod_spec(old), go_pod_spec(new))


def difference(old: Struct, new: Struct) -> str:
    """The lines in which two other structs differ."""
    return _difference(go_value(old), go_value(new))


def _difference(old: Struct, new: Struct) -> str:
    lines = difflib.unified_diff(_lines(old), _lines(new), n=3)
    return "".join(list(lines)[2:])


def _lines(value: Struct) -> list[str]:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    return [line + "\n" for line in text.split("\n")]


def _struct(value: Struct, fields: str) -> dict[str, Any]:
    printed = {}
    for field in fields.split():
        key, _, zero = field.partition("=")
        given = value.get(key)
        printed[_go_name(key)] = _ZEROES.get(zero) if given is None else _value(key, given)
    return printed


def _value(key: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_value(key, item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if key in _MAPS:
        return dict(sorted(value.items())) or None
    if key in _STRUCTS:
        return _struct(value, _STRUCTS[key])
    return {_go_name(inner): _value(inner, item) for inner, item in value.items()}


def _go_name(key: str) -> str:
    return _GO_NAMES.get(key) or key[:1].upper() + key[1:]

"""The class of every field of a pod on this machine, and why some are not as in a cluster."""

from collections.abc import Mapping
from enum import StrEnum


class FieldClass(StrEnum):
    """What becomes of a field when a pod runs here."""

    HONOURED = "honoured"
    """Means what it means in a cluster."""
    LOCAL_FORM = "local form"
    """Means the same to the program, done in another way."""
    NOTICED = "noticed"
    """Ignored, which is told once."""
    REFUSED = "refused"
    """A run that relies on it does not start."""


_HONOURED, _LOCAL = FieldClass.HONOURED, FieldClass.LOCAL_FORM
_NOTICED, _REFUSED = FieldClass.NOTICED, FieldClass.REFUSED

_BY_CLASS: Mapping[str, Mapping[FieldClass, str]] = {
    "PodSpec": {
        _HONOURED: (
            "activeDeadlineSeconds affinity containers hostAliases hostname hostnameOverride initContainers "
            "nodeName nodeSelector preemptionPolicy priority priorityClassName readinessGates restartPolicy "
            "schedulerName schedulingGates securityContext setHostnameAsFQDN subdomain "
            "terminationGracePeriodSeconds tolerations topologySpreadConstraints volumes"
        ),
        _LOCAL: (
            "automountServiceAccountToken dnsConfig hostIPC hostNetwork hostPID os resources serviceAccount "
            "serviceAccountName shareProcessNamespace"
        ),
        _NOTICED: (
            "dnsPolicy enableServiceLinks hostUsers imagePullSecrets overhead runtimeClassName "
            "schedulingGroup"
        ),
        _REFUSED: "ephemeralContainers resourceClaims",
    },
    "Container": {
        _HONOURED: (
            "args command env envFrom lifecycle livenessProbe name readinessProbe restartPolicy "
            "restartPolicyRules securityContext startupProbe stdin stdinOnce terminationMessagePath "
            "terminationMessagePolicy tty volumeMounts workingDir"
        ),
        _LOCAL: "ports resources",
        _NOTICED: "image imagePullPolicy resizePolicy",
        _REFUSED: "volumeDevices",
    },
    "PodSecurityContext": {
        _HONOURED: "runAsNonRoot",
        _NOTICED: (
            "appArmorProfile fsGroup fsGroupChangePolicy runAsGroup seLinuxChangePolicy seLinuxOptions "
            "seccompProfile supplementalGroups supplementalGroupsPolicy sysctls"
        ),
        _REFUSED: "runAsUser windowsOptions",
    },
    "SecurityContext": {
        _HONOURED: "runAsNonRoot",
        _NOTICED: (
            "allowPrivilegeEscalation appArmorProfile procMount readOnlyRootFilesystem runAsGroup "
            "seLinuxOptions seccompProfile"
        ),
        _REFUSED: "capabilities privileged runAsUser windowsOptions",
    },
    "Capabilities": {_NOTICED: "drop", _REFUSED: "add"},
    "Volume": {
        _HONOURED: "configMap emptyDir hostPath name projected secret",
        _LOCAL: "downwardAPI ephemeral persistentVolumeClaim",
        _REFUSED: (
            "awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker "
            "gcePersistentDisk gitRepo glusterfs image iscsi nfs photonPersistentDisk portworxVolume quobyte "
            "rbd scaleIO storageos vsphereVolume"
        ),
    },
    "VolumeProjection": {
        _HONOURED: "configMap secret",
        _LOCAL: "downwardAPI serviceAccountToken",
        _REFUSED: "clusterTrustBundle podCertificate",
    },
    "EmptyDirVolumeSource": {_HONOURED: "sizeLimit", _LOCAL: "medium"},
    "HostPathVolumeSource": {_HONOURED: "path type"},
    "PersistentVolumeClaimVolumeSource": {_HONOURED: "claimName readOnly"},
    "VolumeMount": {
        _HONOURED: "mountPath name readOnly subPath subPathExpr",
        _NOTICED: "mountPropagation recursiveReadOnly",
    },
    "ContainerPort": {
        _HONOURED: "containerPort name",
        _LOCAL: "hostIP hostPort protocol",
    },
    "ResourceRequirements": {_LOCAL: "limits requests", _REFUSED: "claims"},
    "EnvVar": {_HONOURED: "name value valueFrom"},
    "EnvVarSource": {
        _HONOURED: "configMapKeyRef fieldRef fileKeyRef resourceFieldRef secretKeyRef",
    },
    "EnvFromSource": {_HONOURED: "configMapRef prefix secretRef"},
    "Probe": {
        _HONOURED: (
            "exec failureThreshold grpc httpGet initialDelaySeconds periodSeconds successThreshold tcpSocket "
            "terminationGracePeriodSeconds timeoutSeconds"
        ),
    },
    "HTTPGetAction": {_HONOURED: "host httpHeaders path port scheme"},
    "Lifecycle": {_HONOURED: "postStart preStop stopSignal"},
    "LifecycleHandler": {_HONOURED: "exec httpGet sleep tcpSocket"},
    "ContainerRestartRule": {_HONOURED: "action exitCodes"},
    "Affinity": {_HONOURED: "nodeAffinity podAffinity podAntiAffinity"},
    "Toleration": {_HONOURED: "effect key operator tolerationSeconds value"},
    "TopologySpreadConstraint": {
        _HONOURED: (
            "labelSelector matchLabelKeys maxSkew minDomains nodeAffinityPolicy nodeTaintsPolicy topologyKey "
            "whenUnsatisfiable"
        ),
    },
    "PodDNSConfig": {_LOCAL: "nameservers options searches"},
    "HostAlias": {_HONOURED: "hostnames ip"},
    "PodReadinessGate": {_HONOURED: "conditionType"},
    "PodSchedulingGate": {_HONOURED: "name"},
}

FIELD_CLASSES: Mapping[str, Mapping[str, FieldClass]] = {
    component: {field: kind for kind, fields in listed.items() for field in fields.split()}
    for component, listed in _BY_CLASS.items()
}
"""The class of every field by component, such as `Container`, and field."""

SCHEMA_PREFIX = "io.k8s.api.core.v1."
"""What the names of these components begin with in the schema."""

WHY_NOTICED: Mapping[str, str] = {
    "image": "no image is pulled: the command runs from this machine's own files",
    "imagePullPolicy": "no image is pulled",
    "imagePullSecrets": "no image is pulled",
    "resizePolicy": "resources of running containers do not change here",
    "dnsPolicy": "programs use this machine's resolver",
    "enableServiceLinks": "no variables for Services are set: Services have no addresses here",
    "hostUsers": "containers run as the user who started the run",
    "overhead": "there is no sandbox that needs resources of its own",
    "runtimeClassName": "containers are plain processes of this machine",
    "schedulingGroup": "pods are scheduled one by one",
    "appArmorProfile": "processes keep the profile of the user who started the run",
    "seccompProfile": "processes keep the system calls of the user who started the run",
    "seLinuxOptions": "processes keep the label of the user who started the run",
    "seLinuxChangePolicy": "volumes are not labelled",
    "fsGroup": "files of volumes belong to the user who started the run",
    "fsGroupChangePolicy": "files of volumes belong to the user who started the run",
    "runAsGroup": "processes run with the group of the user who started the run",
    "supplementalGroups": "processes keep the groups of the user who started the run",
    "supplementalGroupsPolicy": "processes keep the groups of the user who started the run",
    "sysctls": "kernel settings of this machine are not changed",
    "allowPrivilegeEscalation": "processes may do what the user who started the run may do",
    "procMount": "processes see /proc as the namespaces of this machine allow",
    "readOnlyRootFilesystem": "processes write where the user who started the run may write",
    "drop": "processes have no capabilities beyond those of the user who started the run",
    "mountPropagation": "mounts made later do not travel between containers and this machine",
    "recursiveReadOnly": "mounts below a read-only mount keep their own mode",
}
"""The explanation of every field of class NOTICED."""

_NETWORK_VOLUME = (
    "volumes of a storage system are not mounted on this machine",
    "mount it yourself and use a hostPath volume, or use a persistentVolumeClaim, which is a directory here",
)
WHY_REFUSED: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(_BY_CLASS["Volume"][_REFUSED].split(), _NETWORK_VOLUME),
    "gitRepo": (
        "no repository is cloned",
        "clone it in an init container into an emptyDir volume, or use a hostPath volume",
    ),
    "image": (
        "no image is pulled, so there is none to mount",
        "unpack its files and use a hostPath volume",
    ),
    "csi": (
        "there is no storage driver on this machine",
        "use a persistentVolumeClaim, which is a directory here, or a hostPath volume",
    ),
    "clusterTrustBundle": (
        "there are no cluster trust bundles",
        "put the certificates into a ConfigMap and project that",
    ),
    "podCertificate": (
        "nobody signs pod certificates here",
        "put a certificate into a Secret and project that",
    ),
    "volumeDevices": (
        "block devices are not handed to containers",
        "mount the volume as files: volumeMounts",
    ),
    "ephemeralContainers": (
        "they are for debugging a pod that runs, and cannot be in a template",
        "remove them, or make them init containers",
    ),
    "resourceClaims": (
        "dynamic resource allocation needs a driver, and there is none",
        "ask for devices in resources.limits, such as nvidia.com/gpu",
    ),
    "claims": (
        "dynamic resource allocation needs a driver, and there is none",
        "ask for devices in resources.limits, such as nvidia.com/gpu",
    ),
    "windowsOptions": ("this is not a Windows machine", "remove windowsOptions"),
}
"""Reason and remedy of the fields that are refused whenever they are set."""

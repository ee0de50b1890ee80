"""Every built-in kind that the local API stores, with its rules."""

from collections.abc import Mapping

from msgspec.structs import replace

from jobset.kube import resources as r
from jobset.kube.resources import Resource
from jobset.local.kinds import (
    access,
    cluster,
    config,
    discovery,
    events,
    formats,
    meta,
    revisions,
    service_validation,
    services,
    storage,
    storage_validation,
)
from jobset.local.kinds.jobs import defaults as jobs
from jobset.local.kinds.jobs.status import validate_job_status_update
from jobset.local.kinds.jobs.updates import validate_job_update
from jobset.local.kinds.jobs.validation import validate_job
from jobset.local.kinds.pods import defaults as pods
from jobset.local.kinds.pods import prepare as pod_writes
from jobset.local.kinds.pods.updates import validate_pod_status_update, validate_pod_update
from jobset.local.kinds.pods.validation import validate_pod
from jobset.local.kinds.rules import KindRules, as_new
from jobset.local.kinds.sharing import keep_all_but_status, keep_status

_CORE = "io.k8s.api.core.v1."

_PODS = KindRules(
    resource=r.PODS,
    schema=_CORE + "Pod",
    has_status=True,
    counts_generation=True,
    default=pods.default_pod,
    prepare_create=pod_writes.prepare_pod_create,
    prepare_update=pod_writes.prepare_pod_update,
    prepare_status_update=pod_writes.prepare_pod_status_update,
    validate_create=validate_pod,
    validate_update=validate_pod_update,
    validate_status_update=validate_pod_status_update,
    grace_seconds=pod_writes.grace_seconds,
)
_JOBS = KindRules(
    resource=r.JOBS,
    schema="io.k8s.api.batch.v1.Job",
    has_status=True,
    counts_generation=True,
    default=jobs.default_job,
    prepare_create=jobs.prepare_job_create,
    prepare_update=jobs.prepare_job_update,
    prepare_status_update=jobs.prepare_job_status_update,
    validate_create=validate_job,
    validate_update=validate_job_update,
    validate_status_update=validate_job_status_update,
    complete=jobs.complete_job,
)
_CONFIG_MAPS = KindRules(
    resource=r.CONFIG_MAPS,
    schema=_CORE + "ConfigMap",
    validate_create=config.validate_config_map,
    validate_update=config.validate_config_map_update,
)
_SECRETS = KindRules(
    resource=r.SECRETS,
    schema=_CORE + "Secret",
    default=config.default_secret,
    prepare_update=config.prepare_secret_update,
    validate_create=config.validate_secret,
    validate_update=config.validate_secret_update,
)
_SERVICES = KindRules(
    resource=r.SERVICES,
    schema=_CORE + "Service",
    has_status=True,
    default=services.default_service,
    prepare_create=services.prepare_service_create,
    prepare_update=services.prepare_service_update,
    prepare_status_update=keep_all_but_status,
    validate_name=meta.label_name,
    validate_create=service_validation.validate_service,
    validate_update=service_validation.validate_service_update,
)
_CLAIMS = KindRules(
    resource=r.PERSISTENT_VOLUME_CLAIMS,
    schema=_CORE + "PersistentVolumeClaim",
    has_status=True,
    default=storage.default_claim,
    prepare_create=storage.prepare_claim_create,
    prepare_update=storage.prepare_claim_update,
    prepare_status_update=keep_all_but_status,
    validate_create=storage_validation.validate_claim,
    validate_update=storage_validation.validate_claim_update,
)
_VOLUMES = KindRules(
    resource=r.PERSISTENT_VOLUMES,
    schema=_CORE + "PersistentVolume",
    has_status=True,
    default=storage.default_volume,
    prepare_create=storage.prepare_volume_create,
    prepare_update=storage.prepare_volume_update,
    prepare_status_update=keep_all_but_status,
    validate_create=storage_validation.validate_volume,
    validate_update=storage_validation.validate_volume_update,
)
_NAMESPACES = KindRules(
    resource=r.NAMESPACES,
    schema=_CORE + "Namespace",
    has_status=True,
    default=cluster.default_namespace,
    prepare_create=cluster.prepare_namespace_create,
    complete=cluster.default_namespace,
    prepare_update=cluster.prepare_namespace_update,
    prepare_status_update=keep_all_but_status,
    validate_name=meta.label_name,
    validate_create=cluster.validate_namespace,
)
_NODES = KindRules(
    resource=r.NODES,
    schema=_CORE + "Node",
    has_status=True,
    default=cluster.default_node,
    prepare_update=cluster.prepare_node_update,
    prepare_status_update=keep_all_but_status,
    validate_create=cluster.validate_node,
    validate_update=cluster.validate_node_update,
)
_SERVICE_ACCOUNTS = KindRules(resource=r.SERVICE_ACCOUNTS, schema=_CORE + "ServiceAccount")
_CORE_EVENTS = KindRules(
    resource=r.CORE_EVENTS,
    schema=_CORE + "Event",
    default=events.event_in_core_form,
    validate_name=formats.path_segment_name,
    validate_create=events.validate_core_event,
    validate_update=as_new(events.validate_core_event),
)
_EVENTS = KindRules(
    resource=r.EVENTS,
    schema="io.k8s.api.events.v1.Event",
    default=events.event_in_core_form,
    validate_create=events.validate_events_event,
    validate_update=events.validate_events_event_update,
)
_LEASES = KindRules(
    resource=r.LEASES,
    schema="io.k8s.api.coordination.v1.Lease",
    validate_create=cluster.validate_lease,
    validate_update=as_new(cluster.validate_lease),
)
_ENDPOINT_SLICES = KindRules(
    resource=r.ENDPOINT_SLICES,
    schema="io.k8s.api.discovery.v1.EndpointSlice",
    counts_generation=True,
    default=discovery.default_endpoint_slice,
    validate_create=discovery.validate_endpoint_slice,
    validate_update=discovery.validate_endpoint_slice_update,
)
_PRIORITY_CLASSES = KindRules(
    resource=r.PRIORITY_CLASSES,
    schema="io.k8s.api.scheduling.v1.PriorityClass",
    counts_generation=True,
    default=cluster.default_priority_class,
    validate_create=cluster.validate_priority_class,
    validate_update=cluster.validate_priority_class_update,
)
_STORAGE_CLASSES = KindRules(
    resource=Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False),
    schema="io.k8s.api.storage.v1.StorageClass",
    default=storage.default_storage_class,
    validate_create=storage_validation.validate_storage_class,
    validate_update=storage_validation.validate_storage_class_update,
)


def _plain(
    schema: str, api_version: str, plural: str, kind: str, *, namespaced: bool = True, status: bool = False
) -> KindRules:
    group, _, version = api_version.rpartition("/")
    rules = KindRules(
        resource=Resource(group, version, plural, kind, namespaced=namespaced),
        schema=f"io.k8s.{schema}.{kind}",
        validate_name=formats.path_segment_name if group == "rbac.authorization.k8s.io" else None,
    )
    return _with_status(rules) if status else rules


def _binding(plural: str, kind: str, *, namespaced: bool) -> KindRules:
    return replace(
        _plain(_RBAC_SCHEMA, _RBAC, plural, kind, namespaced=namespaced),
        default=access.default_binding,
        validate_create=access.validate_binding,
        validate_update=access.validate_binding_update,
    )


def _with_status(rules: KindRules) -> KindRules:
    return replace(
        rules,
        has_status=True,
        counts_generation=True,
        prepare_update=keep_status,
        prepare_status_update=keep_all_but_status,
    )


_RBAC, _RBAC_SCHEMA = "rbac.authorization.k8s.io/v1", "api.rbac.v1"
_ADMISSION, _ADMISSION_SCHEMA = "admissionregistration.k8s.io/v1", "api.admissionregistration.v1"
_STORAGE, _STORAGE_SCHEMA = "storage.k8s.io/v1", "api.storage.v1"
_APIEXTENSIONS_SCHEMA = "apiextensions-apiserver.pkg.apis.apiextensions.v1"

_STORED = (
    _plain("api.core.v1", "v1", "endpoints", "Endpoints"),
    _plain("api.core.v1", "v1", "limitranges", "LimitRange"),
    _plain("api.core.v1", "v1", "podtemplates", "PodTemplate"),
    _plain("api.core.v1", "v1", "replicationcontrollers", "ReplicationController", status=True),
    _plain("api.core.v1", "v1", "resourcequotas", "ResourceQuota", status=True),
    replace(
        _plain("api.apps.v1", "apps/v1", "controllerrevisions", "ControllerRevision"),
        validate_create=revisions.validate_revision,
        validate_update=revisions.validate_revision_update,
    ),
    _plain("api.apps.v1", "apps/v1", "daemonsets", "DaemonSet", status=True),
    _plain("api.apps.v1", "apps/v1", "deployments", "Deployment", status=True),
    _plain("api.apps.v1", "apps/v1", "replicasets", "ReplicaSet", status=True),
    _plain("api.apps.v1", "apps/v1", "statefulsets", "StatefulSet", status=True),
    _plain("api.batch.v1", "batch/v1", "cronjobs", "CronJob", status=True),
    _plain("api.policy.v1", "policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", status=True),
    _plain(_RBAC_SCHEMA, _RBAC, "roles", "Role"),
    _binding("rolebindings", "RoleBinding", namespaced=True),
    _plain(_RBAC_SCHEMA, _RBAC, "clusterroles", "ClusterRole", namespaced=False),
    _binding("clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    _plain(
        _ADMISSION_SCHEMA,
        _ADMISSION,
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        namespaced=False,
    ),
    _plain(
        _ADMISSION_SCHEMA,
        _ADMISSION,
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        namespaced=False,
    ),
    _plain(
        _ADMISSION_SCHEMA,
        _ADMISSION,
        "validatingadmissionpolicies",
        "ValidatingAdmissionPolicy",
        namespaced=False,
        status=True,
    ),
    _plain(
        _ADMISSION_SCHEMA,
        _ADMISSION,
        "validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
        namespaced=False,
    ),
    _plain(
        _ADMISSION_SCHEMA,
        _ADMISSION,
        "mutatingadmissionpolicies",
        "MutatingAdmissionPolicy",
        namespaced=False,
    ),
    _plain(
        _ADMISSION_SCHEMA,
        _ADMISSION,
        "mutatingadmissionpolicybindings",
        "MutatingAdmissionPolicyBinding",
        namespaced=False,
    ),
    _plain(
        _APIEXTENSIONS_SCHEMA,
        "apiextensions.k8s.io/v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        namespaced=False,
        status=True,
    ),
    _plain(_STORAGE_SCHEMA, _STORAGE, "csidrivers", "CSIDriver", namespaced=False),
    _plain(_STORAGE_SCHEMA, _STORAGE, "csinodes", "CSINode", namespaced=False),
    _plain(_STORAGE_SCHEMA, _STORAGE, "csistoragecapacities", "CSIStorageCapacity"),
    _plain(_STORAGE_SCHEMA, _STORAGE, "volumeattachments", "VolumeAttachment", namespaced=False, status=True),
    _plain(_STORAGE_SCHEMA, _STORAGE, "volumeattributesclasses", "VolumeAttributesClass", namespaced=False),
)

_ALL = (
    _NAMESPACES,
    _NODES,
    _PODS,
    _SERVICES,
    _ENDPOINT_SLICES,
    _CONFIG_MAPS,
    _SECRETS,
    _CLAIMS,
    _VOLUMES,
    _SERVICE_ACCOUNTS,
    _CORE_EVENTS,
    _EVENTS,
    _JOBS,
    _LEASES,
    _PRIORITY_CLASSES,
    _STORAGE_CLASSES,
    *_STORED,
)

KINDS: Mapping[tuple[str, str], KindRules] = {
    (rules.resource.api_version, rules.resource.kind): rules for rules in _ALL
}
"""The rules of a kind by `apiVersion` and `kind`."""

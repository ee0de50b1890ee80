"""What an examination of an installation finds: a healthy one, with one thing changed at a time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from jobset.api.times import format_micro_time
from jobset.controller.certificates.contents import with_bundle, with_contents
from jobset.controller.configuration import CertificateSettings, Configuration, LeaderElectionSettings
from jobset.installation.checks import examine
from jobset.installation.evidence import Evidence, Names, Unread
from jobset.installation.findings import Finding, Verdict
from jobset.installation.objects import DEFINITION, MUTATING, VALIDATING, installation_objects
from jobset.local.clock import EPOCH
from tests.webhook_certificates import some_contents

NOW = EPOCH + timedelta(days=100)
OK, WARNING, ERROR, UNKNOWN = Verdict
POD = "jobset-controller-manager-5d5-x7k2p"
HOLDER = f"{POD}_c0ffee"
INSTALL = "jobset install --image REPOSITORY:TAG"
CONTENTS = some_contents()


def installed(name: str, kind: str) -> Any:
    (found,) = (it for it in installation_objects() if (it["kind"], it["metadata"]["name"]) == (kind, name))
    return msgspec.json.decode(msgspec.json.encode(found))


def definition(**spec: Any) -> Any:
    found = installed(DEFINITION, "CustomResourceDefinition")
    conditions = [{"type": it, "status": "True"} for it in ("NamesAccepted", "Established")]
    return {**found, "spec": {**found["spec"], **spec}, "status": {"conditions": conditions}}


def versions(**changed: Any) -> list[Any]:
    (version,) = definition()["spec"]["versions"]
    return [{**version, **changed}]


def with_fields(edit: Mapping[str, Any]) -> Any:
    """The definition with other fields in `spec`; one that is None is left out."""
    (version,) = definition()["spec"]["versions"]
    properties = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    properties |= edit
    for name in [name for name, it in properties.items() if it is None]:
        del properties[name]
    return definition(versions=[version])


def deployment(replicas: int = 1, **status: Any) -> Any:
    found = installed("jobset-controller-manager", "Deployment")
    counts = {"observedGeneration": 3, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    spec = {**found["spec"], "replicas": replicas}
    return {
        **found,
        "metadata": {**found["metadata"], "generation": 3},
        "spec": spec,
        "status": counts | status,
    }


def pod(*containers: Any, **status: Any) -> Any:
    return {"metadata": {"name": POD}, "spec": {}, "status": {"containerStatuses": containers, **status}}


def lease(**spec: Any) -> Any:
    held = {"holderIdentity": HOLDER, "renewTime": format_micro_time(NOW), "leaseDurationSeconds": 15}
    return {"spec": held | spec}


def configuration_of(name: str, kind: str, bundle: bytes = CONTENTS.bundle) -> Any:
    return with_bundle(installed(name, kind), bundle)


def mutating(bundle: bytes = CONTENTS.bundle) -> Any:
    return configuration_of(MUTATING, "MutatingWebhookConfiguration", bundle)


def validating(bundle: bytes = CONTENTS.bundle) -> Any:
    return configuration_of(VALIDATING, "ValidatingWebhookConfiguration", bundle)


def hooks(configuration: Any, **changed: Any) -> Any:
    """The configuration with something changed in each webhook."""
    return {**configuration, "webhooks": [{**hook, **changed} for hook in configuration["webhooks"]]}


def renamed(configuration: Any, name: str, **labels: str) -> Any:
    metadata = configuration["metadata"]
    return {**configuration, "metadata": {"name": name, "labels": metadata["labels"] | labels}}


def secret(contents: Any = CONTENTS) -> Any:
    return with_contents({"metadata": {"name": "jobset-webhook-server-cert"}}, contents)


def addresses(*ready: bool) -> Any:
    return {"endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": it}} for it in ready]}


HEALTHY = Evidence(
    server="https://there:6443",
    namespace="jobset-system",
    version="v1.36.3",
    definition=definition(),
    deployment=deployment(),
    pods=[pod()],
    configuration=Configuration(),
    names=Names(
        service="jobset-webhook-service",
        secret="jobset-webhook-server-cert",
        lease="6d4f6a47.jobset.x-k8s.io",
        lease_namespace="jobset-system",
    ),
    lease=lease(),
    secret=secret(),
    slices=[addresses(True, False)],
    mutating=[mutating()],
    validating=[validating()],
    denied=(),
    trial={"spec": {"successPolicy": {"operator": "All"}}},
)
FORBIDDEN = Unread("forbidden", "no")
MISSING = Unread("missing", "not found")


def found(now: datetime = NOW, **changed: Any) -> list[Finding]:
    return list(examine(msgspec.structs.replace(HEALTHY, **changed), now))


def test_a_healthy_installation_has_nothing_but_good_findings() -> None:
    assert [(it.check, it.verdict, it.message) for it in found()] == [
        ("cluster", OK, "Kubernetes v1.36.3 at https://there:6443"),
        ("definition", OK, "jobsets.jobset.x-k8s.io in version v1alpha2"),
        ("permissions", OK, "the ServiceAccount jobset-controller-manager has all rights it needs"),
        ("configuration", OK, "the ConfigMap jobset-system/jobset-manager-config is valid"),
        (
            "manager",
            OK,
            "the Deployment jobset-system/jobset-controller-manager runs 1 × "
            "us-central1-docker.pkg.dev/k8s-staging-images/jobset/jobset:main",
        ),
        ("leader", OK, f"{HOLDER} leads"),
        ("addresses", OK, "the Service jobset-system/jobset-webhook-service leads to 1 of 2 pods"),
        ("webhooks", OK, "all 5 are registered"),
        (
            "certificates",
            OK,
            "the certificate in the Secret jobset-system/jobset-webhook-server-cert "
            "is believed by 5 webhooks",
        ),
        ("admission", OK, "a JobSet is taken, checked and completed (tried, not kept)"),
    ]


WRONG: Mapping[str, tuple[Mapping[str, Any], str, Verdict, str]] = {
    "an old Kubernetes": ({"version": "v1.29.0-gke.1"}, "cluster", WARNING, "is older than 1.34"),
    "no definition": ({"definition": MISSING}, "definition", ERROR, "the definition of JobSets is missing"),
    "a definition not to be seen": ({"definition": FORBIDDEN}, "definition", UNKNOWN, "you may not look at"),
    "a definition that is not served": (
        {"definition": {**definition(), "status": {}}},
        "definition",
        ERROR,
        "is not NamesAccepted: nobody looked at it yet",
    ),
    "a definition that goes": (
        {"definition": {**definition(), "metadata": {"deletionTimestamp": format_micro_time(NOW)}}},
        "definition",
        ERROR,
        "is being deleted",
    ),
    "another version": (
        {"definition": definition(versions=versions(name="v1"))},
        "definition",
        ERROR,
        "JobSets are served as v1, not as v1alpha2",
    ),
    "no version": (
        {"definition": definition(versions=versions(served=False))},
        "definition",
        ERROR,
        "JobSets are served as nothing, not as v1alpha2",
    ),
    "an older definition": (
        {"definition": with_fields({"suspend": None, "network": None})},
        "definition",
        ERROR,
        "older than this jobset; what they say there is lost: spec.network, spec.suspend",
    ),
    "a newer definition": (
        {"definition": with_fields({"later": {"type": "object", "properties": {"more": {}}}})},
        "definition",
        WARNING,
        "newer than this jobset, which knows nothing of spec.later",
    ),
    "rights that lack": (
        {"denied": ["patch pods/status", "create jobs.batch"]},
        "permissions",
        ERROR,
        "the ServiceAccount jobset-controller-manager may not patch pods/status; create jobs.batch",
    ),
    "rights not to be seen": (
        {"denied": FORBIDDEN},
        "permissions",
        UNKNOWN,
        "you may not look at the rights",
    ),
    "a wrong configuration": (
        {"configuration": Unread("failed", "webhook.port: Invalid value: 0")},
        "configuration",
        ERROR,
        "jobset-manager-config cannot be read: webhook.port: Invalid value: 0",
    ),
    "no replica": ({"deployment": deployment(replicas=0)}, "manager", ERROR, "is scaled to 0"),
    "a replica that does not start": (
        {"deployment": deployment(availableReplicas=0)},
        "manager",
        ERROR,
        "0 of 1 replicas are available",
    ),
    "a rollout that hangs": (
        {"deployment": deployment(updatedReplicas=0)},
        "manager",
        WARNING,
        "0 of 1 replicas are of this version",
    ),
    "no lease": ({"lease": MISSING}, "leader", ERROR, "no manager has led yet"),
    "a lease not to be seen": ({"lease": FORBIDDEN}, "leader", UNKNOWN, "you may not look at the Lease"),
    "nobody leads": ({"lease": lease(holderIdentity=None)}, "leader", ERROR, "nobody holds the Lease"),
    "a leader that is gone": (
        {"lease": lease(renewTime=format_micro_time(NOW - timedelta(seconds=31)))},
        "leader",
        ERROR,
        "has not renewed it for 31 s",
    ),
    "a leader that has never renewed": (
        {"lease": {"spec": {"holderIdentity": HOLDER}}},
        "leader",
        ERROR,
        "has never renewed it",
    ),
    "a lease for no time": (
        {
            "lease": {
                "spec": {
                    "holderIdentity": HOLDER,
                    "renewTime": format_micro_time(NOW - timedelta(seconds=2)),
                }
            }
        },
        "leader",
        ERROR,
        "has not renewed it for 2 s",
    ),
    "a strange leader": (
        {"lease": lease(holderIdentity="elsewhere_1")},
        "leader",
        WARNING,
        "elsewhere_1 leads, which is no pod of this Deployment",
    ),
    "no address": ({"slices": []}, "addresses", ERROR, "leads to nobody"),
    "no ready address": ({"slices": [addresses(False)]}, "addresses", ERROR, "leads to nobody"),
    "addresses not to be seen": ({"slices": FORBIDDEN}, "addresses", UNKNOWN, "you may not look at"),
    "a configuration not to be seen": (
        {"validating": FORBIDDEN},
        "webhooks",
        UNKNOWN,
        "you may not look at the configuration jobset-validating-webhook-configuration",
    ),
    "a webhook that lacks": (
        {"validating": []},
        "webhooks",
        ERROR,
        "no webhook asks /validate-jobset-x-k8s-io-v1alpha2-jobset: what it checks is stored unchecked",
    ),
    "a webhook twice": (
        {"validating": [validating(), renamed(validating(), "old")]},
        "webhooks",
        WARNING,
        "2 webhooks ask /validate-jobset-x-k8s-io-v1alpha2-jobset: in ",
    ),
    "no webhook for the label": (
        {"mutating": [{**mutating(), "webhooks": mutating()["webhooks"][:2]}]},
        "webhooks",
        WARNING,
        "no webhook sets the priority label of pods",
    ),
    "another Service": (
        {"names": msgspec.structs.replace(HEALTHY.names, service="other")},
        "webhooks",
        ERROR,
        "asks the Service jobset-system/jobset-webhook-service, not jobset-system/other",
    ),
    "webhooks that are ignored": (
        {"validating": [hooks(validating(), failurePolicy="Ignore")]},
        "webhooks",
        WARNING,
        "has failurePolicy Ignore: without a manager nothing is checked",
    ),
    "pods that all wait": (
        {"validating": [hooks(validating(), matchConditions=[])]},
        "webhooks",
        WARNING,
        "webhook vpod.kb.io of jobset-validating-webhook-configuration has no matchConditions",
    ),
    "no Secret": ({"secret": MISSING}, "certificates", ERROR, "jobset-webhook-server-cert is missing"),
    "an empty Secret": ({"secret": {"metadata": {}}}, "certificates", ERROR, "holds no certificate yet"),
    "no bundle": (
        {"validating": [validating(b"")]},
        "certificates",
        ERROR,
        "for vjobset.kb.io, vpod.kb.io: its caBundle holds no certificate",
    ),
    "a strange bundle": (
        {"mutating": [mutating(some_contents(1).bundle)]},
        "certificates",
        ERROR,
        "for mjobset.kb.io, mpod.kb.io, mpodpriority.kb.io: tls.crt is not signed by ca.crt",
    ),
    "a certificate for somebody else": (
        {"names": msgspec.structs.replace(HEALTHY.names, service="other")},
        "certificates",
        ERROR,
        "tls.crt is not for a server with the name other.jobset-system.svc",
    ),
    "no webhooks asked": (
        {"trial": {"spec": {}}},
        "admission",
        ERROR,
        "a JobSet is stored as it is: no webhook has been asked",
    ),
    "a JobSet refused": (
        {"trial": Unread("failed", 'failed calling webhook "mjobset.kb.io": no endpoints available')},
        "admission",
        ERROR,
        'a JobSet is refused: failed calling webhook "mjobset.kb.io"',
    ),
    "a JobSet you may not create": (
        {"trial": Unread("forbidden", 'User "me" cannot create resource "jobsets"')},
        "admission",
        UNKNOWN,
        "you may not create JobSets in the namespace default",
    ),
    "a JobSet that a policy forbids": (
        {"trial": Unread("forbidden", "jobsets is forbidden: ValidatingAdmissionPolicy 'p' denied request")},
        "admission",
        ERROR,
        "a JobSet is refused: jobsets is forbidden: ValidatingAdmissionPolicy 'p' denied request",
    ),
}


@pytest.mark.parametrize(("changed", "check", "verdict", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told(
    changed: Mapping[str, Any], check: str, verdict: Verdict, message: str
) -> None:
    told = [it for it in found(**changed) if it.verdict is not OK]

    assert [(it.verdict, message in it.message) for it in told if it.check == check][:1] == [(verdict, True)]


ALONE = ("webhooks", "certificates")
"""Checks that several rows of the table are about at once."""


@pytest.mark.parametrize(
    "row", [row for row, it in WRONG.items() if it[1] not in ALONE and row != "no definition"]
)
def test_nothing_else_is_found_wrong(row: str) -> None:
    changed, check, _, _ = WRONG[row]

    assert {it.check for it in found(**changed) if it.verdict is not OK} == {check}


def test_a_certificate_is_told_of_before_it_ends() -> None:
    assert by_check(found(now=EPOCH + timedelta(days=336)))["certificates"].verdict is WARNING
    assert by_check(found(now=EPOCH + timedelta(days=366)))["certificates"].verdict is ERROR


def test_who_makes_certificates_themselves_is_sent_there() -> None:
    foreign = Configuration(internal_cert_management=CertificateSettings(enable=False))
    told = by_check(found(validating=[validating(b"")], configuration=foreign))["certificates"]

    assert "cert-manager" in told.remedy
    assert (
        "kubectl -n jobset-system patch secret"
        in by_check(found(validating=[validating(b"")]))["certificates"].remedy
    )


def test_a_bundle_may_name_more_than_one_authority() -> None:
    both = some_contents(1, 0).bundle

    assert by_check(found(validating=[validating(both)]))["certificates"].verdict is OK


def test_webhooks_are_known_by_what_they_ask_and_not_by_their_names() -> None:
    renamed = [hooks(it, name="other.x-k8s.io") for it in (mutating(), validating())]
    elsewhere = [at_a_url(it) for it in (mutating(), validating())]

    for changing, checking in (renamed, elsewhere):
        told = by_check(found(mutating=[changing], validating=[checking]))
        assert (told["webhooks"].verdict, told["certificates"].verdict) == (OK, OK)


def test_webhooks_of_others_at_the_same_paths_are_left_alone() -> None:
    kueue = {"app.kubernetes.io/name": "kueue"}
    at_theirs = {"service": {"namespace": "kueue-system", "name": "kueue-webhook-service"}, "caBundle": ""}
    theirs = {
        kind: [ours, renamed(asking(ours, at_theirs), f"kueue-{kind}-webhook-configuration", **kueue)]
        for kind, ours in (("mutating", mutating()), ("validating", validating()))
    }

    assert found(**theirs) == found()


def asking(configuration: Any, there: Mapping[str, Any]) -> Any:
    """The configuration with webhooks that are asked somewhere else at the same paths."""
    asked = []
    for hook in configuration["webhooks"]:
        path = {"path": hook["clientConfig"]["service"]["path"]}
        asked.append({**hook, "clientConfig": {**there, "service": there["service"] | path}})
    return {**configuration, "webhooks": asked}


def at_a_url(configuration: Any) -> Any:
    """The configuration with webhooks that are asked at an address of the host."""
    asked = [
        {**hook, "clientConfig": {"url": f"https://there:9443{path}?timeout=1s", "caBundle": bundle}}
        for hook in configuration["webhooks"]
        for path, bundle in [(hook["clientConfig"]["service"]["path"], hook["clientConfig"]["caBundle"])]
    ]
    return {**configuration, "webhooks": asked}


def test_where_no_leader_is_elected_none_is_missed() -> None:
    alone = Configuration(leader_election=LeaderElectionSettings(leader_elect=False))

    assert by_check(found(configuration=alone, lease=MISSING))["leader"].verdict is OK


LEADERS = {
    "a pod whose name is too long for a host": (
        {**pod(), "metadata": {"name": "x" * 70}},
        f"{'x' * 63}_c0ffee",
    ),
    "a pod in the network of its node": ({**pod(), "spec": {"hostNetwork": True}}, "node-1_c0ffee"),
}


@pytest.mark.parametrize(("leader", "holder"), LEADERS.values(), ids=LEADERS)
def test_a_leader_is_known_by_its_host(leader: Any, holder: str) -> None:
    told = found(pods=[leader], lease=lease(holderIdentity=holder))

    assert by_check(told)["leader"].verdict is OK


def test_what_is_not_there_at_all_is_told_once() -> None:
    nothing = found(definition=MISSING, deployment=MISSING, mutating=[], validating=[], secret=MISSING)

    assert [(it.check, it.verdict, it.remedy) for it in nothing] == [
        ("cluster", OK, ""),
        ("installation", ERROR, INSTALL),
    ]


def test_without_a_manager_only_its_absence_is_told_and_what_it_means() -> None:
    refused = Unread("failed", 'failed calling webhook "mjobset.kb.io": no endpoints available')
    told = found(deployment=MISSING, lease=MISSING, slices=[], trial=refused)

    assert [(it.check, it.verdict) for it in told] == [
        ("cluster", OK),
        ("definition", OK),
        ("manager", ERROR),
        ("admission", ERROR),
    ]


REASONS = {
    "no endpoints available for service": "no manager is ready",
    "x509: certificate signed by unknown authority": "certificates above",
    "context deadline exceeded": "port 9443",
    "connect: connection refused": "does not listen yet",
    'service "jobset-webhook-service" not found': "Service of the webhooks",
    "something new": "",
}


@pytest.mark.parametrize(("message", "remedy"), REASONS.items())
def test_a_refusal_leads_to_its_remedy(message: str, remedy: str) -> None:
    told = by_check(found(trial=Unread("failed", message)))["admission"].remedy

    assert remedy in told
    assert bool(remedy) == bool(told)


def by_check(findings: Sequence[Finding]) -> Mapping[str, Finding]:
    return {it.check: it for it in findings}

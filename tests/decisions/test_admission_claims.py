"""Which claim templates of a new JobSet are refused."""

from typing import Any

import pytest

from jobset.admission.claim_validation import UnreadableClaim
from jobset.admission.validation import validate_jobset
from tests.decisions.admission_builders import OFF, a_claim_template, a_jobset, a_role, mounting

Raw = dict[str, Any]
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def claims(*templates: Raw, pod: Raw | None = None, **policy: Any) -> Raw:
    given = list(templates or (a_claim_template(),))
    roles = (a_role("a", pod=mounting("data") if pod is None else pod),)
    return a_jobset(*roles, volumeClaimPolicies=[{"templates": given, **policy}])


RETAIN = {"retentionPolicy": {"whenDeleted": "Retain"}}
PATH = "spec.volumeClaimPolicies[0].template[0]"
EXISTING = {"data-js": {"spec": {"resources": {"requests": {"storage": "1024Mi"}}}}}
CLAIMS: dict[str, tuple[Raw, dict[str, Any], list[str]]] = {
    "a claim": (claims(), {}, []),
    "a claim for an init container": (
        claims(pod={"containers": [], "initContainers": mounting("data")["containers"]}),
        {},
        [],
    ),
    "a claim twice": (
        claims(a_claim_template(), a_claim_template()),
        {},
        [
            'spec.volumeClaimPolicies[0].template[1].name: Invalid value: "data": '
            "names must be unique for VolumeClaimPolicies template"
        ],
    ),
    "a claim twice, in two policies": (
        a_jobset(
            a_role("a", pod=mounting("data")),
            volumeClaimPolicies=[{"templates": [a_claim_template()]}, {"templates": [a_claim_template()]}],
        ),
        {},
        [
            'spec.volumeClaimPolicies[1].template[0].name: Invalid value: "data": '
            "names must be unique for VolumeClaimPolicies template"
        ],
    ),
    "a claim with a bad name": (
        claims(a_claim_template("Data"), pod=mounting("Data")),
        {},
        [f'{PATH}.name: Invalid value: "Data": {SUBDOMAIN}'],
    ),
    "a claim with a long name": (
        claims(a_claim_template("d" * 61), pod=mounting("d" * 61)),
        {},
        [f'{PATH}.name: Invalid value: "{"d" * 61}": VolumeClaimPolicies template name is too long'],
    ),
    "a claim and a volume of one name": (
        claims(pod={**mounting("data"), "volumes": [{"name": "x"}, {"name": "data"}]}),
        {},
        [
            'spec.replicatedJobs[0].template.spec.template.spec.volumes[1].name: Invalid value: "data": '
            "volume name conflicts with VolumeClaimPolicy template name: data"
        ],
    ),
    "a claim that nobody mounts": (
        claims(pod={"containers": [{"name": "c", "command": ["a", "<b>"]}]}),
        {},
        [
            'spec.replicatedJobs: Invalid value: [{"name":"a","groupName":"default","template":{"metadata":'
            '{},"spec":{"template":{"metadata":{},"spec":{"containers":[{"name":"c","command":["a",'
            r'"\u003cb\u003e"],"resources":{}}],"restartPolicy":"OnFailure"}},"completionMode":"Indexed"}},'
            '"replicas":1}]: replicatedJob containers don\'t have a matching volumeMount: data from '
            "VolumeClaimPolicies"
        ],
    ),
    "a claim in a JobSet without roles": (
        {"metadata": {"name": "js"}, "spec": {"volumeClaimPolicies": [{"templates": [a_claim_template()]}]}},
        {},
        [
            "spec.replicatedJobs: Invalid value: null: replicatedJob containers don't have a matching "
            "volumeMount: data from VolumeClaimPolicies"
        ],
    ),
    "a claim that is there already": (claims(**RETAIN), EXISTING, []),
    "a claim that is there and would go": (
        claims(retentionPolicy={"whenDeleted": "Delete"}),
        EXISTING,
        [
            'spec.volumeClaimPolicies[0].retentionPolicy.whenDeleted: Invalid value: "Delete": '
            "retentionPolicy must be retain when PVC exists"
        ],
    ),
    "another claim of that name": (
        claims(**RETAIN),
        {"data-js": {"spec": {"volumeMode": "Block"}}},
        [
            f'{PATH}.spec: Invalid value: {{"resources":{{"requests":{{"storage":"1Gi"}}}}}}: '
            "spec does not match existing PVC data-js in namespace default"
        ],
    ),
    "a claim that cannot be read": (
        claims(**RETAIN),
        {"data-js": UnreadableClaim("timeout")},
        [f"{PATH}: Internal error: failed to check for existing PVC data-js: timeout"],
    ),
}


@pytest.mark.parametrize(("jobset", "existing", "errors"), CLAIMS.values(), ids=CLAIMS)
def test_claim_templates_are_judged(jobset: Raw, existing: dict[str, Any], errors: list[str]) -> None:
    assert [str(error) for error in validate_jobset(jobset, OFF, existing)] == errors


def test_an_error_about_a_claim_points_to_its_real_place() -> None:
    (error,) = validate_jobset(claims(a_claim_template("d" * 61), pod=mounting("d" * 61)), OFF)

    assert error.blamed == "spec.volumeClaimPolicies[0].templates[0].metadata.name"

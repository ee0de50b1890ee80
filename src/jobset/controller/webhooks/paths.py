"""Where API servers ask, and who answers there."""

from collections.abc import Mapping

from jobset.api.gates import FeatureGates
from jobset.controller.placement import PlacementController
from jobset.controller.webhooks.jobsets import JobSetDefaulter, JobSetValidator
from jobset.controller.webhooks.offload import Offload
from jobset.controller.webhooks.pods import PodPlacer, PodValidator
from jobset.controller.webhooks.server import Reviewer, WebhookServer
from jobset.kube.client import Client

MUTATE_JOBSET = "/mutate-jobset-x-k8s-io-v1alpha2-jobset"
MUTATE_POD = "/mutate--v1-pod"
VALIDATE_JOBSET = "/validate-jobset-x-k8s-io-v1alpha2-jobset"
VALIDATE_POD = "/validate--v1-pod"


def jobset_webhooks(gates: FeatureGates, client: Client, placement: PlacementController) -> WebhookServer:
    """All webhooks of JobSet; `client` reads claims, `placement` knows pods and nodes while it watches."""
    offload = Offload()
    reviewers: Mapping[str, Reviewer] = {
        MUTATE_JOBSET: JobSetDefaulter(offload),
        MUTATE_POD: PodPlacer(placement),
        VALIDATE_JOBSET: JobSetValidator(gates, client, offload),
        VALIDATE_POD: PodValidator(placement),
    }
    return WebhookServer(reviewers, offload)

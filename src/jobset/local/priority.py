"""The API server's own admission of pods: priority from a PriorityClass, tolerations of a lost node."""

from jobset.kube.errors import ApiError
from jobset.kube.resources import PODS, PRIORITY_CLASSES
from jobset.local import statuses
from jobset.local.kinds.pods.priority import Refusal, admit_priority
from jobset.local.kinds.pods.tolerations import with_default_tolerations
from jobset.local.plugins import CREATE, Object, ResourceKey, Review, World


class PodDefaults:
    """The plugins Priority and DefaultTolerationSeconds."""

    @property
    def resources(self) -> frozenset[ResourceKey]:
        """Pods only."""
        return frozenset({("", PODS.plural)})

    def mutate(self, review: Review) -> Object:
        """The pod with its priority and default tolerations."""
        if review.operation != CREATE or review.subresource:
            return review.object
        pod = admit_priority(
            review.object,
            lambda name: review.world.read(PRIORITY_CLASSES, "", name),
            _default_class(review.world),
        )
        if isinstance(pod, Refusal):
            raise _forbidden(review, pod.reason)
        spec = with_default_tolerations(pod.get("spec") or {})
        return pod if spec is pod.get("spec") else {**pod, "spec": spec}

    def validate(self, review: Review) -> None:
        """Nothing is left to refuse."""


def _forbidden(review: Review, reason: str) -> ApiError:
    # A name that is to be generated is told by what is known of it.
    name = review.name or review.object["metadata"].get("generateName", "")
    return statuses.forbidden(PODS, name, reason)


def _default_class(world: World) -> Object | None:
    """The class that says it is for everybody; the lowest of several."""
    found = [item for item in world.read_all(PRIORITY_CLASSES) if item.get("globalDefault")]
    return min(found, key=lambda item: item.get("value", 0), default=None)

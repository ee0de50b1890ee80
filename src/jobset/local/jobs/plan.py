"""What should happen next to a Job, as data."""

from datetime import timedelta

import msgspec

from jobset.local.jobs.pod_facts import PodFacts
from jobset.local.jobs.snapshot import BackOff
from jobset.local.jobs.status import JobStatus


class NewPod(msgspec.Struct, frozen=True, kw_only=True):
    """A pod to create; `replaces` is the failed pod of the same index whose count it takes over."""

    index: int | None = None
    replaces: PodFacts | None = None


class JobEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event about the Job."""

    type: str
    reason: str
    message: str


class JobPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One turn in this order: pods are removed or made, the status is written, finished pods are released."""

    remove: tuple[PodFacts, ...] = ()
    """Active pods that go without being counted: their finalizer is taken first."""
    delete: tuple[PodFacts, ...] = ()
    """Active pods that go as the Job ends, which has accounted for them."""
    create: tuple[NewPod, ...] = ()
    status: JobStatus | None = None
    """The status to write; None when the stored one is right."""
    release: tuple[PodFacts, ...] = ()
    """Pods that the status, once written, accounts for: their finalizer goes."""
    events: tuple[JobEvent, ...] = ()
    back_off: BackOff | None = None
    """What to remember of failures once the status is written."""
    expire: bool = False
    """Whether the Job itself is due to be deleted."""
    look_again: timedelta | None = None
    goes_on: bool = False
    """Whether the next turn should follow at once."""

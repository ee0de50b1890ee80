"""Everything that one decision about one JobSet may look at."""

from dataclasses import dataclass
from datetime import datetime

from jobset.api.children import ChildJob, ChildPod, StrayJob
from jobset.api.gates import FeatureGates
from jobset.api.jobset import JobSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One consistent reading.

    `jobs` are the Jobs whose controller owner has the UID of the JobSet. `pods` carry its name as a label,
    and are read only for in-place restarts. `service_exists` and `claims` tell which of the names that the
    JobSet wants are taken in its namespace, whoever owns them.
    """

    jobset: JobSet
    now: datetime
    jobs: tuple[ChildJob | StrayJob, ...] = ()
    pods: tuple[ChildPod, ...] = ()
    service_exists: bool = False
    claims: frozenset[str] = frozenset()
    gates: FeatureGates = FeatureGates()

"""Feature gates of JobSet, as a value that is passed to whoever needs it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureGates:
    """Which gated features are on; all are off by default."""

    in_place_restart: bool = False
    restart_job: bool = False
    elastic_jobset: bool = False

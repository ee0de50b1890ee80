"""How the controller runs: what comes from flags and files, decoded once and passed down."""

from dataclasses import dataclass

from jobset.api.gates import FeatureGates


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Options of one controller.

    `workers` bounds the JobSets that have a turn at once, `writes_in_flight` the requests of one turn.
    """

    gates: FeatureGates = FeatureGates()
    workers: int = 8
    writes_in_flight: int = 50
    host: str = "localhost"

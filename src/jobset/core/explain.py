"""Why something does not happen yet, as data; what users read is made from it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never


class WaitReason(StrEnum):
    """What holds the Jobs of a replicated job back."""

    DEPENDENCY = "dependency"
    EARLIER_REPLICATED_JOB = "startup order"
    OLD_JOB = "old job"
    ANY_OLD_JOB = "any old job"
    RESUME = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Jobs of `replicated_job` wait for `on`, of which `have` of `want` have reached `until`."""

    replicated_job: str
    reason: WaitReason
    on: str = ""
    until: str = ""
    have: int = 0
    want: int = 0

    @property
    def text(self) -> str:
        """The wait in a sentence."""
        match self.reason:
            case WaitReason.DEPENDENCY:
                tail = f"waits until {self.on} is {self.until} ({self._count} Jobs)"
            case WaitReason.EARLIER_REPLICATED_JOB:
                tail = f"starts after {self.on} ({self._count} Jobs started)"
            case WaitReason.OLD_JOB:
                tail = f"waits until its old Jobs are gone ({self.want - self.have} left)"
            case WaitReason.ANY_OLD_JOB:
                tail = f"waits until all old Jobs are gone ({self.want - self.have} left)"
            case WaitReason.RESUME:
                tail = "is suspended"
            case _:
                assert_never(self.reason)
        return f"{self.replicated_job} {tail}"

    @property
    def _count(self) -> str:
        return f"{self.have} of {self.want}"

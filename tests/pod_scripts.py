"""What becomes of the pods of a JobSet, by role, index and attempt."""

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

from jobset.api import keys
from jobset.local.scripted import Script

USUALLY = ("hang",)


def a_script(outcomes: Mapping[str, Sequence[str]]) -> Script:
    """The outcome of each pod from lists under `<role>/<job index>/<pod index>`, `*` fits anything.

    The key that says most about a pod counts. A list is by restart attempt of its Job, global and own
    together; its last entry repeats. The words are those of `jobset.local.scripted`.
    """

    def outcome(pod: Mapping[str, Any]) -> str:
        keys_that_fit = sorted((key for key in outcomes if fnmatch.fnmatch(place_of(pod), key)), key=_stars)
        listed = outcomes[keys_that_fit[0]] if keys_that_fit else USUALLY
        return str(listed[min(attempt_of(pod), len(listed) - 1)])

    return outcome


def place_of(pod: Mapping[str, Any]) -> str:
    """Role, job index and pod index, as scripts name pods."""
    labels = pod["metadata"]["labels"]
    index = labels.get(keys.JOB_COMPLETION_INDEX, "-")
    return f"{labels[keys.REPLICATED_JOB_NAME]}/{labels[keys.JOB_INDEX]}/{index}"


def attempt_of(pod: Mapping[str, Any]) -> int:
    """How often its Job has been made anew."""
    labels = pod["metadata"]["labels"]
    return int(labels[keys.RESTART_ATTEMPT]) + int(labels.get(keys.JOB_RESTART_ATTEMPT, 0))


def _stars(key: str) -> float:
    return float("inf") if key == "*" else key.count("*")

"""The feature gates of the file: those of JobSet, names that stand for several, and one that is locked."""

from collections.abc import Mapping

from jobset.admission.field_errors import invalid
from jobset.api.gates import FeatureGates

_ALPHA = {
    "InPlaceRestart": "in_place_restart",
    "RestartJob": "restart_job",
    "ElasticJobSet": "elastic_jobset",
}
_ALL_ALPHA = "AllAlpha"
# compat: there is no beta gate, but the name is taken.
_ALL_BETA = "AllBeta"
_LOCKED = {"TLSOptions": True}
_KNOWN = {*_ALPHA, *_LOCKED, _ALL_ALPHA, _ALL_BETA}


def validate_gates(given: Mapping[str, bool]) -> list[str]:
    """Everything that is wrong with the gates of a file."""
    problems = []
    for name, value in given.items():
        if name not in _KNOWN:
            detail = f"unrecognized feature gate: {name} (there are {', '.join(sorted(_KNOWN))})"
        elif (locked := _LOCKED.get(name, value)) != value:
            words = f"{_go_bool(value)}, feature is locked to {_go_bool(locked)}"
            detail = f"cannot set feature gate {name} to {words}"
        else:
            continue
        problems.append(str(invalid(f"featureGates.{name}", value, detail)))
    return problems


def read_gates(given: Mapping[str, bool]) -> FeatureGates:
    """The gates that are on; a gate that is named itself does not follow the name that stands for all."""
    all_alpha = given.get(_ALL_ALPHA, False)
    return FeatureGates(**{name: given.get(gate, all_alpha) for gate, name in _ALPHA.items()})


def _go_bool(value: bool) -> str:
    return "true" if value else "false"

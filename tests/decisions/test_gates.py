"""Feature gates."""

import msgspec

from jobset.api.gates import FeatureGates


def test_all_gates_are_off_at_first() -> None:
    assert msgspec.to_builtins(FeatureGates()) == {
        "in_place_restart": False,
        "restart_job": False,
        "elastic_jobset": False,
    }

"""Feature gates, under the name that admission's callers look for."""

from jobset.api.gates import FeatureGates

__all__ = ["FeatureGates"]

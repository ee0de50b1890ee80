"""Shared by all tests: properties are judged by what they find, not by how long a busy machine takes."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.control_plane.fixtures"]

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

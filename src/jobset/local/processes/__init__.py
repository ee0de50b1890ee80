"""Containers as process groups of this machine."""

"""Pods and pod templates: defaults, admission, validation, updates."""

"""The embedded control plane: a Kubernetes API, Jobs, scheduling and processes on one machine."""

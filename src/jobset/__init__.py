"""JobSet for Kubernetes: groups of Jobs that run as one, on this machine or on a cluster."""

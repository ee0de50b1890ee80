"""Talk to a Kubernetes API: one client, two transports, a cache of small readings."""

"""The pod life cycle on this machine: pure decisions, and a shell that runs containers as process groups."""

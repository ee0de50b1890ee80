"""JobSet on a cluster: what is installed, how it gets there and away, and what may be wrong with it."""

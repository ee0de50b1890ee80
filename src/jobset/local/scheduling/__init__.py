"""The scheduler: a pure verdict for one pod on one reading of the nodes, and the shell that binds."""

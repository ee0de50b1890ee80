"""The batch/v1 Job controller: pure decisions on a snapshot, and the shell that carries them out."""

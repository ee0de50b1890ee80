"""One run of JobSets on this machine: apply, follow, remember what happened, report."""

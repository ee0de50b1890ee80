"""Whether a JobSet can be created now, shown by trying it."""

from collections.abc import Iterator

from jobset.installation.evidence import Evidence, Unread
from jobset.installation.findings import Finding, Verdict

_RIGHT_LACKS = "cannot create resource"
"""In the message when it is a right that lacks: policies, quotas and webhooks forbid as well."""
_REMEDIES = {
    "no endpoints available": "no manager is ready: see its pods and its log",
    "x509": "see the certificates above",
    "context deadline exceeded": "a firewall? The control plane must reach port 9443 of the pods",
    "connection refused": "the manager does not listen yet, or a network policy keeps the control plane out",
    "not found": "see the Service of the webhooks",
}


def check_admission(evidence: Evidence) -> Iterator[Finding]:
    """What became of a JobSet that was sent, and not kept."""
    trial = evidence.trial
    if not isinstance(trial, Unread):
        yield _taken("successPolicy" in trial["spec"])
    elif trial.why == "forbidden" and _RIGHT_LACKS in trial.message:
        told = f"you may not create JobSets in the namespace default: {trial.message}"
        yield Finding("admission", Verdict.UNKNOWN, told)
    else:
        remedy = next((it for words, it in _REMEDIES.items() if words in trial.message), "")
        yield Finding("admission", Verdict.ERROR, f"a JobSet is refused: {trial.message}", remedy)


def _taken(has_defaults: bool) -> Finding:
    if has_defaults:
        return Finding("admission", Verdict.OK, "a JobSet is taken, checked and completed (tried, not kept)")
    told = "a JobSet is stored as it is: no webhook has been asked"
    return Finding("admission", Verdict.ERROR, told, "see the manager and the webhooks above")

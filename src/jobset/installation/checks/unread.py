"""What to say of something that could not be read."""

from jobset.installation.evidence import Unread
from jobset.installation.findings import Finding, Verdict

INSTALL = "jobset install --image REPOSITORY:TAG"
_SENTENCES = {
    "missing": "{} is missing",
    "forbidden": "you may not look at {}",
    "failed": "{} cannot be read",
}


def told_unread(check: str, thing: str, unread: Unread) -> Finding:
    """The finding about a thing that has to be there."""
    verdict = Verdict.UNKNOWN if unread.why == "forbidden" else Verdict.ERROR
    told = f"{_SENTENCES[unread.why].format(thing)}: {unread.message}"
    return Finding(check, verdict, told, INSTALL if unread.why == "missing" else "")

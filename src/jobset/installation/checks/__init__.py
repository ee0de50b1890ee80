"""From what was read of an installation to what is to be said of it; pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from jobset.installation.checks.admission import check_admission
from jobset.installation.checks.certificates import check_certificates
from jobset.installation.checks.cluster import check_cluster, check_definition
from jobset.installation.checks.manager import (
    check_configuration,
    check_lease,
    check_manager,
    check_permissions,
)
from jobset.installation.checks.unread import INSTALL
from jobset.installation.checks.webhooks import check_addresses, check_webhooks
from jobset.installation.evidence import Evidence, Read, Unread
from jobset.installation.findings import Finding, Verdict


def examine(evidence: Evidence, now: datetime) -> Iterator[Finding]:
    """All findings, the causes before what follows from them."""
    yield from check_cluster(evidence)
    if _is_missing(evidence.definition) and _is_missing(evidence.deployment):
        told = f"JobSet is not installed, or not in the namespace {evidence.namespace}"
        yield Finding("installation", Verdict.ERROR, told, INSTALL)
        return
    yield from check_definition(evidence)
    if not _is_missing(evidence.deployment):
        yield from check_permissions(evidence)
        yield from check_configuration(evidence)
    yield from check_manager(evidence)
    if not _is_missing(evidence.deployment):
        yield from check_lease(evidence, now)
        yield from check_addresses(evidence)
        yield from check_webhooks(evidence)
        yield from check_certificates(evidence, now)
    yield from check_admission(evidence)


def _is_missing(read: Read[Any]) -> bool:
    return isinstance(read, Unread) and read.why == "missing"

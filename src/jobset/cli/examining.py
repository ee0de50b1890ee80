"""What `jobset doctor` does once its options are read."""

import sys
from collections.abc import Sequence
from typing import Literal

from jobset.cli.clusters import on_cluster
from jobset.cli.console import choose_style
from jobset.cli.render.installation import finding_data, render_findings
from jobset.cli.streams import tell, tell_data
from jobset.installation.checks import examine
from jobset.installation.evidence import read_evidence
from jobset.installation.findings import Finding, Verdict
from jobset.kube.client import Client
from jobset.local.clock import wall_clock

SCHEMA = "jobset-doctor/v1"


def run_doctor(
    kubeconfig: str | None,
    context: str | None,
    *,
    namespace: str,
    output: Literal["text", "json"],
    color: Literal["auto", "always", "never"],
) -> int:
    """The exit code."""

    async def work(client: Client, server: str) -> int:
        findings = await find_all(client, server, namespace)
        is_healthy = all(it.verdict is not Verdict.ERROR for it in findings)
        if output == "json":
            data = [finding_data(it) for it in findings]
            tell_data({"schema": SCHEMA, "healthy": is_healthy, "server": server, "findings": data})
        else:
            tell(render_findings(findings, choose_style(sys.stdout, color)))
        return 0 if is_healthy else 1

    return on_cluster(kubeconfig, context, work)


async def find_all(client: Client, server: str, namespace: str) -> Sequence[Finding]:
    """All findings about the installation in a namespace."""
    return tuple(examine(await read_evidence(client, server, namespace), wall_clock()))

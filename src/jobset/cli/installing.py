"""What `jobset install` does once its options are read."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

import msgspec

from jobset.cli.clusters import on_cluster
from jobset.cli.console import choose_style
from jobset.cli.examining import find_all
from jobset.cli.render.installation import change_data, finding_data, render_changes, render_findings
from jobset.cli.streams import tell, tell_aside, tell_data
from jobset.installation.applying import Refused, apply_objects, plan_changes
from jobset.installation.changes import Change
from jobset.installation.findings import Finding, Verdict
from jobset.installation.objects import MANAGER, NAMESPACE, installation_objects, with_image
from jobset.installation.rollout import pod_selector, rollout_problem
from jobset.kube.client import Client, Object, Selection
from jobset.kube.errors import ApiError, Forbidden, TransportError, reason
from jobset.kube.resources import DEPLOYMENTS, PODS

SCHEMA = "jobset-install/v1"
_LOOK_SECONDS = 1.0


class InstallSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `jobset install` as they were given."""

    image: str
    dry_run: bool
    force_conflicts: bool
    wait: bool
    timeout: timedelta
    output: Literal["text", "json"]
    color: Literal["auto", "always", "never"]


def run_install(kubeconfig: str | None, context: str | None, settings: InstallSettings) -> int:
    """The exit code."""

    async def work(client: Client, server: str) -> int:
        try:
            return await Installation(client, server, settings).run()
        except Refused as refused:
            return _refuse(refused)

    return on_cluster(kubeconfig, context, work)


class Installation(msgspec.Struct, frozen=True):
    """One installation on one cluster."""

    client: Client
    server: str
    settings: InstallSettings

    async def run(self) -> int:
        """Plan, tell, apply and wait; the exit code.

        Raises:
            Refused: nothing was changed.
        """
        objects = with_image(installation_objects(), self.settings.image)
        changes = await plan_changes(self.client, objects, force=self.settings.force_conflicts)
        self._say(render_changes(changes, choose_style(sys.stdout, self.settings.color)))
        if self.settings.dry_run:
            self._say("Nothing was changed.")
            return self._end(changes)
        await self._apply(objects)
        return self._end(changes, await self._wrong() if self.settings.wait else ())

    async def _apply(self, objects: Sequence[Object]) -> None:
        applied: list[Object] = []
        try:
            await apply_objects(self.client, objects, applied.append, force=self.settings.force_conflicts)
        except BaseException:
            told = f"{len(applied)} of {len(objects)} objects are applied"
            tell_aside(f"{told}; the same command again applies the others.")
            raise

    async def _wrong(self) -> Sequence[Finding]:
        """What is wrong when the manager is not ready in time."""
        try:
            async with asyncio.timeout(self.settings.timeout.total_seconds()):
                await self._until_ready()
        except TimeoutError:
            findings = await find_all(self.client, self.server, NAMESPACE)
            return [it for it in findings if it.verdict is not Verdict.OK]
        self._say("JobSet is ready.")
        return ()

    async def _until_ready(self) -> None:
        told = None
        while (problem := await self._problem()) is not None:
            if problem != told:
                self._say(f"Waiting: {problem}")
            told = problem
            await asyncio.sleep(_LOOK_SECONDS)

    async def _problem(self) -> str | None:
        try:
            deployment = await self.client.get(DEPLOYMENTS, NAMESPACE, MANAGER)
            return rollout_problem(deployment, await self._pods(deployment))
        except (ApiError, TransportError) as error:
            # All is applied: who cannot be asked now may answer later.
            return reason(error)

    async def _pods(self, deployment: Object) -> Sequence[Object]:
        """Its pods, which tell why it waits, to those who may see them."""
        selection = Selection(namespace=NAMESPACE, label_selector=pod_selector(deployment))
        try:
            return (await self.client.list(PODS, selection)).items
        except Forbidden:
            return ()

    def _end(self, changes: Sequence[Change], wrong: Sequence[Finding] = ()) -> int:
        if self.settings.output == "json":
            tell_data(
                {
                    "schema": SCHEMA,
                    "dryRun": self.settings.dry_run,
                    "changes": [change_data(it) for it in changes],
                    "findings": [finding_data(it) for it in wrong],
                }
            )
        elif wrong:
            tell_aside(render_findings(wrong, choose_style(sys.stderr, self.settings.color)))
        return 1 if wrong else 0

    def _say(self, text: Any) -> None:
        if self.settings.output == "text":
            tell(text)


def _refuse(refused: Refused) -> int:
    tell_aside(f"Error: nothing was changed:\n{refused}")
    if refused.only_conflicts:
        tell_aside("Others have set these fields; --force-conflicts takes them over.")
    return 1

"""Leader election by a Lease: one controller works, the others wait with full caches.

The rules are client-go's, so that ours and others can stand for one lease: a holder renews every
`retry_period`, gives up when it could not for `renew_deadline`, and may be succeeded when its lease has not
changed for `lease_duration`, as seen on the successor's own clock.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from jobset.api.times import format_micro_time
from jobset.kube.client import Client, Object
from jobset.kube.errors import AlreadyExists, ApiError, Conflict, NotFound, TransportError
from jobset.kube.resources import LEASES

log = logging.getLogger(__name__)


class LeadershipLost(Exception):
    """The lease could not be renewed in time, or somebody else has it: nothing may be written any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSettings:
    """Which lease, and how long its promises hold."""

    name: str
    namespace: str
    lease_duration: timedelta = timedelta(seconds=15)
    renew_deadline: timedelta = timedelta(seconds=10)
    retry_period: timedelta = timedelta(seconds=2)


@dataclass(slots=True, kw_only=True)
class Election:
    """One candidate for one lease.

    `client` should have connections of its own, so that a flood of other requests cannot delay a renewal.
    `clock` is what the lease tells others; `elapsed` counts seconds that never stop, also while the process
    is stopped or the machine sleeps, and all decisions are made by it.
    """

    client: Client
    settings: LeaseSettings
    identity: str
    clock: Callable[[], datetime]
    elapsed: Callable[[], float]
    _lease: Object | None = None
    _seen: Mapping[str, Any] | None = None
    _seen_at: float = 0.0
    _renewed_at: float = field(default=float("-inf"))

    @property
    def leads(self) -> bool:
        """Whether the lease is ours beyond doubt, also on the clocks of the others."""
        return self.elapsed() < self._renewed_at + self.settings.renew_deadline.total_seconds()

    @property
    def lease(self) -> Object | None:
        """The lease as last read or written."""
        return self._lease

    async def win(self) -> None:
        """Returns when the lease is ours."""
        waiting_for: object = None
        while not await self._try():
            holder = (self._seen or {}).get("holderIdentity")
            if holder != waiting_for:
                log.info("waiting for the lease", extra={"lease": self.settings.name, "holder": holder})
                waiting_for = holder
            await asyncio.sleep(self.settings.retry_period.total_seconds())
        log.info("leading", extra={"lease": self.settings.name, "identity": self.identity})

    async def keep(self) -> None:
        """Renew for ever.

        Raises:
            LeadershipLost: the deadline for a renewal has passed.
        """
        while True:
            await asyncio.sleep(self.settings.retry_period.total_seconds())
            while not await self._try():
                if not self.leads:
                    raise LeadershipLost(f"the lease {self.settings.name} could not be renewed in time")
                if self._is_held_by_another():
                    raise LeadershipLost(f"the lease {self.settings.name} has been taken")
                await asyncio.sleep(min(self._seconds_left(), self.settings.retry_period.total_seconds()))

    async def release(self) -> None:
        """Let a successor begin at once. Only for a controller that has stopped writing."""
        if not self.leads:
            return
        seconds = self._seconds_left()
        self._renewed_at = float("-inf")
        try:
            async with asyncio.timeout(seconds):
                await self._give_up()
        except (ApiError, TransportError, TimeoutError) as error:
            log.info("the lease was not released: %s", str(error) or "timed out")

    async def _give_up(self) -> None:
        # What we know of the lease may be old: a renewal can have been under way when we were told to end.
        lease = await self._read()
        if self._is_held_by_another():
            return
        spec = {**lease["spec"], "leaseDurationSeconds": 1}
        # A lease may have no holder, but not an empty one.
        spec.pop("holderIdentity", None)
        await self._write(lease, spec)

    async def _try(self) -> bool:
        """Whether the lease is ours now; whatever goes wrong means that it is not."""
        sent_at = self.elapsed()
        seconds = self._seconds_left() if self.leads else self.settings.renew_deadline.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                ours = await self._acquire_or_renew()
        except (ApiError, TransportError, TimeoutError) as error:
            log.warning("lease %s: %s", self.settings.name, str(error) or "timed out")
            self._lease = None
            return False
        if ours:
            # From when we asked: the others may have seen the change as early as that.
            self._renewed_at = sent_at
        return ours

    async def _acquire_or_renew(self) -> bool:
        lease = self._lease if self.leads else None
        if lease is None:
            try:
                lease = await self._read()
            except NotFound:
                return await self._create()
        if not self._may_have(lease):
            return False
        try:
            await self._write(lease, self._renewed(lease.get("spec") or {}))
        except Conflict:
            self._lease = None
            return False
        return True

    async def _read(self) -> Object:
        lease = await self.client.get(LEASES, self.settings.namespace, self.settings.name)
        self._note(lease)
        return lease

    def _note(self, lease: Object) -> None:
        spec = lease.get("spec") or {}
        self._lease = lease
        if spec != self._seen:
            self._seen, self._seen_at = spec, self.elapsed()

    def _may_have(self, lease: Object) -> bool:
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") in (None, "", self.identity):
            return True
        return self.elapsed() >= self._seen_at + float(spec.get("leaseDurationSeconds") or 0)

    def _is_held_by_another(self) -> bool:
        return (self._seen or {}).get("holderIdentity") not in (None, "", self.identity)

    def _seconds_left(self) -> float:
        deadline = self._renewed_at + self.settings.renew_deadline.total_seconds()
        return max(0.0, deadline - self.elapsed())

    async def _create(self) -> bool:
        metadata = {"name": self.settings.name, "namespace": self.settings.namespace}
        body = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": metadata,
            "spec": self._renewed({}),
        }
        try:
            self._note(await self.client.create(LEASES, body))
        except AlreadyExists:
            return False
        return True

    async def _write(self, lease: Object, spec: Mapping[str, Any]) -> None:
        self._note(await self.client.update(LEASES, {**lease, "spec": spec}))

    def _renewed(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        now = format_micro_time(self.clock())
        renewed = {
            **spec,
            "holderIdentity": self.identity,
            "leaseDurationSeconds": int(self.settings.lease_duration.total_seconds()),
            "renewTime": now,
        }
        if spec.get("holderIdentity") == self.identity:
            return renewed
        changes = (spec.get("leaseTransitions") or 0) + 1 if spec else 0
        return {**renewed, "acquireTime": now, "leaseTransitions": changes}

"""Who may read metrics: a token is shown to the API server, which says whose it is and what they may."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobset.kube.client import Client
from jobset.kube.errors import ApiError, TransportError
from jobset.kube.resources import SUBJECT_ACCESS_REVIEWS, TOKEN_REVIEWS

_BELIEVED_SECONDS = 60.0
_REMEMBERED = 64
_REVIEW_SECONDS = 10.0
_UNDECIDED = (ApiError, TransportError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is answered instead of metrics, and for the log alone, why the API server could not be asked."""

    code: int
    text: str
    cause: str = ""


@dataclass(slots=True, kw_only=True)
class Scrapers:
    """Asks TokenReview and SubjectAccessReview; what both allowed is believed for a minute.

    `elapsed` counts seconds. Refusals are not remembered: a right that was given counts at once.
    """

    client: Client
    elapsed: Callable[[], float]
    _allowed: OrderedDict[tuple[bytes, str, str], float] = field(default_factory=OrderedDict)

    async def refuse(self, authorization: str | None, verb: str, path: str) -> Refusal | None:
        """Why a request with that Authorization header may not have `path`; None when it may."""
        token = _bearer_token(authorization)
        if token is None:
            return Refusal(401, "Unauthorized")
        # The token itself is kept nowhere.
        known = (hashlib.sha256(token.encode()).digest(), verb, path)
        if self._is_allowed(known):
            return None
        refusal = await self._review(token, verb, path)
        if refusal is None:
            self._remember(known)
        return refusal

    async def _review(self, token: str, verb: str, path: str) -> Refusal | None:
        try:
            async with asyncio.timeout(_REVIEW_SECONDS):
                user = await self._user_of(token)
        except _UNDECIDED as error:
            return Refusal(500, "Authentication failed", _cause(error))
        if user is None:
            return Refusal(401, "Unauthorized")
        name = user.get("username", "")
        try:
            async with asyncio.timeout(_REVIEW_SECONDS):
                allowed = await self._may(user, verb, path)
        except _UNDECIDED as error:
            return Refusal(500, f"Authorization for user {name} failed", _cause(error))
        return None if allowed else Refusal(403, f"Authorization denied for user {name}")

    async def _user_of(self, token: str) -> Mapping[str, Any] | None:
        review = await self.client.create(
            TOKEN_REVIEWS,
            {
                "apiVersion": TOKEN_REVIEWS.api_version,
                "kind": TOKEN_REVIEWS.kind,
                "spec": {"token": token},
            },
        )
        status = review.get("status") or {}
        return status.get("user") or {} if status.get("authenticated") else None

    async def _may(self, user: Mapping[str, Any], verb: str, path: str) -> bool:
        who = {"user": user.get("username"), "uid": user.get("uid"), "groups": user.get("groups")}
        spec = {key: value for key, value in (who | {"extra": user.get("extra")}).items() if value}
        review = await self.client.create(
            SUBJECT_ACCESS_REVIEWS,
            {
                "apiVersion": SUBJECT_ACCESS_REVIEWS.api_version,
                "kind": SUBJECT_ACCESS_REVIEWS.kind,
                "spec": spec | {"nonResourceAttributes": {"path": path, "verb": verb}},
            },
        )
        status = review.get("status") or {}
        return bool(status.get("allowed")) and not status.get("denied")

    def _is_allowed(self, known: tuple[bytes, str, str]) -> bool:
        until = self._allowed.get(known)
        return until is not None and self.elapsed() < until

    def _remember(self, known: tuple[bytes, str, str]) -> None:
        self._allowed[known] = self.elapsed() + _BELIEVED_SECONDS
        self._allowed.move_to_end(known)
        while len(self._allowed) > _REMEMBERED:
            self._allowed.popitem(last=False)


def _bearer_token(authorization: str | None) -> str | None:
    scheme, _, rest = (authorization or "").strip().partition(" ")
    token = rest.strip()
    return token if scheme.lower() == "bearer" and token else None


def _cause(error: Exception) -> str:
    return str(error) or "timed out"

"""The webhook server: reviews over HTTPS, each within its bounds, none in the way of another."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

import msgspec
from aiohttp import web

from jobset.controller.webhooks.metrics import ReviewMetrics
from jobset.controller.webhooks.offload import BODY_SIZE, Offload, is_large
from jobset.controller.webhooks.reviews import (
    CONTENT_TYPE,
    LONGEST_BODY,
    AdmissionRequest,
    Answer,
    Denied,
    Review,
    UnreadableObject,
    UnreadableReview,
    forbidden,
    read_review,
    render_answer,
    render_refusal,
)
from jobset.kube.errors import ApiError, TransportError

log = logging.getLogger(__name__)

_BODY_SECONDS, _REVIEW_SECONDS = 10.0, 30.0
"""How long a body may take to come, and its review: no API server waits longer."""
_LARGE_AT_ONCE = 8
"""Bodies that are large, or of which nobody says how large they are, and that are held at once."""


class Reviewer(Protocol):
    """Answers the reviews of one webhook."""

    async def review(self, request: AdmissionRequest) -> Answer:
        """The answer.

        Raises:
            Exception: whatever went wrong; it becomes a refusal.
        """
        ...


@dataclass(slots=True)
class WebhookServer:
    """Serves each path with its reviewer."""

    reviewers: Mapping[str, Reviewer]
    offload: Offload = field(default_factory=Offload)
    body_seconds: float = _BODY_SECONDS
    review_seconds: float = _REVIEW_SECONDS
    metrics: ReviewMetrics = field(init=False)
    _large: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_LARGE_AT_ONCE))

    def __post_init__(self) -> None:
        self.metrics = ReviewMetrics(tuple(self.reviewers))

    def app(self) -> web.Application:
        """The application; what it is asked at other paths it does not know."""
        app = web.Application(client_max_size=LONGEST_BODY - 1)
        for path, reviewer in self.reviewers.items():
            app.router.add_route("*", path, self._answering(path, reviewer))
        return app

    def _answering(self, path: str, reviewer: Reviewer) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            begun, code = perf_counter(), 500
            self.metrics.begun(path)
            try:
                body = await self._body(reviewer, request)
                code = 200
                return web.Response(body=body, content_type=CONTENT_TYPE)
            finally:
                self.metrics.ended(path, code, perf_counter() - begun)

        return answer

    async def _body(self, reviewer: Reviewer, request: web.Request) -> bytes:
        try:
            if is_large(LONGEST_BODY if request.content_length is None else request.content_length):
                async with self._large:
                    return await self._reviewed(reviewer, request)
            return await self._reviewed(reviewer, request)
        except UnreadableReview as error:
            return render_refusal(error)

    async def _reviewed(self, reviewer: Reviewer, request: web.Request) -> bytes:
        body = await self._read(request)
        BODY_SIZE.set(len(body))
        review = await self.offload.run(read_review, body)
        return render_answer(review, await self._judge(reviewer, review))

    async def _read(self, request: web.Request) -> bytes:
        """The body of a request.

        Raises:
            UnreadableReview: it is too large, too slow, or not of the type that we read.
        """
        try:
            async with asyncio.timeout(self.body_seconds):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            text = f"request entity is too large; limit is {LONGEST_BODY} bytes"
            raise UnreadableReview(413, text) from None
        except TimeoutError:
            text = f"the request body did not come within {self.body_seconds:g} seconds"
            raise UnreadableReview(408, text) from None
        if not body:
            raise UnreadableReview(400, "request body is empty")
        # compat: exactly this type, without a charset.
        if (given := request.headers.get("Content-Type", "")) != CONTENT_TYPE:
            raise UnreadableReview(400, f"contentType={given}, expected {CONTENT_TYPE}")
        return body

    async def _judge(self, reviewer: Reviewer, review: Review) -> Answer:
        try:
            async with asyncio.timeout(self.review_seconds):
                return await reviewer.review(review.request)
        except TimeoutError:
            return forbidden(f"the review took longer than {self.review_seconds:g} seconds")
        except ApiError as error:
            return Denied(error.status)
        except TransportError as error:
            return forbidden(str(error))
        except (UnreadableObject, msgspec.ValidationError) as error:
            return Denied({"code": 400, "message": str(error)})
        except Exception as error:
            self.metrics.panics += 1
            log.exception("a review failed", extra={"uid": review.request.uid})
            return Denied({"code": 500, "message": f"panic: {error} [recovered]"})

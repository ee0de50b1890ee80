"""Liveness and readiness over plain HTTP, in the form of Kubernetes' own health endpoints."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web

Check: TypeAlias = Callable[[], Awaitable[None]]
"""Returns when all is well.

Raises:
    Unhealthy: it is not; the text says why.
"""


class Unhealthy(Exception):
    """Why a check does not pass."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check said: None, or what is wrong; or that nobody asked it."""

    name: str
    error: str | None = None
    is_excluded: bool = False

    @property
    def line(self) -> str:
        """One line of a verbose answer; the reason is not for everybody who can reach the port."""
        if self.is_excluded:
            return f"[+]{self.name} excluded: ok"
        return f"[+]{self.name} ok" if self.error is None else f"[-]{self.name} failed: reason withheld"


def health_app(endpoints: Mapping[str, Mapping[str, Check]]) -> web.Application:
    """Serves each path with its checks: all of them at the path, one at `path/name`."""
    app = web.Application()
    for path, checks in endpoints.items():
        answer = _all_of(checks)
        app.router.add_get(path, answer)
        app.router.add_get(path + "/", answer)
        app.router.add_get(path + "/{name}", _one_of(checks))
    return app


def render_verdicts(
    verdicts: Collection[Verdict], unknown: Collection[str], *, verbose: bool
) -> tuple[int, str]:
    """Code and body of the answer about several checks; failures are always verbose."""
    failed = any(verdict.error is not None for verdict in verdicts)
    if not failed and not verbose:
        return 200, "ok"
    lines = [verdict.line for verdict in sorted(verdicts, key=_name)]
    if unknown:
        names = ",".join(f'"{name}"' for name in unknown)
        lines.append(f"warn: some health checks cannot be excluded: no matches for {names}")
    # compat: the last line speaks of healthz on every endpoint.
    lines.append("healthz check failed" if failed else "healthz check passed")
    return 500 if failed else 200, "\n".join(lines) + "\n"


def _all_of(checks: Mapping[str, Check]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        excluded = {name for name in request.query.getall("exclude", ()) if name}
        verdicts = [
            Verdict(name, is_excluded=True) if name in excluded else Verdict(name, await _ask(check))
            for name, check in checks.items()
        ]
        unknown = sorted(excluded - checks.keys())
        return _text(*render_verdicts(verdicts, unknown, verbose="verbose" in request.query))

    return answer


def _one_of(checks: Mapping[str, Check]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        check = checks.get(request.match_info["name"])
        if check is None:
            return _text(404, "404 page not found\n")
        error = await _ask(check)
        return _text(200, "ok") if error is None else _text(500, f"internal server error: {error}\n")

    return answer


async def _ask(check: Check) -> str | None:
    try:
        await check()
    except Unhealthy as error:
        return str(error)
    return None


def _name(verdict: Verdict) -> str:
    return verdict.name


def _text(code: int, body: str) -> web.Response:
    return web.Response(status=code, text=body, content_type="text/plain", charset="utf-8")

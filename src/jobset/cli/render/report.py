"""The report of a run as text: what happened, and the chain of causes for every restart and for the end."""

from collections.abc import Iterator

from jobset.cli.render.style import PLAIN, Style
from jobset.cli.render.times import render_between, render_clock, render_whole_seconds
from jobset.local.runs.report import (
    Cause,
    ContainerEnd,
    JobEnd,
    JobSetReport,
    Outcome,
    PodEnd,
    Report,
    Restart,
    Role,
    Waiting,
)

_STATE_COLORS = {"Completed": "green", "Failed": "red"}
_OUTCOMES = {Outcome.TIMED_OUT: "Timed out"}
_MOST_LINES = 10
_MOST_WAITS = 20


def render_report(report: Report, style: Style = PLAIN) -> str:
    """The whole report; ends with one line that says the outcome, the exit code and where the logs are."""
    lines: list[str] = []
    for jobset in report.jobsets:
        lines += [*_jobset(jobset, style), ""]
    return "\n".join([*lines, *_end(report, style)]) + "\n"


def _jobset(jobset: JobSetReport, style: Style) -> Iterator[str]:
    yield style.paint(f"JobSet {jobset.namespace}/{jobset.name}", "bold") + ": " + _headline(jobset, style)
    for role in jobset.roles:
        yield f"  {role.name}: {_role(role)}"
    for number, restart in enumerate(jobset.history):
        if jobset.more_restarts and number == len(jobset.history) // 2:
            yield f"  … {jobset.more_restarts} more restarts …"
        yield from _restart(restart, style)
    if jobset.state == "Failed":
        yield "  " + style.paint(f"Failed: {jobset.reason}: {jobset.message}", "red")
        yield from _cause(jobset.cause, style)
    if jobset.waiting:
        yield "  " + style.paint("Waiting for:", "yellow")
        yield from (f"    {render_waiting(wait)}" for wait in jobset.waiting[:_MOST_WAITS])
    if len(jobset.waiting) > _MOST_WAITS:
        yield f"    … {len(jobset.waiting) - _MOST_WAITS} more reasons …"


def _headline(jobset: JobSetReport, style: Style) -> str:
    state = style.paint(jobset.state, _STATE_COLORS.get(jobset.state, "yellow"))
    took = render_between(jobset.started_at, jobset.finished_at)
    parts = [f"{state} after {took}" if took else state]
    if jobset.restarts:
        allowed = f"{jobset.restarts_count_towards_max} of at most {jobset.max_restarts} counted"
        parts.append(f"{_count(jobset.restarts, 'restart')} ({allowed})")
    return ", ".join(parts)


def _role(role: Role) -> str:
    states = ("succeeded", "failed", "ready", "active", "suspended")
    told = [f"{getattr(role, state)} {state}" for state in states if getattr(role, state)]
    return f"{_count(role.replicas, 'Job')}: " + (", ".join(told) or "none started")


def _restart(restart: Restart, style: Style) -> Iterator[str]:
    at = render_clock(restart.at)
    match restart.kind:
        case "JobSet":
            rule = f", rule {restart.rule}" if restart.rule else ""
            text = f"Restart {restart.number} at {at}: {restart.action or 'all Jobs'}{rule}"
        case "Job":
            text = f"Restart {restart.number} of Job {restart.name} at {at}: {restart.action}"
        case kind:
            text = f"{kind} {restart.name} at {at}: {restart.message}"
    yield "  " + style.paint(text, "yellow")
    yield from _cause(restart.cause, style)


def _cause(cause: Cause | None, style: Style) -> Iterator[str]:
    if cause is None:
        return
    if cause.job is not None:
        yield f"    {_job(cause.job)}"
    for pod in cause.pods:
        yield from _pod(pod, style)
    if cause.more_pods:
        yield f"    … {cause.more_pods} more failed pods …"


def _job(job: JobEnd) -> str:
    return f"Job {job.name} failed: {_said(job.reason, job.message)}"


def _pod(pod: PodEnd, style: Style) -> Iterator[str]:
    where = f" on {pod.node}" if pod.node else ""
    more = _said(pod.reason, pod.message)
    yield f"    └ Pod {pod.name}{where}: {pod.phase}" + (f": {more}" if more else "")
    for container in pod.containers:
        yield "      └ " + style.paint(_container(container), "red")
        if container.message:
            yield from (f"          message: {line}" for line in container.message.splitlines())
        if container.explanation:
            yield f"          {container.explanation}"
        shown = container.log_lines[-_MOST_LINES:]
        yield from ("          " + style.paint("│ ", "dim") + line for line in shown)
        if container.log_file:
            yield "          " + style.paint(f"log: {container.log_file}", "dim")


def _container(container: ContainerEnd) -> str:
    if container.exit_code is None:
        return f"container {container.name} was still running"
    signal = f", {container.signal}" if container.signal else ""
    reason = f", {container.reason}" if container.reason not in ("", "Error") else ""
    took = render_whole_seconds(container.started_at, container.finished_at)
    attempt = f" in run {container.restart_count + 1}" if container.restart_count else ""
    after = f" after {took}" if took else ""
    return f"container {container.name} exited with {container.exit_code}{signal}{reason}{after}{attempt}"


def render_waiting(wait: Waiting) -> str:
    """One line: what waits, for what, and how many others do."""
    more = f" (and {wait.count - 1} more)" if wait.count > 1 else ""
    return f"{wait.object}{more}: {_said(wait.reason, wait.message)}"


def _end(report: Report, style: Style) -> Iterator[str]:
    took = render_between(report.started_at, report.finished_at)
    color = {Outcome.COMPLETED: "green", Outcome.FAILED: "red"}.get(report.outcome, "yellow")
    outcome = style.paint(_OUTCOMES.get(report.outcome, str(report.outcome)), color, "bold")
    yield f"{outcome} after {took}: {report.message} (exit code {report.exit_code})"
    if report.logs:
        yield f"Logs: {report.logs}"
    if report.run_directory:
        yield f"Kept: {report.run_directory}"


def _said(reason: str, message: str) -> str:
    return f"{reason}: {message}" if reason and message else reason or message


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

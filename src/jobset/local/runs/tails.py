"""The last log lines of every container that is alive, in memory."""

from collections import deque
from dataclasses import dataclass, field

from jobset.local.kubelet.ports import LogLines
from jobset.local.runs.records import ContainerRun

KEPT_LINES = 20
_KEPT_CHARACTERS = 2_000


@dataclass(slots=True, kw_only=True)
class LogTails:
    """Takes log lines as they are written and answers with the last ones of a container run."""

    _lines: dict[ContainerRun, deque[str]] = field(default_factory=dict)
    _runs: dict[str, list[ContainerRun]] = field(default_factory=dict)

    def take(self, written: LogLines) -> None:
        """Remember the last lines; of a container the current run and the one before it are kept."""
        run = ContainerRun(
            namespace=written.namespace,
            pod=written.pod,
            uid=written.pod_uid,
            container=written.container,
            attempt=written.attempt,
        )
        lines = self._lines.get(run)
        if lines is None:
            lines = self._lines[run] = deque(maxlen=KEPT_LINES)
            self._runs.setdefault(run.uid, []).append(run)
            self._drop_old_runs(run)
        lines.extend(text[:_KEPT_CHARACTERS] for text in written.texts(KEPT_LINES))

    def of(self, run: ContainerRun) -> tuple[str, ...]:
        """The last lines of a run, the oldest first; empty when it wrote nothing or is forgotten."""
        return tuple(self._lines.get(run, ()))

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        for run in self._runs.pop(uid, ()):
            del self._lines[run]

    def _drop_old_runs(self, newest: ContainerRun) -> None:
        runs = self._runs[newest.uid]
        old = [run for run in runs if run.container == newest.container and run.attempt < newest.attempt - 1]
        for run in old:
            runs.remove(run)
            del self._lines[run]

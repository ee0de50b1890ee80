"""The live table: what it shows, and what it folds away when there is little height."""

import io

import pytest
import rich.console

from jobset.cli.live import LiveScreen, build_table
from jobset.cli.render.lines import clean_for_terminal, render_change
from jobset.cli.render.rows import Row, build_rows
from jobset.local.runs.changes import Change
from tests.run_builders import a_history, a_job, a_jobset, a_pod, at, condition, running, waiting

READY = [{"type": "Ready", "status": "True"}]


def a_crowd(count: int, *, troubled: int = 0) -> list[object]:
    """A JobSet with one pod per Job; `troubled` of them wait for a ConfigMap."""
    story: list[object] = [a_jobset(roles={"workers": count})]
    for number in range(count):
        job = f"train-workers-{number}"
        bad = [waiting("main", "CreateContainerConfigError", 'configmap "c" not found')]
        good = {"phase": "Running", "containers": [running()], "conditions": READY}
        story += [
            a_job(job, active=1, ready=1),
            a_pod(job, **({"containers": bad} if number < troubled else good)),
        ]
    return story


def table(rows: tuple[Row, ...]) -> list[str]:
    return [f"{'  ' * row.depth}{row.name} {row.state} {row.ready}".rstrip() for row in rows]


def test_everything_is_shown_where_there_is_room():
    rows = build_rows(a_history(*a_crowd(2)), at(60), height=20)

    assert table(rows) == [
        "train Running",
        "  workers 2 Active 2/2",
        "    train-workers-0 Active 1/1",
        "      train-workers-0-0-aaaaa Running 1/1",
        "    train-workers-1 Active 1/1",
        "      train-workers-1-0-aaaaa Running 1/1",
    ]


def test_pods_that_run_well_fold_into_their_jobs_first():
    rows = build_rows(a_history(*a_crowd(3, troubled=1)), at(60), height=6)

    assert table(rows)[2:] == [
        "    train-workers-0 Active 1/1",
        "      train-workers-0-0-aaaaa Pending 0/1",
        "    train-workers-1 Active 1/1",
        "    train-workers-2 Active 1/1",
    ]


def test_of_very_many_jobs_those_in_trouble_are_shown():
    rows = build_rows(a_history(*a_crowd(500, troubled=1)), at(60), height=10)

    assert table(rows) == ["train Running", "  workers 500 Active 500/500", "    train-workers-0 Active 1/1"]
    assert rows[1].reason == '1× CreateContainerConfigError: configmap "c" not found'


def test_the_table_is_never_higher_than_the_terminal():
    rows = build_rows(a_history(*a_crowd(30, troubled=30)), at(60), height=1)

    assert [row.name for row in rows] == ["… 2 more rows …"]


def test_log_lines_cannot_spoil_the_table():
    dirty = "\x1b[2K\x1b[1A10%\r\x1b[32m90%\x1b[0m\x07\x1b]0;title\x07!"

    assert clean_for_terminal(dirty) == "\x1b[32m90%\x1b[0m!"


def test_a_change_is_one_line_whatever_a_probe_said():
    text = "Unhealthy: Liveness probe failed: one\n\x1b[2Jtwo\n"
    change = Change(at=at(0), kind="Pod", namespace="default", name="p", text=text)

    assert render_change(change, "default").partition(" ")[2] == (
        "pod/p Unhealthy: Liveness probe failed: one two"
    )


def test_a_role_counts_the_jobs_that_are_ready_as_its_jobset_does():
    story = a_history(
        a_jobset(roles={"workers": 3}),
        a_job("train-workers-0", active=1, ready=1),
        a_job("train-workers-1", active=1),
        a_job("train-workers-2", succeeded=1, conditions=[condition("Complete")]),
    )

    rows = build_rows(story, at(60), height=20)

    assert table(rows)[1] == "  workers 2 Active, 1 Complete 2/3"


LONG = (
    Row(depth=0, name="train", state="Running", age="12s"),
    Row(depth=1, name="workers", state="17 Active, 1 Failing, 1 Failed", ready="17/19"),
    Row(depth=2, name="train-workers-with-a-long-name-0", state="Failing", ready="0/2", age="12s"),
    Row(
        depth=3,
        name="train-workers-with-a-long-name-0-1-x2k4p",
        state="Failed",
        ready="0/1",
        node="laptop",
        age="12s",
        reason="exit code 3",
    ),
)


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_the_table_is_never_wider_than_the_terminal(width):
    lines = drawn(LONG, width)

    assert len(lines) == len(LONG) + 1
    assert max(map(len, lines)) <= width


def test_where_a_name_must_be_cut_its_end_and_the_reason_stay():
    lines = drawn(LONG, 80)

    assert lines[-1].split() == [
        "…long-name-0-1-x2k4p",
        "Failed",
        "0/1",
        "laptop",
        "12s",
        "exit",
        "code",
        "3",
    ]


def test_lines_above_the_table_are_whole():
    stream = Terminal()
    screen = LiveScreen(stream)

    screen.write("x" * 200 + "\n")

    assert "x" * 200 + "\n" in stream.getvalue()
    screen.close()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(rows: tuple[Row, ...], width: int) -> list[str]:
    console = rich.console.Console(file=io.StringIO(), width=width, color_system=None)
    console.print(build_table(rows, width))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]

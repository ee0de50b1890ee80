"""The live table: what it shows, and what it folds away when there is little height."""

from jobset.cli.render.lines import clean_for_terminal
from jobset.cli.render.rows import Row, build_rows
from tests.run_builders import a_history, a_job, a_jobset, a_pod, at, running, waiting

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

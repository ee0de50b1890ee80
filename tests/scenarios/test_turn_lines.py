"""What the log tells of the turns of a JobSet."""

import logging

import pytest

from jobset.kube.transport import Response
from tests.controller_world import is_a, play_locally
from tests.worlds import roles

CONFLICT = Response(
    code=409, body={"kind": "Status", "code": 409, "reason": "Conflict", "message": "changed meanwhile"}
)
JOBSET = {"name": "js", "namespace": "default"}


@pytest.fixture
def lines(caplog):
    """The records of turns, from debug on."""
    caplog.set_level(logging.DEBUG, "jobset.controller")
    return lambda: [record for record in caplog.records if record.levelno < logging.WARNING]


def test_a_turn_is_one_line_with_what_the_plan_held(lines):
    async def story(world):
        await world.create(*roles(w=3), network={"enableDNSHostnames": True})

    play_locally(story)

    first, *_ = lines()
    assert (first.getMessage(), first.levelname) == ("reconciled", "INFO")
    assert (first.controller, first.JobSet, first.seconds > 0) == ("jobset", JOBSET, True)
    assert (first.creates, first.patches, first.deletes, first.status) == (4, 0, 0, True)


def test_a_turn_with_nothing_to_do_is_told_at_debug(lines):
    async def story(world):
        await world.create(*roles(w=1))

    play_locally(story)

    idle = lines()[-1]
    assert (idle.levelname, idle.creates, idle.patches, idle.deletes, idle.status) == (
        "DEBUG",
        0,
        0,
        0,
        False,
    )


def test_a_turn_tells_when_it_looks_again(lines):
    async def story(world):
        await world.create(*roles(w=1), ttlSecondsAfterFinished=90)
        await world.end_job("js-w-0")

    play_locally(story)

    assert lines()[-1].requeueAfter in ("1m30s", "1m29s")


def test_a_turn_that_met_another_write_is_told_at_debug(lines):
    async def story(world):
        answers = [CONFLICT]

        async def conflict_once(request):
            return answers.pop() if answers and is_a(request, "PUT", "jobsets/js/status") else None

        world.wire.hooks.append(conflict_once)
        await world.create(*roles(w=1))

    play_locally(story)

    (voided,) = [record for record in lines() if record.getMessage() == "turn voided"]
    assert (voided.levelname, voided.JobSet, voided.error) == ("DEBUG", JOBSET, "changed meanwhile")

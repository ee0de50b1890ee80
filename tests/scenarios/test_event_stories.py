"""Events about a JobSet: what is in one, and how repeats become a series."""

import asyncio
import random
from dataclasses import dataclass

import pytest

from jobset.api.times import parse_time
from jobset.controller.events import EventRecorder, SeriesEvents
from jobset.kube.client import Client
from jobset.kube.errors import TransportError
from jobset.kube.resources import CONFIG_MAPS, CORE_EVENTS, EVENTS
from jobset.kube.transport import Response
from jobset.local.apiserver import ApiServer, LocalTransport
from jobset.local.clock import run_virtual
from jobset.local.recorder import CoreEvents
from jobset.local.sparing_recorder import SparingRecorder
from tests.controller_world import play_locally
from tests.worlds import policy, roles

FORM = SeriesEvents(controller="jobset", instance="i")
TEXT = 'job "js-w-0" creation failed with error: not today'


def test_an_event_tells_who_saw_what_of_which_jobset(play):
    async def story(world):
        made = await world.create(*roles(w=1), failurePolicy=policy(1))
        await world.end_job("js-w-0", "BackoffLimitExceeded")
        return made["metadata"], await world.events()

    metadata, told = play(story)
    condition, action = told

    regarding = action["regarding"]
    assert (action["apiVersion"], action["reportingController"], action["reportingInstance"]) == (
        "events.k8s.io/v1",
        "jobset",
        "jobset-here",
    )
    assert (action["action"], action["type"]) == ("Reconciling", "Warning")
    assert (condition["reason"], action["reason"]) == (
        "DefaultFailurePolicy",
        "RestartJobSetFailurePolicyAction",
    )
    assert condition["note"] == action["note"]
    assert (regarding["kind"], regarding["name"], regarding["uid"]) == ("JobSet", "js", metadata["uid"])
    assert int(regarding["resourceVersion"]) > int(metadata["resourceVersion"])
    assert "related" not in action
    name, _, nanoseconds = action["metadata"]["name"].rpartition(".")
    told_at = parse_time(action["eventTime"]).timestamp()
    assert (name, action["metadata"]["namespace"]) == ("js", metadata["namespace"])
    assert abs(int(nanoseconds, 16) / 1e9 - told_at) < 1


def test_jobs_that_are_refused_again_and_again_are_one_event_with_a_count(play):
    async def story(world):
        world.wire.refuse("POST", "/js-w-0")
        await world.create(*roles(w=1))
        return await world.events()

    (event,) = play(story)

    assert (event["reason"], event["type"], event["note"]) == ("JobCreationFailed", "Warning", TEXT)
    assert event["series"]["count"] == 2


def test_the_count_of_a_series_is_told_again_now_and_then():
    async def story(world):
        world.wire.refuse("POST", "/js-w-0")
        await world.create(*roles(w=1))
        await world.linger(3600)
        return await world.events()

    (event,) = play_locally(story)

    assert event["series"]["count"] > 10


def test_a_percent_sign_in_an_error_comes_out_as_it_is():
    async def story(world):
        recorder = EventRecorder(client=world.client, clock=world.clock, form=FORM)
        task = asyncio.create_task(recorder.run())
        recorder.event(JOBSET, "Warning", "Refused", "100%s full, %d left")
        await recorder.drain()
        task.cancel()
        return await world.events("Refused")

    (event,) = play_locally(story)

    assert event["note"] == "100%s full, %d left"


JOBSET = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "js", "namespace": "default"}}


def record(story, form=FORM):
    """The result of `story(client, recorder)`."""

    async def main(clock):
        client = Client(LocalTransport(ApiServer(clock=clock, random=random.Random(1))))
        await client.create(CONFIG_MAPS, JOBSET)
        recorder = EventRecorder(client=client, clock=clock, form=form)
        task = asyncio.create_task(recorder.run())
        try:
            return await story(client, recorder)
        finally:
            task.cancel()

    return run_virtual(main)


async def tell(recorder, reason, times=1, pause=0.0):
    for _ in range(times):
        recorder.event(JOBSET, "Warning", reason, "n")
        await asyncio.sleep(pause)
    await recorder.drain()


def test_counts_are_told_also_by_a_recorder_that_never_rests():
    async def story(client, recorder):
        await tell(recorder, "Repeated", times=5)
        await tell(recorder, "Other", times=10, pause=60.0)
        events = (await client.list(EVENTS)).items
        return {event["reason"]: event["series"]["count"] for event in events}

    counts = record(story)

    assert counts["Repeated"] == 5
    assert counts["Other"] > 2


def test_every_repeat_of_a_core_event_is_told_at_once_whatever_became_of_the_object():
    async def story(client, recorder):
        before = await client.get(CONFIG_MAPS, "default", "js")
        after = await client.patch(CONFIG_MAPS, "default", "js", {"data": {"k": "v"}})
        for jobset, message in ((before, "n"), (before, "n"), (after, "n"), (after, "another message")):
            recorder.event(jobset, "Warning", "Repeated", message)
        await recorder.drain()
        return (await client.list(CORE_EVENTS)).items

    first, other = record(story, CoreEvents(component="job-controller", host="here"))

    assert (first["message"], first["count"], first["type"]) == ("n", 3, "Warning")
    assert first["source"] == {"component": "job-controller", "host": "here"}
    assert (first["reportingComponent"], first["reportingInstance"]) == ("job-controller", "here")
    assert first["lastTimestamp"] >= first["firstTimestamp"]
    assert (other["message"], other["count"]) == ("another message", 1)


def sparingly(steps):
    """What the server has of events: `steps` are of an object's name, a note and the seconds after it."""

    async def story(client, inner):
        sparing = SparingRecorder(inner=inner, clock=inner.clock)
        for name, note, pause in steps:
            about = {**JOBSET, "metadata": {"name": name, "namespace": "default", "uid": name}}
            sparing.event(about, "Normal", "SuccessfulCreate", note)
            await inner.drain()
            await asyncio.sleep(pause)
        return (await client.list(CORE_EVENTS)).items

    return [
        (event["involvedObject"]["name"], event["count"], event["message"])
        for event in record(story, CoreEvents(component="job-controller"))
    ]


def test_many_different_notes_of_one_kind_are_told_as_one_from_the_tenth_on():
    told = sparingly(("a", f"pod {number}", 0) for number in range(12))

    alone = [("a", 1, f"pod {number}") for number in range(9)]
    assert told == [*alone, ("a", 3, "(combined from similar events): pod 11")]


def test_notes_are_compared_with_those_of_the_last_ten_minutes():
    steps = [("a", f"pod {number}", 0) for number in range(9)]
    steps[-1] = ("a", "pod 8", 601)

    told = sparingly([*steps, ("a", "pod 9", 0)])

    assert told[-1] == ("a", 1, "pod 9")


def test_of_too_many_events_about_one_object_those_without_a_place_are_lost():
    crowd = [("a", "again", 0)] * 30

    told = sparingly([*crowd, ("b", "first", 300), ("a", "after a pause", 0), ("a", "too early", 0)])

    assert told == [("a", 25, "again"), ("a", 1, "after a pause"), ("b", 1, "first")]


def test_an_event_that_the_server_forgot_is_told_anew():
    async def story(client, recorder):
        await tell(recorder, "Repeated")
        (event,) = (await client.list(EVENTS)).items
        await client.delete(EVENTS, "default", event["metadata"]["name"])
        await tell(recorder, "Repeated")
        return (await client.list(EVENTS)).items

    (event,) = record(story)

    assert event["reason"] == "Repeated"
    assert "series" not in event


def test_a_long_note_is_shortened_to_what_a_server_takes():
    async def story(client, recorder):
        recorder.event(JOBSET, "Warning", "Long", "ä" * 2000)
        await recorder.drain()
        return (await client.list(EVENTS)).items

    (event,) = record(story)

    assert event["note"].startswith("ää")
    assert event["note"].endswith(" …")
    assert 1000 < len(event["note"].encode()) <= 1024


@dataclass
class Failing:
    """A way on which the first answers are lost, of requests that took effect or did not."""

    inner: LocalTransport
    takes_effect: bool
    answer: Response | None
    left: int = 2

    async def send(self, request):
        if not self.left:
            return await self.inner.send(request)
        self.left -= 1
        if self.takes_effect:
            await self.inner.send(request)
        if self.answer is None:
            raise TransportError("connection reset")
        return self.answer


UNKNOWN = Response(code=504, body={"kind": "Status", "code": 504, "message": "timed out"})


@pytest.mark.parametrize("takes_effect", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("answer", [None, UNKNOWN], ids=["no answer", "nobody knows"])
def test_an_event_whose_answer_was_lost_is_there_once(answer, takes_effect):
    async def story(client, recorder):
        recorder.client = Client(Failing(client._transport, takes_effect, answer))
        await tell(recorder, "Lost")
        await tell(recorder, "Another")
        return (await client.list(EVENTS)).items

    events = record(story)

    assert sorted(event["reason"] for event in events) == ["Another", "Lost"]


def test_an_event_whose_name_is_taken_is_lost_and_stops_no_other(caplog):
    async def story(client, recorder):
        taken = Response(code=409, body={"kind": "Status", "code": 409, "reason": "AlreadyExists"})
        recorder.client = Client(Failing(client._transport, takes_effect=False, answer=taken, left=1))
        await tell(recorder, "Lost")
        await tell(recorder, "Another")
        return (await client.list(EVENTS)).items

    events = record(story)

    assert [event["reason"] for event in events] == ["Another"]
    assert "event Lost lost" in caplog.text

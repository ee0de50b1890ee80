"""The headless Service and the claims of a JobSet: theirs or ours, refused, and gone with it."""

from jobset.api import keys
from jobset.kube.resources import JOBSETS, PERSISTENT_VOLUME_CLAIMS, SERVICES
from tests.worlds import CLAIM, role, roles

DNS = {"network": {"enableDNSHostnames": True}}
SERVICE = {"apiVersion": "v1", "kind": "Service"}


def test_a_service_that_is_there_is_used_as_it_is(play):
    async def story(world):
        spec = {"ports": [{"port": 80}]}
        await world.put({**SERVICE, "metadata": {"name": "js"}, "spec": spec})
        before = await world.get(SERVICES, "js")
        await world.create(*roles(w=1), **DNS)
        return (
            before,
            await world.get(SERVICES, "js"),
            await world.job_names(),
            await world.events(),
        )

    before, after, jobs, told = play(story)

    assert before == after
    assert (jobs, told) == (["js-w-0"], [])


def test_without_its_service_a_jobset_makes_no_jobs(play):
    async def story(world):
        world.wire.refuse("POST", "/services/js")
        await world.create(*roles(w=1), **DNS)
        held = await world.job_names(), await world.events()
        await world.recover()
        return held, await world.job_names()

    (names, (event,)), later = play(story)

    assert (names, later) == ([], ["js-w-0"])
    assert (event["reason"], event["type"], event["note"]) == (
        "HeadlessServiceCreationFailed",
        "Warning",
        "not today",
    )


def test_a_service_is_named_after_the_name_that_was_generated(play):
    async def story(world):
        made = await world.create(*roles(w=1), metadata={"generateName": "run-"}, **DNS)
        return made["metadata"]["name"], await world.items(SERVICES)

    name, (service,) = play(story)

    assert name.startswith("run-")
    assert (service["metadata"]["name"], service["spec"]["selector"]) == (name, {keys.JOBSET_NAME: name})


def claims(name, when_deleted="Delete"):
    (template,) = CLAIM["templates"]
    return {
        "templates": [{"metadata": {"name": name}, "spec": {**template["spec"]}}],
        "retentionPolicy": {"whenDeleted": when_deleted},
    }


def with_mounts(replicated_job, *names):
    (container,) = replicated_job["template"]["spec"]["template"]["spec"]["containers"]
    container["volumeMounts"] = [{"name": name, "mountPath": f"/{name}"} for name in names]
    return replicated_job


def test_without_one_of_its_claims_a_jobset_makes_no_jobs_but_the_other_claims(play):
    async def story(world):
        world.wire.refuse("POST", "/a-js")
        await world.create(with_mounts(role("w"), "a", "b"), volumeClaimPolicies=[claims("a"), claims("b")])
        made = await world.items(PERSISTENT_VOLUME_CLAIMS)
        held = await world.job_names(), await world.events()
        await world.recover()
        return [claim["metadata"]["name"] for claim in made], held, await world.job_names()

    made, (names, (event,)), later = play(story)

    assert (made, names, later) == (["b-js"], [], ["js-w-0"])
    assert (event["reason"], event["type"], event["note"]) == ("PVCCreationFailed", "Warning", "not today")


def test_a_claim_that_is_there_is_used_as_it_is(play):
    async def story(world):
        wanted = claims("a", "Retain")
        (template,) = wanted["templates"]
        template["spec"]["volumeMode"] = "Filesystem"
        theirs = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "a-js"}}
        before = await world.put(template | theirs)
        await world.create(with_mounts(role("w"), "a"), volumeClaimPolicies=[wanted])
        after = await world.get(PERSISTENT_VOLUME_CLAIMS, "a-js")
        return before, after, await world.job_names(), await world.events()

    before, after, jobs, told = play(story)

    assert before == after
    assert (jobs, told) == (["js-w-0"], [])


def test_claims_go_with_their_jobset_or_stay_as_their_policy_says(play):
    async def story(world):
        both = [claims("a", "Delete"), claims("b", "Retain")]
        await world.create(with_mounts(role("w"), "a", "b"), volumeClaimPolicies=both, suspend=True)
        before = await world.items(PERSISTENT_VOLUME_CLAIMS)
        await world.delete(JOBSETS, "js")

        async def first_is_gone():
            return not await world.exists(PERSISTENT_VOLUME_CLAIMS, "a-js")

        await world.until(first_is_gone)
        await world.linger(5)
        return before, await world.items(PERSISTENT_VOLUME_CLAIMS)

    before, after = play(story)

    assert [claim["metadata"]["name"] for claim in before] == ["a-js", "b-js"]
    assert [claim["metadata"]["name"] for claim in after] == ["b-js"]

"""Empty objects that a JobSet gets from a webhook which reads it into structs and writes them back.

compat: Go writes a struct that is not a pointer as `{}` even when it is empty, and JobSet's defaulting
webhook answers with the difference to what it was sent.
"""

from jobset.admission.parts import Object, at, each


def with_empty_structs(jobset: Object) -> Object:
    """The JobSet with the empty objects in its templates; the same value where nothing is missing.

    A null is missing; parts of the wrong type stay as they are.
    """
    return at(jobset, "spec", _jobset_spec)


def _jobset_spec(spec: Object) -> Object:
    spec = each(spec, "replicatedJobs", lambda rjob: at(rjob, "template", _job_template))
    return each(spec, "volumeClaimPolicies", lambda policy: each(policy, "templates", _claim))


def _job_template(template: Object) -> Object:
    return at(_with(template, "metadata"), "spec", lambda job: at(job, "template", _pod_template))


def _pod_template(template: Object) -> Object:
    return at(_with(template, "metadata"), "spec", _pod_spec)


def _pod_spec(spec: Object) -> Object:
    for containers in ("containers", "initContainers", "ephemeralContainers"):
        spec = each(spec, containers, lambda container: _with(container, "resources"))
    return each(spec, "volumes", lambda volume: at(volume, "ephemeral", _ephemeral))


def _ephemeral(source: Object) -> Object:
    return at(source, "volumeClaimTemplate", _claim_template)


def _claim(claim: Object) -> Object:
    return _with(_claim_template(claim), "status")


def _claim_template(claim: Object) -> Object:
    filled = _with(_with(claim, "metadata"), "spec")
    return at(filled, "spec", lambda spec: _with(spec, "resources"))


def _with(obj: Object, key: str) -> Object:
    return {**obj, key: {}} if obj.get(key) is None else obj

"""Pod templates judged for this machine, and the commands that stand for images."""

import os
import shlex
import stat
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from jobset.local.fields import Finding, MachineFacts, Refusal, command_of_image, judge_fields, told_once
from jobset.local.kubelet.mounts import unlinkable_mounts
from jobset.local.runs.report import Notice
from jobset.manifests.documents import Document, Documents
from jobset.manifests.problems import Problem
from jobset.manifests.yaml import load

Commands = Mapping[str, tuple[str, ...]]
"""The command of each image that has been given one."""

_KINDS_OF_PATHS = (
    (stat.S_ISDIR, "directory"),
    (stat.S_ISREG, "file"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "character device"),
    (stat.S_ISBLK, "block device"),
)


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """Documents with the commands of their images, and what this machine refuses or ignores of them."""

    documents: Documents
    problems: tuple[Problem, ...]
    notices: tuple[Notice, ...]


def read_image_files(files: Sequence[str]) -> tuple[dict[str, tuple[str, ...]], tuple[Problem, ...]]:
    """The commands in files that have a mapping `images` from names to commands, and what is wrong there."""
    commands: dict[str, tuple[str, ...]] = {}
    read = load(files) if files else Documents()
    problems = list(read.problems)
    for document in read:
        images = document.value.get("images") if isinstance(document.value, Mapping) else None
        if not isinstance(images, Mapping):
            problems.append(document.problem("a mapping `images` is expected", _IMAGES_REMEDY))
            continue
        for name, command in images.items():
            words = _words(command)
            if words:
                commands[name] = words
            else:
                problems.append(
                    document.problem(
                        f"{name} has no command", _IMAGES_REMEDY, f"images.{name}", value=command
                    )
                )
    return commands, tuple(problems)


_IMAGES_REMEDY = "write names with a command each, such as `images: {tool: [tool, --serve]}`"


def _words(command: Any) -> tuple[str, ...]:
    if isinstance(command, str):
        try:
            return tuple(shlex.split(command))
        except ValueError:
            return ()
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        return tuple(command)
    return ()


def judge_documents(documents: Documents, commands: Commands, *, can_mount: bool) -> Judged:
    """Every refusal and every notice at once, with their places."""
    machine = MachineFacts(
        uid=os.getuid(),
        gid=os.getgid(),
        path_kind=path_kind,
        images=frozenset(commands),
        unreachable_mounts=_no_mounts if can_mount else unlinkable_mounts,
    )
    problems: list[Problem] = []
    notices: list[tuple[Document, Finding]] = []
    for document in documents:
        for finding in _findings(document, machine):
            if isinstance(finding, Refusal):
                problems.append(_problem(document, finding))
            else:
                notices.append((document, finding))
    once = told_once(finding for _, finding in notices)
    return Judged(
        documents=replace(documents, documents=tuple(_with_commands(d, commands) for d in documents)),
        problems=tuple(problems),
        notices=tuple(
            Notice(object=document.title, field=finding.path, message=finding.reason)
            for document, finding in notices
            if any(finding is told for told in once)
        ),
    )


def _no_mounts(spec: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:  # noqa: ARG001
    return ()


def path_kind(path: str) -> str | None:
    """What is at a path of this machine; None when there is nothing that we may see."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return None
    return next((kind for is_kind, kind in _KINDS_OF_PATHS if is_kind(mode)), None)


def _findings(document: Document, machine: MachineFacts) -> Iterator[Finding]:
    for index, template in _pod_templates(document.value):
        yield from judge_fields(template, f"spec.replicatedJobs[{index}].template.spec.template", machine)


def _pod_templates(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The pod template of each role; manifests may have anything in place of what is expected."""
    jobs = _at(value, "spec", "replicatedJobs") if _at(value, "kind") == "JobSet" else None
    for index, job in enumerate(jobs if isinstance(jobs, list) else ()):
        template = _at(job, "template", "spec", "template")
        if isinstance(template, Mapping) and _is_well_formed(template):
            yield index, template


def _is_well_formed(template: Mapping[str, Any]) -> bool:
    """Whether judging it makes sense; what is not, the checks refuse anyway."""
    spec = template.get("spec")
    lists = ("containers", "initContainers", "volumes")
    return isinstance(spec, Mapping) and all(
        isinstance(spec.get(name) or [], list)
        and all(isinstance(item, Mapping) for item in spec.get(name) or [])
        for name in lists
    )


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _problem(document: Document, refusal: Refusal) -> Problem:
    return document.problem(refusal.reason, refusal.remedy, refusal.path, value=refusal.value)


def _with_commands(document: Document, commands: Commands) -> Document:
    """The document with a command in each container whose image has been given one."""
    if not commands or _at(document.value, "kind") != "JobSet":
        return document
    value = document.value
    for index, template in _pod_templates(value):
        value = _replaced(value, index, _template_with_commands(template, commands))
    return Document(document.file, value, document.node)


def _template_with_commands(template: Mapping[str, Any], commands: Commands) -> Mapping[str, Any]:
    spec = dict(template["spec"])
    for name in ("containers", "initContainers"):
        if spec.get(name):
            spec[name] = [_container_with_command(container, commands) for container in spec[name]]
    return {**template, "spec": spec}


def _container_with_command(container: Mapping[str, Any], commands: Commands) -> Mapping[str, Any]:
    command = command_of_image(str(container.get("image", "")), commands)
    return container if container.get("command") or not command else {**container, "command": list(command)}


def _replaced(value: Mapping[str, Any], index: int, template: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JobSet with another pod template in one role."""
    jobs = list(value["spec"]["replicatedJobs"])
    job = jobs[index]
    job_template = {**job["template"], "spec": {**job["template"]["spec"], "template": template}}
    jobs[index] = {**job, "template": job_template}
    return {**value, "spec": {**value["spec"], "replicatedJobs": jobs}}

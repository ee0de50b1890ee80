"""From a container's spec to a started process with its log: environment, mounts, descriptors."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from jobset.local.kubelet.environment import build_argv, build_environment, inherited_environment
from jobset.local.kubelet.facts import Object
from jobset.local.kubelet.home import PodHome
from jobset.local.kubelet.logs import ContainerLog, LogFile, LogSource
from jobset.local.kubelet.mounts import MountRefused, container_mounts
from jobset.local.kubelet.pods import all_containers, hostname_of
from jobset.local.kubelet.services import Services
from jobset.local.kubelet.termination import DEFAULT_PATH, MESSAGE_VARIABLE, message_path
from jobset.local.processes.starter import Launch, Mount, Process, StartFailed


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A container that has just been started."""

    process: Process
    env: Mapping[str, str]
    log: ContainerLog
    message_file: str
    open_fds: tuple[int, ...]
    skipped_variables: tuple[str, ...]


@dataclass(slots=True)
class _Descriptors:
    """The ends of pipes or of a terminal; `theirs` are closed once the process has its copies."""

    theirs: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    kept: list[int] = field(default_factory=list)

    def close_theirs(self) -> None:
        for fd in set(self.theirs.values()):
            os.close(fd)

    def close_ours(self) -> None:
        for fd in (*self.read.values(), *self.kept):
            os.close(fd)


async def start_container(home: PodHome, container: Object, number: int) -> Started:
    """Start one attempt of a container.

    Raises:
        CannotResolve: a variable's source is not there yet.
        StartFailed: the program never ran.
        MountRefused: a volume cannot appear where it should.
        OSError: the machine is out of something.
    """
    services, pod = home.services, home.pod
    environment = build_environment(container, home.namespace, home.sources())
    argv = build_argv(container, environment.variables)
    if not argv:
        raise StartFailed(128, f'container "{container["name"]}" has no command, and no image gives it one')
    message_file = _make_message_file(services, pod, container, number)
    inherited = _base_environment(services, pod, container, message_file)
    mounts = _mounts(home, container, environment.variables, message_file)
    descriptors = _open_descriptors(container)
    launch = Launch(
        argv=argv,
        env=inherited | {**home.account, **environment.variables},
        working_dir=container.get("workingDir") or None,
        hostname=hostname_of(pod),
        hosts_file=home.hosts_file,
        mounts=mounts,
        stdout=descriptors.theirs["stdout"],
        stderr=descriptors.theirs["stderr"],
        stdin=descriptors.theirs.get("stdin"),
        shared_memory=_shared_memory(services, pod),
    )
    launch = services.names.adapt(pod, launch)
    try:
        process = await services.starter.start(launch)
    except BaseException:
        descriptors.close_ours()
        raise
    finally:
        descriptors.close_theirs()
    return Started(
        process=process,
        env=launch.env,
        log=_follow_log(services, pod, container, number, descriptors),
        message_file=message_file,
        open_fds=tuple(descriptors.kept),
        skipped_variables=environment.skipped,
    )


def _base_environment(
    services: Services, pod: Object, container: Object, message_file: str
) -> dict[str, str]:
    settings = services.settings
    inherited = inherited_environment(settings.caller_environment, settings.pass_environment)
    inherited["HOSTNAME"] = hostname_of(pod)
    inherited["TMPDIR"] = settings.caller_environment.get("TMPDIR") or tempfile.gettempdir()
    if container.get("tty"):
        inherited["TERM"] = "xterm"
    abilities = services.starter.abilities
    if not (abilities.own_mounts and abilities.own_processes):
        inherited[MESSAGE_VARIABLE] = message_file
    return inherited | services.devices.environment(pod["metadata"]["uid"], container["name"])


def _make_message_file(services: Services, pod: Object, container: Object, number: int) -> str:
    uid = pod["metadata"]["uid"]
    # To make a file on a disk can take as long as to start a container. Without mounts programs look for it
    # where it is, and a private /dev/shm would hide it.
    folder = (
        services.paths.in_memory(uid) if services.starter.abilities.own_mounts else services.paths.pod(uid)
    )
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{container['name']}-{number}.termination-log")
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    os.close(fd)
    return path


def _mounts(
    home: PodHome, container: Object, variables: Mapping[str, str], message_file: str
) -> tuple[Mount, ...]:
    """What the starter mounts; where it cannot, links are made and nothing is left to mount."""
    services = home.services
    mounts = container_mounts(container, home.volume_paths, home.read_only_volumes, variables)
    message = Mount(source=message_file, target=message_path(container))
    if services.starter.abilities.own_mounts:
        return (*mounts, message)
    for mount in mounts:
        services.links.make(home.uid, mount)
    if message.target != DEFAULT_PATH:
        try:
            services.links.make(f"{home.uid}/{container['name']}", message)
        except (MountRefused, OSError) as error:
            services.tell(
                f"pod {home.pod['metadata']['name']}: no termination message at {message.target} ({error}); "
                f"programs find the file's path in ${MESSAGE_VARIABLE}"
            )
    return ()


def _shared_memory(services: Services, pod: Object) -> str | None:
    """One container has /dev/shm to itself; several share one."""
    if len(all_containers(pod)) == 1:
        return None
    path = services.paths.shared_memory(pod["metadata"]["uid"])
    if not os.path.isdir(path):
        os.makedirs(path)
        os.chmod(path, 0o1777)
    return path


def _open_descriptors(container: Object) -> _Descriptors:
    opened = _Descriptors()
    try:
        if container.get("tty"):
            ours, theirs = os.openpty()
            opened.theirs = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
            opened.read["stdout"] = ours
            return opened
        for stream in ("stdout", "stderr"):
            opened.read[stream], opened.theirs[stream] = os.pipe()
        if container.get("stdin"):
            # Nobody is attached: a program that reads waits, as it would in a cluster.
            opened.theirs["stdin"], kept = os.pipe()
            opened.kept.append(kept)
    except OSError:
        opened.close_ours()
        opened.close_theirs()
        raise
    return opened


def _follow_log(
    services: Services, pod: Object, container: Object, number: int, descriptors: _Descriptors
) -> ContainerLog:
    metadata = pod["metadata"]
    source = LogSource(
        namespace=metadata.get("namespace", ""),
        pod=metadata["name"],
        pod_uid=metadata["uid"],
        container=container["name"],
        attempt=number,
    )
    log = ContainerLog(
        source=source,
        file=LogFile(source.path(services.paths.logs), services.tell),
        nanos=services.nanos,
        listeners=services.log_listeners,
    )
    for stream, fd in descriptors.read.items():
        log.follow(fd, stream)
    return log

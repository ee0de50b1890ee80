"""Run a program: find it, start it, and say in a container runtime's words why it did not start."""

import errno
import os
import signal
from collections.abc import Mapping, Sequence

# compat: what `exec.LookPath` of a container runtime searches when the environment has no PATH.
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_UNCHANGEABLE = (signal.SIGKILL, signal.SIGSTOP)
# Found once for all containers: it takes a while.
_CHANGEABLE = sorted(set(signal.valid_signals()) - set(_UNCHANGEABLE))


class ExecuteFailed(Exception):
    """The program does not run. `code`: 127 not found, 126 not executable, 128 anything else."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def execute(argv: Sequence[str], env: Mapping[str, str], files: tuple[int, int, int]) -> int:
    """The process id of the program, running in this process's view, leader of a session of its own.

    `files` become its standard input, output and error.

    Raises:
        ExecuteFailed: it could not be started.
    """
    if not argv:
        raise ExecuteFailed(128, "no command given")
    path = _find(argv[0], env.get("PATH", _DEFAULT_PATH))
    actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(files)]
    try:
        return _spawn(path, list(argv), env, actions)
    except OSError as error:
        raise _explain(argv[0], path, error) from error
    except ValueError as error:
        raise ExecuteFailed(128, f'exec: "{argv[0]}": {error}') from error


def change_folder(folder: str | None, otherwise: str) -> None:
    """Make `folder` the working directory; when none is asked for, `otherwise` or the root.

    Raises:
        ExecuteFailed: the one that is asked for is not there or may not be entered.
    """
    try:
        os.chdir(folder or otherwise)
    except OSError as error:
        if folder is None:  # a volume covers it
            os.chdir("/")
            return
        raise ExecuteFailed(128, f'working directory "{folder}": {error.strerror}') from error


def _find(name: str, search_path: str) -> str:
    if "/" in name:
        return name
    forbidden = None
    for folder in search_path.split(":"):
        path = os.path.join(folder or ".", name)
        if os.path.isfile(path):
            if os.access(path, os.X_OK):
                return path
            forbidden = path
    if forbidden is not None:
        raise ExecuteFailed(126, f'exec: "{forbidden}": permission denied')
    raise ExecuteFailed(127, f'exec: "{name}": executable file not found in $PATH')


def _spawn(path: str, argv: list[str], env: Mapping[str, str], actions: list[tuple[int, int, int]]) -> int:
    try:
        return os.posix_spawn(
            path, argv, env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=_CHANGEABLE
        )
    except NotImplementedError:  # a libc that cannot make a session on the way
        return os.posix_spawn(
            path, argv, env, file_actions=actions, setpgroup=0, setsigmask=(), setsigdef=_CHANGEABLE
        )


def _explain(name: str, path: str, error: OSError) -> ExecuteFailed:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR if not os.path.exists(path):
            return ExecuteFailed(127, f'exec: "{name}": no such file or directory')
        case errno.ENOENT:
            return ExecuteFailed(127, f'exec: "{name}": its interpreter or loader does not exist')
        case errno.EACCES if os.path.isdir(path):
            return ExecuteFailed(126, f'exec: "{name}": is a directory')
        case errno.EACCES | errno.EPERM:
            return ExecuteFailed(126, f'exec: "{name}": permission denied')
        case errno.ENOEXEC:
            hint = "a script needs a first line such as #!/bin/sh"
            return ExecuteFailed(128, f'exec: "{name}": exec format error ({hint})')
    return ExecuteFailed(128, f'exec: "{name}": {error.strerror}')

"""Credentials from a program: when it is run, how, and for how long."""

import asyncio
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from dataclasses import dataclass

from jobset.kube.errors import AccessError
from jobset.kube.exec_call import Credential, PluginCall, parse_credential
from jobset.kube.surroundings import Surroundings
from jobset.kube.tls import ClientCertificate

TIME_LIMIT_SECONDS = 60.0
# Somebody has to find the browser window first.
TIME_LIMIT_WITH_A_PERSON_SECONDS = 300.0

_LAST_LINES = 3
_GRACE_SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class ExecPlugin:
    """Runs a program when there is no credential, or one that has expired or was refused: once at a time."""

    call: PluginCall
    surroundings: Surroundings
    time_limit_seconds: float
    _credential: Credential | None = None
    _was_refused: bool = False
    _run: asyncio.Task[None] | None = None

    async def authorization(self) -> str | None:
        """The header of a credential that is good now; None when it is a certificate alone."""
        if self._is_due():
            if self._run is None or self._run.done():
                self._run = asyncio.create_task(self._renew())
                # Whoever waits for it may give up: its failure is then nobody's.
                self._run.add_done_callback(lambda run: run.cancelled() or run.exception())
            # One request that is given up must not take the credential from the others.
            await asyncio.shield(self._run)
        return self._credential.authorization if self._credential else None

    def client_certificate(self) -> ClientCertificate | None:
        """The certificate of the last credential."""
        return self._credential.certificate if self._credential else None

    def refused(self, authorization: str | None, /) -> None:
        """Run the program again next time, unless another header has replaced this one already."""
        if self._credential and authorization in (None, self._credential.authorization):
            self._was_refused = True

    def _is_due(self) -> bool:
        if self._credential is None or self._was_refused:
            return True
        expires_at = self._credential.expires_at
        return expires_at is not None and self.surroundings.clock() >= expires_at

    async def _renew(self) -> None:
        output = await run_plugin(self.call, self.surroundings, self.time_limit_seconds)
        self._credential = parse_credential(output, self.call)
        self._was_refused = False


def find_program(call: PluginCall, surroundings: Surroundings) -> str:
    """The path of a plugin's program.

    Raises:
        AccessError: there is none; the text ends with the hint where to get it.
    """
    found = shutil.which(call.command, path=surroundings.environ.get("PATH", os.defpath))
    if found:
        return found
    hint = f"\n{call.install_hint.strip()}" if call.install_hint.strip() else ""
    raise AccessError(f'{call.where}.command: there is no program "{call.command}"{hint}')


async def run_plugin(call: PluginCall, surroundings: Surroundings, time_limit_seconds: float) -> bytes:
    """What the program printed on standard output.

    With a terminal, its prompts and complaints go there; without one, the last of them are in the error.
    """
    process = await _start(call, surroundings)
    try:
        async with asyncio.timeout(time_limit_seconds):
            output, complaints = await process.communicate()
    except TimeoutError:
        await _end(process, alone=not surroundings.terminal)
        raise AccessError(
            f'{call.where}: "{call.command}" gave no credential within {time_limit_seconds:g} seconds'
        ) from None
    except asyncio.CancelledError:
        await _end(process, alone=not surroundings.terminal)
        raise
    if process.returncode:
        raise AccessError(f'{call.where}: "{call.command}" {_failure(process.returncode, complaints)}')
    return output


async def _start(call: PluginCall, surroundings: Surroundings) -> Process:
    program = find_program(call, surroundings)
    try:
        return await asyncio.create_subprocess_exec(
            program,
            *call.args,
            stdin=None if call.interactive else DEVNULL,
            stdout=PIPE,
            stderr=None if surroundings.terminal else PIPE,
            env={**surroundings.environ, **call.env, "KUBERNETES_EXEC_INFO": call.info},
            # So that what it starts ends with it. A program that asks a person needs our terminal.
            start_new_session=not surroundings.terminal,
        )
    except OSError as error:
        raise AccessError(f"{call.where}.command: cannot run {program}: {error.strerror}") from error


async def _end(process: Process, *, alone: bool) -> None:
    """Kill the program, with all that it started when it is `alone` in its group."""
    with suppress(ProcessLookupError):
        if alone:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    # Reads to the end, which something that left the group could put off.
    with suppress(TimeoutError):
        await asyncio.wait_for(process.communicate(), _GRACE_SECONDS)


def _failure(code: int, complaints: bytes | None) -> str:
    ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    lines = (complaints or b"").decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
    return ": ".join([ended, *([" / ".join(lines)] if lines else [])])

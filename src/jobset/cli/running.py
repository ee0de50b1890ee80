"""What `jobset run` does once its options are read: check, open the machine, run, show, report."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Literal, TextIO

import click
import msgspec

from jobset.api.gates import FeatureGates
from jobset.cli.console import Console, choose_style, is_terminal, open_screen
from jobset.cli.inputs import Inputs, read_inputs
from jobset.cli.printer import Printer
from jobset.cli.render.lines import render_notice
from jobset.cli.render.problems import has_errors, render_problems
from jobset.cli.render.report import render_report
from jobset.cli.render.rows import build_rows
from jobset.cli.streams import silence_broken_streams, tell, tell_aside, tell_data
from jobset.local.clock import wall_clock
from jobset.local.machine import Machine, MachineOptions, open_machine
from jobset.local.names.ways import WayName, WayRefused
from jobset.local.processes.client import read_abilities
from jobset.local.processes.fork import StarterHandle
from jobset.local.runs.apply import Refused
from jobset.local.runs.control import Control
from jobset.local.runs.directory import (
    CannotWrite,
    InUse,
    RunDirectory,
    clean_up,
    open_directory,
    state_home,
)
from jobset.local.runs.report import Notice, Outcome, Report
from jobset.local.runs.run import Run, RunOptions
from jobset.local.runs.tails import LogTails

_FRAME_SECONDS = 0.25
_LINES_BESIDE_ROWS = 6
"""Of a terminal's height: the table's heading, and room for log lines to pass by."""


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `jobset run` as they were given."""

    files: tuple[str, ...]
    namespace: str
    timeout: timedelta | None
    logs: Literal["none", "failed", "all"]
    output: Literal["text", "json"]
    keep: bool
    environment: tuple[str, ...]
    images: Mapping[str, tuple[str, ...]]
    image_files: tuple[str, ...]
    names: str
    wait_scale: float
    gates: FeatureGates
    gpus: Literal["shared", "strict"]
    state_dir: str | None
    color: Literal["auto", "always", "never"]


def execute(handle: StarterHandle, settings: RunSettings) -> int:
    """The exit code of the run."""
    with ExitStack() as stack:
        stack.callback(handle.channel.close)
        can_mount = read_abilities(handle).own_mounts
        if not can_mount:
            # Links of a killed run are in the way of those that this one needs.
            clean_up(settings.state_dir, state_home(os.environ))
        inputs = read_inputs(
            settings.files,
            settings.namespace,
            settings.gates,
            settings.images,
            settings.image_files,
            can_mount=can_mount,
        )
        style = choose_style(sys.stderr, settings.color)
        if inputs.problems:
            tell_aside(render_problems(inputs.problems, style))
        if has_errors(inputs.problems):
            tell_aside(style.paint("Nothing was started.", "bold"))
            return 2
        try:
            directory = open_directory(settings.state_dir, state_home(os.environ), wall_clock())
        except (InUse, CannotWrite) as error:
            return _refuse(str(error))
        stack.callback(directory.close, keep=settings.keep)
        return _run(handle, directory, settings, inputs)


def _run(handle: StarterHandle, directory: RunDirectory, settings: RunSettings, inputs: Inputs) -> int:
    stream = sys.stderr if settings.output == "json" else sys.stdout
    try:
        printer = Printer(open_screen(stream))
    except RuntimeError as error:  # no thread can be made
        return _cannot_begin(error)
    console = Console(
        printer=printer,
        style=choose_style(stream, settings.color),
        namespace=settings.namespace,
        logs=settings.logs,
        is_live=is_terminal(stream),
    )
    try:
        report = asyncio.run(Session(handle, directory, settings, inputs, console).run())
    except WayRefused as error:
        return _refuse(str(error))
    except Refused as refused:
        return _refuse(inputs.explain(refused))
    except OSError as error:
        return _cannot_begin(error)
    finally:
        printer.close()
        silence_broken_streams()
    _show(report, settings, stream, printer)
    return report.exit_code


def _show(report: Report, settings: RunSettings, stream: TextIO, printer: Printer) -> None:
    """Tell the report; where standard output does not take it, standard error does."""
    text = render_report(report, choose_style(stream, settings.color)).rstrip("\n")
    if settings.output == "json" or printer.is_broken:
        tell_aside(text)
    try:
        if settings.output == "json":
            tell_data(msgspec.to_builtins(report))
        elif not printer.is_broken:
            tell(text)
    except click.ClickException as refused:
        # How the JobSets ended matters more than where it can be read: the exit code stays theirs.
        tell_aside(f"Error: {refused.message}" if settings.output == "json" else text)


def _cannot_begin(error: Exception) -> int:
    tell_aside(f"Error: this machine does not let the run begin: {error}")
    return 1


def _refuse(text: str) -> int:
    tell_aside(f"Error: {text}")
    return 2


class Session(msgspec.Struct, frozen=True):
    """One run on an event loop, with signals, console and live table around it."""

    handle: StarterHandle
    directory: RunDirectory
    settings: RunSettings
    inputs: Inputs
    console: Console
    tails: LogTails = msgspec.field(default_factory=LogTails)

    async def run(self) -> Report:
        """The report; everything is over and removed then, while signals still find us awake."""
        control = Control()
        self._watch_signals(control)
        self._announce()
        try:
            return await self._on_machine(control)
        finally:
            self.directory.close(keep=self.settings.keep)

    async def _on_machine(self, control: Control) -> Report:
        listeners = (
            (self.tails.take, self.console.wrote) if self.settings.logs == "all" else (self.tails.take,)
        )
        async with open_machine(
            self.handle, self.directory, self._machine_options(), listeners, self.console.said
        ) as machine:
            _tell_notices(machine.notices)
            run = self._prepare(machine, control)
            drawing = asyncio.create_task(self._draw(run)) if self.console.is_live else None
            try:
                return await run.jobsets(self.inputs.objects)
            finally:
                if drawing is not None:
                    drawing.cancel()

    def _prepare(self, machine: Machine, control: Control) -> Run:
        settings = self.settings
        return Run(
            client=machine.client,
            clock=wall_clock,
            observer=self.console,
            options=RunOptions(
                namespace=settings.namespace,
                timeout=settings.timeout,
                notices=(*self.inputs.notices, *machine.notices),
                logs=self.directory.logs,
                run_directory=self.directory.path if settings.keep else None,
            ),
            control=control,
            tails=self.tails,
            log_file=machine.log_file,
            explain=machine.explain,
        )

    def _machine_options(self) -> MachineOptions:
        settings = self.settings
        return MachineOptions(
            gates=settings.gates,
            namespace=settings.namespace,
            names=None if settings.names == "auto" else WayName(settings.names),
            environment=dict(os.environ),
            pass_environment=settings.environment,
            wait_scale=settings.wait_scale,
            strict_gpus=settings.gpus == "strict",
        )

    def _watch_signals(self, control: Control) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, control.stop, Outcome.INTERRUPTED)
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, control.stop, Outcome.TERMINATED)

    def _announce(self) -> None:
        if self.settings.wait_scale != 1.0:
            self.console.said(
                f"Waits are multiplied by {self.settings.wait_scale:g}: times are not those of a cluster"
            )
        _tell_notices(self.inputs.notices)

    async def _draw(self, run: Run) -> None:
        while True:
            height = shutil.get_terminal_size().lines - _LINES_BESIDE_ROWS
            self.console.printer.show(build_rows(run.history, wall_clock(), height))
            await asyncio.sleep(_FRAME_SECONDS)


def _tell_notices(notices: Sequence[Notice]) -> None:
    for notice in notices:
        tell_aside(render_notice(notice))

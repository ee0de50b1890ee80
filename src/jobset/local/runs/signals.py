"""Names of signals and what an exit code or a termination reason means to a person."""

import signal

_MEANINGS = {
    126: "the command exists but is not executable: check its mode and its #! line",
    127: "the command was not found: check the PATH and the spelling",
}
_REASONS = {
    "OOMKilled": "it used more memory than its limit: raise resources.limits.memory or use less",
    "Evicted": "the node took its resources back",
    "DeadlineExceeded": "it ran longer than activeDeadlineSeconds",
}
_SIGNALS = {
    signal.SIGKILL: "killed from outside: by the machine's out-of-memory killer, a probe or `kill -9`",
    signal.SIGSEGV: "it touched memory that is not its own (a crash in native code)",
    signal.SIGABRT: "it aborted itself (a failed assertion or a crash in native code)",
    signal.SIGBUS: "a memory page could not be had: often a full /dev/shm",
    signal.SIGPIPE: "it wrote to something that nobody reads any more",
    signal.SIGXCPU: "it used more processor time than its limit",
    signal.SIGILL: "its machine code does not fit this processor",
}


def signal_name(number: int) -> str:
    """`SIGTERM` for 15; a number without a name becomes `signal <number>`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def explain_end(exit_code: int, signal_number: int | None, reason: str) -> str:
    """What the end means where the bare code does not say it; empty when it does."""
    if reason in _REASONS:
        return _REASONS[reason]
    if reason == "StartError":
        return "the process could not be started"
    if signal_number is not None:
        known = {int(number): text for number, text in _SIGNALS.items()}
        return known.get(signal_number, "")
    return _MEANINGS.get(exit_code, "")

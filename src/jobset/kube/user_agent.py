"""Who we say we are: the User-Agent header."""

import platform
import re
import sys

_SYSTEMS = {"win32": "windows"}
_MACHINES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}
# compat: what upstream's version package says in a build that was not told its commit.
_UNKNOWN_COMMIT = "abcd01234"
_COMMIT_IN_VERSION = re.compile(r"\+g([0-9a-f]{7,})")


def user_agent() -> str:
    """That of this program, on this machine."""
    from jobset._version import __commit_id__, __version__

    return render_user_agent(__version__, __commit_id__, sys.platform, platform.machine())


def render_user_agent(version: str, commit: str | None, system: str, machine: str) -> str:
    """Version, platform in Go's words and short commit; a development version tells its commit itself."""
    # compat: upstream's pkg/util/useragent; its versions begin with v and have a dash where ours have a plus.
    number = re.split(r"[-+]", version.removeprefix("v"), maxsplit=1)[0]
    told = _COMMIT_IN_VERSION.search(version)
    known = (commit or "").removeprefix("g") or (told[1] if told else _UNKNOWN_COMMIT)
    words = f"{_SYSTEMS.get(system, system)}/{_MACHINES.get(machine, machine)}"
    return f"jobset/v{number} ({words}) {known[:7]}"

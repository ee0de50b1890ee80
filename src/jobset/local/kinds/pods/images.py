"""Image references: whether they are well formed, and the pull policy that follows from their tag."""

import re
from functools import lru_cache

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_REFERENCE = re.compile(
    r"(?P<name>[^@]+?)(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)


@lru_cache(maxsize=1024)
def image_pull_policy(image: str) -> str:
    """Images without a tag, or with `latest`, are pulled always; what is no reference counts as pinned."""
    match = _REFERENCE.fullmatch(image)
    if match is None or not _is_name(match["name"]):
        return "IfNotPresent"
    untagged = not match["tag"] and not match["digest"]
    return "Always" if untagged or match["tag"] == "latest" else "IfNotPresent"


def _is_name(name: str) -> bool:
    host, slash, path = name.partition("/")
    # compat: the first part is a registry only when it looks like a host name.
    if slash and ("." in host or ":" in host or host == "localhost" or host.lower() != host):
        return re.fullmatch(_HOST, host) is not None and _PATH.fullmatch(path) is not None
    return _PATH.fullmatch(name) is not None

"""Files that make a program ask its hosts file first, and not wait for name servers that do not answer."""

import asyncio
import contextlib
import ipaddress
import os
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jobset.local.processes.starter import Mount

RESOLV_CONF = "/etc/resolv.conf"
NSSWITCH_CONF = "/etc/nsswitch.conf"
HOST_CONF = "/etc/host.conf"
_CACHE_FOLDERS = ("/run/nscd", "/var/run/nscd")
_NOBODY = "127.0.0.2"
"""Where no name server listens: asking there fails at once."""
_MOST_SERVERS = 3
"""A resolver asks no more."""
_ANSWER_SECONDS = 1.0
_ASK_AGAIN_SECONDS = {True: 60.0, False: 10.0}


def hosts_file_first(nsswitch: str) -> str | None:
    """The file with `files` before everything else that knows hosts; None when it is so already.

    Services such as systemd's answer from the machine's hosts file, and end the search with that.
    """
    changed = re.sub(r"(?m)^(\s*hosts\s*:).*$", r"\1 files dns", nsswitch)
    found = re.search(r"(?m)^\s*hosts\s*:\s*(.*?)\s*(?:#.*)?$", nsswitch)
    if found is None or (found[1].split()[:1] == ["files"] and not _ends_early(found[1])):
        return None
    return changed


def tells_all_addresses(host_conf: str) -> bool:
    """Whether glibc gives every address that a hosts file has for a name."""
    words = [entry.split("#")[0].split() for entry in host_conf.splitlines()]
    return ["multi", "on"] in words


def name_servers(resolv_conf: str) -> tuple[str, ...]:
    """The addresses of the name servers that a program would ask."""
    words = (entry.split() for entry in resolv_conf.splitlines())
    return tuple(word[1] for word in words if len(word) > 1 and word[0] == "nameserver")


def without_silent_servers(resolv_conf: str, silent: Collection[str]) -> str:
    """The file without name servers that do not answer; a name that nobody knows then fails at once."""
    if not silent:
        return resolv_conf
    entries = resolv_conf.splitlines()
    kept = [entry for entry in entries if not set(name_servers(entry)) & set(silent)]
    if not name_servers("\n".join(kept)):
        kept.append(f"nameserver {_NOBODY}")
    return "\n".join(kept) + "\n"


def with_dns_config(resolv_conf: str, config: Mapping[str, Any], policy: str) -> str:
    """The settings of a pod with a `dnsConfig`: it joins the machine's, or stands alone with policy None."""
    base = "" if policy == "None" else resolv_conf
    servers = [*name_servers(base), *(config.get("nameservers") or ())]
    searches = [*_words_after("search", base), *(config.get("searches") or ())]
    options = {option.partition(":")[0]: option for option in _words_after("options", base)}
    for option in config.get("options") or ():
        value = option.get("value")
        options.pop(option["name"], None)
        options[option["name"]] = f"{option['name']}:{value}" if value else option["name"]
    entries = [f"nameserver {server}" for server in list(dict.fromkeys(servers))[:_MOST_SERVERS]]
    if searches:
        entries.append(f"search {' '.join(dict.fromkeys(searches))}")
    if options:
        entries.append(f"options {' '.join(options.values())}")
    return "".join(f"{entry}\n" for entry in entries)


def _words_after(keyword: str, resolv_conf: str) -> tuple[str, ...]:
    """What a keyword gives; its last line counts."""
    found = [words[1:] for words in map(str.split, resolv_conf.splitlines()) if words[:1] == [keyword]]
    return tuple(found[-1]) if found else ()


@dataclass(slots=True)
class ResolverFiles:
    """A run's own versions of the machine's resolver settings, in `folder`, for the pods to see."""

    folder: str

    def prepare(self) -> tuple[Mount, ...]:
        """Write what must differ; what to mount over the machine's files."""
        os.makedirs(self.folder, exist_ok=True)
        mounts = []
        changed = hosts_file_first(_read(NSSWITCH_CONF))
        if changed is not None:
            mounts.append(self._keep("nsswitch.conf", changed, NSSWITCH_CONF))
        settings = _read(RESOLV_CONF)
        if name_servers(settings):
            mounts.append(self._keep("resolv.conf", settings, RESOLV_CONF))
        mounts.extend(self._hide_caches())
        return tuple(mounts)

    def of_pod(self, uid: str, config: Mapping[str, Any], policy: str) -> Mount:
        """The settings of a pod that brings its own, as they are now."""
        shared = _read(os.path.join(self.folder, "resolv.conf")) or _read(RESOLV_CONF)
        return self._keep(f"resolv.conf-{uid}", with_dns_config(shared, config, policy), RESOLV_CONF)

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.folder, f"resolv.conf-{uid}"))

    async def keep_current(self) -> None:
        """Ask the name servers now and then, and leave out those that are silent; for ever."""
        while servers := name_servers(_read(RESOLV_CONF)):
            silent = await silent_servers(servers)
            self._rewrite("resolv.conf", without_silent_servers(_read(RESOLV_CONF), silent))
            await asyncio.sleep(_ASK_AGAIN_SECONDS[not silent])

    def _keep(self, name: str, text: str, target: str) -> Mount:
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o644)
        return Mount(source=path, target=target, read_only=True)

    def _rewrite(self, name: str, text: str) -> None:
        """In place, since a bind mount shows one file; never shorter, so that no reader sees half of it."""
        path = os.path.join(self.folder, name)
        with contextlib.suppress(OSError):
            size = os.path.getsize(path)
            data = text.encode().ljust(size, b"\n")
            if data != _read(path).encode():
                fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
                os.pwrite(fd, data, 0)
                os.close(fd)

    def _hide_caches(self) -> Iterable[Mount]:
        # A caching daemon of the machine would answer in place of the pod's own files.
        for folder in _CACHE_FOLDERS:
            if os.path.exists(os.path.join(folder, "socket")):
                empty = os.path.join(self.folder, "empty")
                os.makedirs(empty, exist_ok=True)
                yield Mount(source=empty, target=folder, read_only=True)
                return


async def silent_servers(servers: Iterable[str]) -> frozenset[str]:
    """The name servers that give no answer at all within a second; one that refuses is not silent."""
    asked = list(dict.fromkeys(servers))
    answers = await asyncio.gather(*(_answers(server) for server in asked))
    return frozenset(server for server, answered in zip(asked, answers, strict=True) if not answered)


class _Question(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002
        self._settle()

    def error_received(self, exc: Exception) -> None:  # noqa: ARG002
        self._settle()

    def _settle(self) -> None:
        if not self.settled.done():
            self.settled.set_result(None)


async def _answers(server: str) -> bool:
    try:
        # A server with a zone (`fe80::1%eth0`) is asked as it is written.
        ipaddress.ip_address(server.split("%")[0])
        transport, question = await asyncio.get_running_loop().create_datagram_endpoint(
            _Question, remote_addr=(server, 53)
        )
    except (OSError, ValueError):
        return True  # it fails at once for everybody
    try:
        # "Who serves the root?", recursion desired.
        transport.sendto(secrets.token_bytes(2) + b"\1\0\0\1\0\0\0\0\0\0\0\0\2\0\1")
        async with asyncio.timeout(_ANSWER_SECONDS):
            await question.settled
    except TimeoutError:
        return False
    finally:
        transport.close()
    return True


def _ends_early(sources: str) -> bool:
    """`files` is told to end the search when it does not know a name."""
    return bool(re.match(r"files\s*\[", sources))


def _read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""

"""Credentials against real files, real plugins and a real TLS server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from jobset.kube.access import ClusterAccess, load_access
from jobset.kube.errors import AccessError, TransportError
from jobset.kube.exec_call import PluginCall
from jobset.kube.exec_plugin import ExecPlugin
from jobset.kube.http import HttpSettings, HttpTransport
from jobset.kube.transport import Request
from tests.certificates import Authority, Pair
from tests.kubeconfigs import HandClock, a_kubeconfig, b64, surroundings, written

AUTHORITY = Authority.plain()
V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"
TRUSTED = {"certificate-authority-data": b64(AUTHORITY.certificate)}


# --- worlds ---------------------------------------------------------------------------------------


@asynccontextmanager
async def a_server(folder: Path, name: str = "kube", *refused: str) -> AsyncIterator[str]:
    """A TLS server that tells who asks, and says 401 to some; its certificate is for `name` and 127.0.0.1."""

    async def whoami(request: web.Request) -> web.Response:
        assert request.transport is not None
        certificate = request.transport.get_extra_info("peercert") or {"subject": ()}
        said = request.headers.get("Authorization")
        names = {key: value for part in certificate["subject"] for key, value in part}
        body = {"authorization": said, "certificate": names.get("commonName")}
        return web.json_response(body, status=401 if said in refused else 200)

    app = web.Application()
    app.router.add_get("/{path:.*}", whoami)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        context = AUTHORITY.server_context(folder, name, "127.0.0.1")
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def ask(access: ClusterAccess) -> Any:
    transport = HttpTransport(access, HttpSettings(user_agent="test"))
    try:
        return (await transport.send(Request(method="GET", path="/whoami"))).body
    finally:
        await transport.close()


def access_to(
    server: str, folder: Path, cluster: dict[str, Any], user: dict[str, Any], clock: HandClock | None = None
) -> ClusterAccess:
    config = written(folder / "config", a_kubeconfig({"server": server, **cluster}, user))
    return load_access(config, surroundings=surroundings(folder, clock=clock or HandClock()))


def an_answer(status: dict[str, Any] | None, version: str = V1) -> str:
    return json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status})


def prints(text: str) -> str:
    """The lines of a script that prints it."""
    return f"cat <<'END'\n{text}\nEND"


class Plugin:
    """A shell script that prints what the file `answer` beside it holds, and writes down each run."""

    def __init__(self, folder: Path, script: str = 'cat "$here/answer"') -> None:
        self.folder = folder
        self.path = folder / "plugin"
        text = f'#!/bin/sh\nhere={folder}\necho "$KUBERNETES_EXEC_INFO" >> "$here/runs"\n{script}\n'
        self.path.write_text(text)
        self.path.chmod(0o755)

    def gives(self, version: str = V1, **status: Any) -> "Plugin":
        (self.folder / "answer").write_text(an_answer(status, version))
        return self

    def user(self, **changes: Any) -> dict[str, Any]:
        given = {"apiVersion": V1, "command": "./plugin", "interactiveMode": "Never"}
        return {"exec": given | changes}

    @property
    def runs(self) -> list[Any]:
        """What the script was told, for each of its runs."""
        file = self.folder / "runs"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def plugin_access(plugin: Plugin, clock: HandClock | None = None, **changes: Any) -> ClusterAccess:
    return access_to("https://lab", plugin.folder, TRUSTED, plugin.user(**changes), clock)


def write_pair(folder: Path, pair: Pair) -> dict[str, Any]:
    (folder / "alice.crt").write_bytes(pair.certificate)
    (folder / "alice.key").write_bytes(pair.key)
    return {"client-certificate": "alice.crt", "client-key": "alice.key"}


# --- files ----------------------------------------------------------------------------------------


async def test_a_token_file_is_read_again_after_a_minute(tmp_path: Path) -> None:
    clock = HandClock()
    (tmp_path / "token").write_text("old\n")
    credentials = access_to("https://lab", tmp_path, TRUSTED, {"tokenFile": "token"}, clock).credentials
    (tmp_path / "token").write_text("new\n")

    clock.move(59)
    assert await credentials.authorization() == "Bearer old"

    clock.move(1)
    assert await credentials.authorization() == "Bearer new"


async def test_a_refused_token_is_read_again_at_once(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old")
    async with a_server(tmp_path, "kube", "Bearer old") as server:
        access = access_to(server, tmp_path, TRUSTED, {"tokenFile": "token"})
        (tmp_path / "token").write_text("new")

        assert (await ask(access))["authorization"] == "Bearer new"


async def test_a_token_file_that_vanishes_leaves_the_last_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "token").write_text("old")
    credentials = access_to("https://lab", tmp_path, TRUSTED, {"tokenFile": "token"}).credentials
    (tmp_path / "token").unlink()

    credentials.refused("Bearer old")

    assert await credentials.authorization() == "Bearer old"
    assert caplog.messages == ["keeping what a file held before"]


async def test_a_clock_that_was_set_back_does_not_keep_an_old_token(tmp_path: Path) -> None:
    clock = HandClock()
    (tmp_path / "token").write_text("old")
    credentials = access_to("https://lab", tmp_path, TRUSTED, {"tokenFile": "token"}, clock).credentials
    (tmp_path / "token").write_text("new")

    clock.move(-3600)

    assert await credentials.authorization() == "Bearer new"


async def test_the_context_stays_until_the_certificate_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = HandClock()
    user = write_pair(tmp_path, AUTHORITY.issue("alice"))
    async with a_server(tmp_path) as server:
        access = access_to(server, tmp_path, TRUSTED, user, clock)
        first = access.credentials.ssl_context()
        assert (await ask(access))["certificate"] == "alice"
        clock.move(60)
        assert access.credentials.ssl_context() is first

        renewed = AUTHORITY.issue("alice-renewed")
        (tmp_path / "alice.crt").write_bytes(renewed.certificate)  # its key comes a moment later
        clock.move(60)
        assert access.credentials.ssl_context() is first
        assert caplog.messages == ["keeping the certificates of before"]

        write_pair(tmp_path, renewed)
        clock.move(60)
        assert (await ask(access))["certificate"] == "alice-renewed"
        assert access.credentials.ssl_context() is not first


async def test_a_new_authority_is_believed(tmp_path: Path) -> None:
    clock = HandClock()
    (tmp_path / "ca.crt").write_bytes(Authority.plain("another").certificate)
    async with a_server(tmp_path) as server:
        access = access_to(server, tmp_path, {"certificate-authority": "ca.crt"}, {}, clock)
        with pytest.raises(TransportError, match="certificate verify failed"):
            await ask(access)

        (tmp_path / "ca.crt").write_bytes(AUTHORITY.certificate)
        clock.move(60)

        assert await ask(access) == {"authorization": None, "certificate": None}


async def test_a_pod_is_let_in(tmp_path: Path) -> None:
    written(tmp_path / "serviceaccount/token", "pod")
    written(tmp_path / "serviceaccount/ca.crt", AUTHORITY.certificate.decode())
    async with a_server(tmp_path) as server:
        host, port = server.removeprefix("https://").split(":")
        environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
        access = load_access(None, surroundings=surroundings(tmp_path, environ))

        assert (await ask(access))["authorization"] == "Bearer pod"


# --- whom we believe ------------------------------------------------------------------------------

BELIEF = {
    "its authority": (TRUSTED, True),
    "the name that the cluster says": (TRUSTED | {"tls-server-name": "kube"}, True),
    "not another name": (TRUSTED | {"tls-server-name": "else"}, False),
    "not another authority": (
        {"certificate-authority-data": b64(Authority.plain("another").certificate)},
        False,
    ),
    "not a certificate of unknown origin": ({}, False),
    "anybody": ({"insecure-skip-tls-verify": True}, True),
}


@pytest.mark.parametrize(("cluster", "believed"), BELIEF.values(), ids=BELIEF)
async def test_belief(tmp_path: Path, cluster: dict[str, Any], believed: bool) -> None:
    async with a_server(tmp_path) as server:
        access = access_to(server, tmp_path, cluster, {"token": "secret"})
        try:
            answer = await ask(access)
        except TransportError as error:
            answer = error

    assert isinstance(answer, dict) == believed


# --- plugins --------------------------------------------------------------------------------------


async def test_a_plugin_runs_once_for_many_requests(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, 'sleep 0.2; cat "$here/answer"').gives(token="t1")
    credentials = plugin_access(plugin).credentials

    headers = await asyncio.gather(*(credentials.authorization() for _ in range(20)))

    assert {*headers, await credentials.authorization()} == {"Bearer t1"}
    assert len(plugin.runs) == 1


async def test_an_expired_credential_is_renewed(tmp_path: Path) -> None:
    clock = HandClock()
    plugin = Plugin(tmp_path).gives(token="t1", expirationTimestamp="2026-01-01T14:10:00+02:00")
    credentials = plugin_access(plugin, clock).credentials
    assert await credentials.authorization() == "Bearer t1"
    plugin.gives(token="t2")

    clock.move(599)
    assert await credentials.authorization() == "Bearer t1"

    clock.move(1)
    assert await credentials.authorization() == "Bearer t2"
    clock.move(10**8)
    assert await credentials.authorization() == "Bearer t2"
    assert len(plugin.runs) == 2


async def test_a_refused_credential_is_renewed_once(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path).gives(token="t1")
    credentials = plugin_access(plugin).credentials
    await credentials.authorization()
    plugin.gives(token="t2")

    credentials.refused("Bearer t1")
    assert await credentials.authorization() == "Bearer t2"
    credentials.refused("Bearer t1")  # for a request that was sent before
    assert await credentials.authorization() == "Bearer t2"
    assert len(plugin.runs) == 2

    credentials.refused()
    assert await credentials.authorization() == "Bearer t2"
    assert len(plugin.runs) == 3


async def test_a_401_brings_a_new_token(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, 'cat "$here/answer"; cp "$here/next" "$here/answer"').gives(token="t1")
    (tmp_path / "next").write_text(an_answer({"token": "t2"}))
    async with a_server(tmp_path, "kube", "Bearer t1") as server:
        access = access_to(server, tmp_path, TRUSTED, plugin.user())

        assert (await ask(access))["authorization"] == "Bearer t2"


async def test_a_plugin_may_give_a_certificate(tmp_path: Path) -> None:
    alice, bob = AUTHORITY.issue("alice"), AUTHORITY.issue("bob")
    plugin = Plugin(tmp_path).gives(
        clientCertificateData=alice.certificate.decode(), clientKeyData=alice.key.decode()
    )
    async with a_server(tmp_path) as server:
        access = access_to(server, tmp_path, TRUSTED, plugin.user())
        assert await ask(access) == {"authorization": None, "certificate": "alice"}

        plugin.gives(clientCertificateData=bob.certificate.decode(), clientKeyData=bob.key.decode())
        access.credentials.refused()

        assert await ask(access) == {"authorization": None, "certificate": "bob"}


async def test_a_plugin_is_told_what_it_asks_for(tmp_path: Path) -> None:
    script = (
        'printf \'{"apiVersion":"%s","kind":"ExecCredential","status":{"token":"%s"}}\' "$1" "$OWN-$GIVEN"'
    )
    plugin = Plugin(tmp_path, script)
    extension = {"audience": "lab", "depth": 3, "since": "2026-01-01"}
    cluster = {
        **TRUSTED,
        "tls-server-name": "kube",
        "proxy-url": "http://proxy:1",
        "extensions": [
            {"name": "another", "extension": {"of": "another program"}},
            {"name": "client.authentication.k8s.io/exec", "extension": extension},
        ],
    }
    user = plugin.user(args=[V1], env=[{"name": "GIVEN", "value": "7"}], provideClusterInfo=True)
    config = written(tmp_path / "config", a_kubeconfig(cluster, user))
    given = surroundings(tmp_path, {"OWN": "us", "KUBERNETES_EXEC_INFO": "another's"})

    assert await load_access(config, surroundings=given).credentials.authorization() == "Bearer us-7"

    told = {
        "server": "https://lab:6443",
        "tls-server-name": "kube",
        "certificate-authority-data": b64(AUTHORITY.certificate),
        "proxy-url": "http://proxy:1",
        "config": extension,
    }
    assert plugin.runs == [
        {"kind": "ExecCredential", "apiVersion": V1, "spec": {"cluster": told, "interactive": False}}
    ]


MODES = {
    "v1: never": (V1, "Never", True, False),
    "v1: if available, and it is": (V1, "IfAvailable", True, True),
    "v1: if available, and it is not": (V1, "IfAvailable", False, False),
    "v1: always": (V1, "Always", True, True),
    "v1beta1: if available": (V1BETA1, "", True, True),
}


@pytest.mark.parametrize(("version", "mode", "terminal", "interactive"), MODES.values(), ids=MODES)
async def test_a_plugin_is_told_whether_a_person_is_there(
    tmp_path: Path, version: str, mode: str, terminal: bool, interactive: bool
) -> None:
    plugin = Plugin(tmp_path).gives(version, token="t")
    user = plugin.user(apiVersion=version, interactiveMode=mode)
    config = written(tmp_path / "config", a_kubeconfig(TRUSTED, user))

    access = load_access(config, surroundings=surroundings(tmp_path, terminal=terminal))

    assert await access.credentials.authorization() == "Bearer t"
    assert [run["spec"] for run in plugin.runs] == [{"interactive": interactive}]


FAILURES = {
    "an exit code": (
        "echo first >&2; echo you are not logged in >&2; exit 3",
        "ended with exit code 3: first / you are not logged in$",
    ),
    "no word": ("exit 1", "ended with exit code 1$"),
    "a signal": ("kill -9 $$", "was ended by signal 9$"),
    "nothing": ("true", "printed no JSON, where an ExecCredential is expected"),
    "no JSON": (prints("SECRET"), "printed no JSON, where an ExecCredential is expected"),
    "another version": (
        prints(an_answer({"token": "SECRET"}, V1BETA1)),
        f'printed kind "ExecCredential" of apiVersion "{V1BETA1}", '
        f"where its settings ask for ExecCredential of {V1}",
    ),
    "no status": (
        prints(an_answer(None)),
        "printed neither status.token nor a client certificate with its key",
    ),
    "half a pair": (
        prints(an_answer({"clientKeyData": "SECRET"})),
        "printed only one of status.clientCertificateData and status.clientKeyData",
    ),
    "a bad pair": (
        prints(an_answer({"clientKeyData": "SECRET", "clientCertificateData": "SECRET"})),
        "printed a bad status.clientCertificateData: holds no certificate in PEM form",
    ),
    "a bad token": (
        prints(an_answer({"token": "SEC RET"})),
        "printed a bad status.token: a token is one line",
    ),
    "a bad time": (
        prints(an_answer({"token": "SECRET", "expirationTimestamp": "soon"})),
        "printed an ExecCredential that is wrong: Invalid RFC3339 encoded datetime",
    ),
}


@pytest.mark.parametrize(("script", "problem"), FAILURES.values(), ids=FAILURES)
async def test_what_a_plugin_did_wrong_is_told_without_its_secrets(
    tmp_path: Path, script: str, problem: str
) -> None:
    credentials = plugin_access(Plugin(tmp_path, script)).credentials

    with pytest.raises(AccessError, match=problem) as refused:
        await credentials.authorization()

    assert str(refused.value).startswith(f'{tmp_path}/config: users[alice].user.exec: "{tmp_path}/plugin" ')
    assert "SEC" not in str(refused.value)


async def test_a_failed_plugin_is_run_again(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path)
    credentials = plugin_access(plugin).credentials
    with pytest.raises(AccessError, match="exit code 1"):
        await credentials.authorization()

    plugin.gives(token="t")

    assert await credentials.authorization() == "Bearer t"


async def test_a_plugin_that_cannot_be_run(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path)
    plugin.path.write_bytes(b"\x00 no program")

    with pytest.raises(AccessError, match=f"exec.command: cannot run {plugin.path}: Exec format error"):
        await plugin_access(plugin).credentials.authorization()


async def test_a_plugin_that_went_away(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path)
    credentials = plugin_access(plugin, installHint="Get it again.").credentials
    plugin.path.unlink()

    with pytest.raises(AccessError, match="Get it again"):
        await credentials.authorization()


async def test_who_gives_up_waiting_takes_nothing_from_the_others(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, 'sleep 0.5; cat "$here/answer"').gives(token="t")
    credentials = plugin_access(plugin).credentials

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await credentials.authorization()

    assert await credentials.authorization() == "Bearer t"
    assert len(plugin.runs) == 1


def a_plugin(folder: Path, script: str, terminal: bool, seconds: float) -> ExecPlugin:
    """One with little patience, or much."""
    call = PluginCall(
        where="config",
        command=str(Plugin(folder, script).path),
        args=(),
        env={},
        api_version=V1,
        install_hint="",
        interactive=terminal,
        cluster=None,
    )
    given = surroundings(folder, terminal=terminal)
    return ExecPlugin(call=call, surroundings=given, time_limit_seconds=seconds)


SLOW = {
    "alone: with what it started": (False, 'sleep 300 & echo $! > "$here/pid"; wait'),
    "at a terminal: itself": (True, 'echo $$ > "$here/pid"; exec sleep 300'),
}


@pytest.mark.parametrize(("terminal", "script"), SLOW.values(), ids=SLOW)
async def test_a_plugin_that_takes_too_long_is_ended(tmp_path: Path, terminal: bool, script: str) -> None:
    plugin = a_plugin(tmp_path, script, terminal, seconds=1)

    with pytest.raises(AccessError, match='plugin" gave no credential within 1 seconds'):
        await plugin.authorization()

    assert not await lives(int((tmp_path / "pid").read_text()))


def test_a_plugin_does_not_outlive_the_program(tmp_path: Path) -> None:
    plugin = a_plugin(tmp_path, 'echo $$ > "$here/pid"; exec sleep 300', terminal=False, seconds=60)

    async def give_up() -> None:
        async with asyncio.timeout(1):
            await plugin.authorization()

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())

    assert not asyncio.run(lives(int((tmp_path / "pid").read_text())))


async def lives(pid: int) -> bool:
    """Whether a process that was killed is still there after a moment; a zombie is not."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        await asyncio.sleep(0.05)
    return True

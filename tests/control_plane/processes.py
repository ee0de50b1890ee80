"""A real control plane: etcd, kube-apiserver and, when asked for, the controllers and the scheduler.

Everything lives in one temporary folder and ends with the process that uses it.
"""

import http.client
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from jobset.kube.access import ClusterAccess
from jobset.kube.http import HttpSettings, HttpTransport
from jobset.kube.retries import MOST_RETRIES
from tests.certificates import Authority, Pair, a_signing_key
from tests.control_plane import build
from tests.control_plane.programs import KeptPrograms, StartFailed

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"

ADMIN = ("admin", ("system:masters",))

CONTROLLERS = (
    "job-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "ttl-after-finished-controller",
    "endpointslice-controller",
    "serviceaccount-controller",
)
"""What a JobSet needs around it. No controller that judges nodes: those of the tests have no kubelet."""

# The role of system:kube-controller-manager is too small: each controller has one, for a service account.
_PROGRAM_GROUPS = {CONTROLLER_MANAGER: ("system:masters",), SCHEDULER: ()}
_PATIENCE = 60.0
_POLL = 0.05
# Below the ports that the kernel gives to outgoing connections, so that none of those comes in between.
_PORTS = range(20000, 32000)
_NEW_PORTS_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneSettings:
    """What runs, and how."""

    controllers: tuple[str, ...] = CONTROLLERS
    """Controllers of the controller manager; none: it is not started."""
    scheduler: bool = True
    audit: bool = False
    """Write every request to the file `audit.log`, with its metadata."""
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    api_server_flags: tuple[str, ...] = ()


BARE = PlaneSettings(controllers=(), scheduler=False)
"""etcd and the API server alone."""


class ControlPlane:
    """A running control plane; several processes may hold one together."""

    def __init__(self, programs: KeptPrograms) -> None:
        self._programs = programs
        self._told: dict[str, Any] = json.loads((programs.folder / "plane.json").read_text())
        pair = Pair(*[(programs.folder / name).read_bytes() for name in ("ca.crt", "ca.key")])
        self._authority = Authority(pair)
        self._context = _ssl_context(self.certificate_authority, self.client_certificate())

    @classmethod
    def start(cls, settings: PlaneSettings = PlaneSettings()) -> Self:
        """A control plane that is ready for requests.

        Raises:
            StartFailed: the programs are not there, or one did not come up.
        """
        binaries = build.find_programs()
        if binaries is None:
            raise StartFailed("etcd and kube-apiserver are not built: make control-plane")
        for _ in range(_NEW_PORTS_TRIES - 1):
            try:
                return cls._started(binaries, settings)
            except StartFailed as failure:
                if "address already in use" not in str(failure):
                    raise
        return cls._started(binaries, settings)

    @classmethod
    def _started(cls, binaries: Path, settings: PlaneSettings) -> Self:
        programs = KeptPrograms.start()
        try:
            _prepare(programs.folder, binaries, settings)
            plane = cls(programs)
            plane._start_all()
        except BaseException:
            programs.release()
            raise
        return plane

    @classmethod
    def join(cls, folder: Path) -> Self | None:
        """The control plane that another process started; None when it is gone."""
        programs = KeptPrograms.join(folder)
        return None if programs is None else cls(programs)

    def stop(self) -> None:
        """Use it no more; the last user ends it, and nothing is left."""
        self._programs.release()

    @property
    def folder(self) -> Path:
        """Where its logs, keys and data are."""
        return self._programs.folder

    @property
    def url(self) -> str:
        """The address of the API server."""
        return str(self._told["url"])

    @property
    def binaries(self) -> Path:
        """The folder of the programs."""
        return Path(self._told["binaries"])

    @property
    def certificate_authority(self) -> Path:
        """The file with the certificate that vouches for the API server."""
        return self.folder / "ca.crt"

    def kubeconfig(self, user: str = ADMIN[0], groups: Sequence[str] = ADMIN[1]) -> Path:
        """A file with the address and a client certificate of a user."""
        path = self.folder / f"{_digest(user, *groups)}.kubeconfig"
        if not path.exists():
            pair = self._authority.client(user, groups)
            _write(path, json.dumps(_kubeconfig(self.url, user, self._authority.pair, pair)))
        return path

    def access(self, user: str = ADMIN[0], groups: Sequence[str] = ADMIN[1]) -> ClusterAccess:
        """The way to the API server for a user with a client certificate."""
        return client_access(self.url, self.certificate_authority, self.client_certificate(user, groups))

    def transport(
        self, user: str = ADMIN[0], groups: Sequence[str] = ADMIN[1], retries: int = MOST_RETRIES
    ) -> HttpTransport:
        """A transport for a user; to be closed by the one who asked for it."""
        settings = HttpSettings(user_agent="jobset-tests", retries=retries)
        return HttpTransport(self.access(user, groups), settings)

    def client_certificate(self, user: str = ADMIN[0], groups: Sequence[str] = ADMIN[1]) -> Path:
        """The file with the certificate and the key of a user."""
        path = self.folder / f"{_digest(user, *groups)}.pem"
        if not path.exists():
            pair = self._authority.client(user, groups)
            _write(path, pair.certificate + pair.key)
        return path

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """What kubectl prints, as the administrator.

        Raises:
            AssertionError: it failed, and `check` is on.
        """
        done = subprocess.run(
            [str(self.binaries / "kubectl"), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            # kubectl keeps what it discovers under HOME.
            env={"KUBECONFIG": str(self.kubeconfig()), "HOME": str(self.folder), "PATH": os.defpath},
        )
        assert done.returncode == 0 or not check, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout + ("" if done.returncode == 0 else done.stderr)

    def restart_api_server(self, end: signal.Signals = signal.SIGKILL) -> None:
        """End the API server, start it again, and wait until it is ready."""
        self.restart(API_SERVER, end)

    def restart_etcd(self, end: signal.Signals = signal.SIGKILL) -> None:
        """End etcd, start it again on its data, and wait until the API server is ready."""
        self.restart(ETCD, end)

    def restart(self, name: str, end: signal.Signals = signal.SIGKILL) -> None:
        """End a program, start it again, and wait until the API server is ready."""
        self._programs.stop(name, end)
        self.start_program(name)
        self.until_ready()

    def stop_program(self, name: str, end: signal.Signals = signal.SIGKILL) -> None:
        """End a program; it stays away until it is started."""
        self._programs.stop(name, end)

    def start_program(self, name: str) -> None:
        """Start a program that was stopped."""
        self._programs.run(name, self._told["programs"][name])

    def run_beside(self, name: str, argv: Sequence[str]) -> None:
        """Start a program that ends with the control plane."""
        self._programs.run(name, argv)

    def pause(self, name: str) -> None:
        """Let a program stand still, with its connections open."""
        self._programs.signal(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a paused program go on."""
        self._programs.signal(name, signal.SIGCONT)

    def pid(self, name: str) -> int:
        """The process id of a program."""
        return self._programs.pid(name)

    def log(self, name: str) -> str:
        """The end of what a program wrote."""
        return self._programs.end_of_log(name)

    def until_ready(self) -> None:
        """Returns when the API server says that it is ready and has its first namespaces."""
        self.until_served("/readyz")
        self.until_served("/api/v1/namespaces/default")

    def until_served(self, path: str) -> None:
        """Returns when the API server has an answer for a path."""
        self.until(lambda: self.get(path) == 200)

    def until(self, holds: Callable[[], bool]) -> None:
        """Returns when something holds, while the API server runs."""
        self._until(holds, API_SERVER)

    def get(self, path: str, seconds: float = 5.0) -> int | None:
        """The code of an answer to a GET of the administrator; None when there is none in that time."""
        address = self.url.removeprefix("https://")
        connection = http.client.HTTPSConnection(address, timeout=seconds, context=self._context)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _start_all(self) -> None:
        first, second, *others = self._told["programs"]
        self.start_program(first)
        self._until(lambda: _is_open(self._told["etcd_port"]), first)
        self.start_program(second)
        self.until_ready()
        for name in others:
            self.start_program(name)

    def _until(self, holds: Callable[[], bool], name: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not holds():
            self._programs.check(name)
            if time.monotonic() > deadline:
                raise StartFailed(f"{name} does not get ready: {self._programs.end_of_log(name)}")
            time.sleep(_POLL)


def client_access(url: str, authority: Path, certificate: Path) -> ClusterAccess:
    """The way to an API server for the owner of a file with a certificate and its key."""
    return ClusterAccess(server=url, credentials=Certificate(_ssl_context(authority, certificate)))


def _ssl_context(authority: Path, certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(certificate)
    return context


@dataclass(frozen=True, slots=True)
class Certificate:
    """Credentials that never change: a client certificate in a TLS context."""

    context: ssl.SSLContext

    async def authorization(self) -> None:
        return None

    def ssl_context(self) -> ssl.SSLContext:
        return self.context

    def refused(self, authorization: str | None = None) -> None:
        return None


@contextmanager
def a_control_plane(settings: PlaneSettings = PlaneSettings()) -> Iterator[ControlPlane]:
    """A control plane of one's own, for as long as the block lasts."""
    plane = ControlPlane.start(settings)
    try:
        yield plane
    finally:
        plane.stop()


def _prepare(folder: Path, binaries: Path, settings: PlaneSettings) -> None:
    """Write keys, configurations and command lines into the folder."""
    authority = Authority.new("jobset-test-ca")
    for name, pair in {"ca": authority.pair, "server": authority.api_server()}.items():
        _write(folder / f"{name}.crt", pair.certificate)
        _write(folder / f"{name}.key", pair.key)
    _write(folder / "service-account.key", a_signing_key())
    etcd_port, port = free_ports(2)
    url = f"https://127.0.0.1:{port}"
    for name, groups in _PROGRAM_GROUPS.items():
        user = f"system:{name}"
        pair = authority.client(user, groups)
        _write(folder / f"{name}.kubeconfig", json.dumps(_kubeconfig(url, user, authority.pair, pair)))
    _write(folder / "audit-policy.json", json.dumps(_AUDIT_POLICY))
    _write(folder / "scheduler.json", json.dumps(_scheduler_configuration(folder)))
    command_lines = {
        ETCD: _etcd(folder, etcd_port),
        API_SERVER: _api_server(folder, port, etcd_port, settings),
    }
    if settings.controllers:
        command_lines[CONTROLLER_MANAGER] = _controller_manager(folder, settings)
    if settings.scheduler:
        command_lines[SCHEDULER] = _scheduler(folder, settings)
    told = {
        "url": url,
        "etcd_port": etcd_port,
        "binaries": str(binaries),
        "programs": {name: [str(binaries / name), *flags] for name, flags in command_lines.items()},
    }
    _write(folder / "plane.json", json.dumps(told))


def _etcd(folder: Path, port: int) -> list[str]:
    client = f"http://127.0.0.1:{port}"
    return [
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",
        "--log-level=error",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        "--listen-peer-urls=http://127.0.0.1:0",
        # As installers set it: without, an API server has no bookmarks for what does not change.
        "--watch-progress-notify-interval=5s",
    ]


def _api_server(folder: Path, port: int, etcd_port: int, settings: PlaneSettings) -> list[str]:
    audit = [
        f"--audit-policy-file={folder / 'audit-policy.json'}",
        f"--audit-log-path={folder / 'audit.log'}",
    ]
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={folder / 'server.crt'}",
        f"--tls-private-key-file={folder / 'server.key'}",
        f"--client-ca-file={folder / 'ca.crt'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'service-account.key'}",
        f"--service-account-signing-key-file={folder / 'service-account.key'}",
        "--service-cluster-ip-range=10.0.0.0/16",
        "--authorization-mode=RBAC",
        # Pods get no token volume and need no service account that some controller has yet to create.
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
        "--allow-privileged=true",
        "--profiling=false",
        *(audit if settings.audit else ()),
        *_gates(settings),
        *settings.api_server_flags,
    ]


def _controller_manager(folder: Path, settings: PlaneSettings) -> list[str]:
    return [
        f"--kubeconfig={folder / CONTROLLER_MANAGER}.kubeconfig",
        f"--controllers={','.join(settings.controllers)}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        f"--service-account-private-key-file={folder / 'service-account.key'}",
        f"--root-ca-file={folder / 'ca.crt'}",
        "--profiling=false",
        *_gates(settings),
    ]


def _scheduler(folder: Path, settings: PlaneSettings) -> list[str]:
    return [f"--config={folder / 'scheduler.json'}", "--secure-port=0", *_gates(settings)]


def _scheduler_configuration(folder: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "parallelism": 2,
        "leaderElection": {"leaderElect": False},
        "enableProfiling": False,
        "clientConnection": {"kubeconfig": f"{folder / SCHEDULER}.kubeconfig", "qps": 500, "burst": 1000},
    }


_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


def _gates(settings: PlaneSettings) -> list[str]:
    pairs = ",".join(f"{name}={str(on).lower()}" for name, on in settings.feature_gates.items())
    return [f"--feature-gates={pairs}"] if pairs else []


def _kubeconfig(url: str, user: str, authority: Pair, pair: Pair) -> dict[str, Any]:
    def encoded(data: bytes) -> str:
        return b64encode(data).decode()

    cluster = {"server": url, "certificate-authority-data": encoded(authority.certificate)}
    keys = {"client-certificate-data": encoded(pair.certificate), "client-key-data": encoded(pair.key)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": user, "user": keys}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
        "current-context": "test",
    }


def _digest(*texts: str) -> str:
    return sha256(json.dumps(texts).encode()).hexdigest()[:16]


def _write(path: Path, content: str | bytes) -> None:
    # Whole or not at all: another process may look for the file.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
    unfinished.chmod(0o600)
    unfinished.rename(path)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody has, and that are given to nobody who does not ask for them."""
    found: list[int] = []
    while len(found) < count:
        port = secrets.choice(_PORTS)
        if port not in found and not _is_open(port) and _can_listen(port):
            found.append(port)
    return found


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0

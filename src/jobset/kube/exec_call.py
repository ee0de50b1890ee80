"""What a credential plugin is called with, and what its answer means (client.authentication.k8s.io)."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import msgspec

from jobset.kube.contents import Content
from jobset.kube.errors import AccessError
from jobset.kube.headers import bearer
from jobset.kube.kubeconfig import Cluster, Entry, Exec, User
from jobset.kube.tls import ClientCertificate, Pem, build_context

GROUP = "client.authentication.k8s.io"
VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")
MODES = ("Never", "IfAvailable", "Always")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginCall:
    """A program and what it is called with. `where` is the file and field of its settings."""

    where: str
    command: str
    args: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    api_version: str
    install_hint: str
    interactive: bool
    cluster: Mapping[str, Any] | None

    @property
    def info(self) -> str:
        """What the plugin is told in KUBERNETES_EXEC_INFO."""
        cluster = {} if self.cluster is None else {"cluster": self.cluster}
        spec = {**cluster, "interactive": self.interactive}
        info = {"kind": "ExecCredential", "apiVersion": self.api_version, "spec": spec}
        return msgspec.json.encode(info).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a plugin gave. `expires_at` None: good until it is refused."""

    authorization: str | None = field(repr=False)
    certificate: ClientCertificate | None
    expires_at: datetime | None


def read_plugin_call(
    user: Entry[User], plugin: Exec, cluster: Entry[Cluster], authority: Content | None, *, terminal: bool
) -> PluginCall:
    """The call that a user's `exec` asks for; `authority` is what the cluster's server is believed by."""
    where = user.where("exec")
    if plugin.api_version not in VERSIONS:
        raise AccessError(f'{where}.apiVersion: "{plugin.api_version}" is none of {", ".join(VERSIONS)}')
    if not plugin.command:
        raise AccessError(f"{where}.command: names no program")
    if not all(variable.name for variable in plugin.env):
        raise AccessError(f"{where}.env: a variable has no name")
    return PluginCall(
        where=where,
        command=str(user.path(plugin.command)) if os.sep in plugin.command else plugin.command,
        args=plugin.args,
        env={variable.name: variable.value for variable in plugin.env},
        api_version=plugin.api_version,
        install_hint=plugin.install_hint,
        interactive=_is_interactive(plugin, where, terminal),
        cluster=_cluster_info(cluster.value, authority) if plugin.provide_cluster_info else None,
    )


def parse_credential(output: bytes, call: PluginCall) -> Credential:
    """The credential in what a plugin printed. Errors repeat nothing of it: it holds secrets."""
    printed = f'{call.where}: "{call.command}" printed'
    try:
        answer = msgspec.json.decode(output, type=_Answer)
    except msgspec.ValidationError as error:
        raise AccessError(f"{printed} an ExecCredential that is wrong: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise AccessError(f"{printed} no JSON, where an ExecCredential is expected") from None
    if answer.kind != "ExecCredential" or answer.api_version != call.api_version:
        raise AccessError(
            f'{printed} kind "{answer.kind}" of apiVersion "{answer.api_version}", '
            f"where its settings ask for ExecCredential of {call.api_version}"
        )
    status = answer.status or _Status()
    if bool(status.certificate) != bool(status.key):
        raise AccessError(f"{printed} only one of status.clientCertificateData and status.clientKeyData")
    if not status.token and not status.certificate:
        raise AccessError(f"{printed} neither status.token nor a client certificate with its key")
    return Credential(
        authorization=bearer(status.token, f"{printed} a bad status.token") if status.token else None,
        certificate=_client_certificate(status, printed) if status.certificate else None,
        expires_at=status.expires_at,
    )


class _Status(msgspec.Struct, frozen=True, kw_only=True):
    token: str | None = None
    certificate: str | None = msgspec.field(default=None, name="clientCertificateData")
    key: str | None = msgspec.field(default=None, name="clientKeyData")
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = msgspec.field(
        default=None, name="expirationTimestamp"
    )


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


def _is_interactive(plugin: Exec, where: str, terminal: bool) -> bool:
    mode = plugin.interactive_mode
    if not mode and plugin.api_version == f"{GROUP}/v1beta1":
        mode = "IfAvailable"
    if mode not in MODES:
        raise AccessError(f'{where}.interactiveMode: "{mode}" is none of {", ".join(MODES)}')
    if mode == "Always" and not terminal:
        raise AccessError(
            f"{where}.interactiveMode: Always needs a terminal on standard input, which is none"
        )
    return terminal and mode != "Never"


def _cluster_info(cluster: Cluster, authority: Content | None) -> dict[str, Any]:
    """The cluster in the form that plugins get, which says data where a kubeconfig may say a file."""
    config = next((item.extension for item in cluster.extensions if item.name == f"{GROUP}/exec"), None)
    info = {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": base64.b64encode(authority.read()).decode() if authority else "",
        "proxy-url": cluster.proxy_url,
        "config": config,
    }
    return {name: value for name, value in info.items() if value or name in ("server", "config")}


def _client_certificate(status: _Status, printed: str) -> ClientCertificate:
    given = ClientCertificate(
        certificate=_pem(status.certificate, f"{printed} a bad status.clientCertificateData"),
        key=_pem(status.key, f"{printed} a bad status.clientKeyData"),
    )
    build_context(None, given, verify=False)  # refuses here what could not be used later
    return given


def _pem(text: str | None, where: str) -> Pem:
    return Pem(where=where, content=(text or "").encode())

"""Which cluster is spoken to and as whom: the order of places, kubeconfigs and their mistakes, proxies."""

import asyncio
import base64
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest

from jobset.kube.access import ClusterAccess, load_access
from jobset.kube.errors import AccessError
from jobset.kube.in_cluster import pod_namespace
from jobset.kube.kubeconfig import parse_kubeconfig
from jobset.kube.proxies import choose_proxy
from tests.certificates import Authority, encrypted
from tests.kubeconfigs import a_kubeconfig, b64, named, surroundings, written

IN_POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
AUTHORITY = Authority.new()
CLIENT, OTHER = AUTHORITY.issue("alice"), AUTHORITY.issue("other")
CERTIFICATE = {"client-certificate-data": b64(CLIENT.certificate)}
PLUGIN = {"apiVersion": "client.authentication.k8s.io/v1", "command": "true", "interactiveMode": "Never"}


def a_pod(folder: Path) -> None:
    written(folder / "serviceaccount/token", "pod-token\n")
    written(folder / "serviceaccount/namespace", "jobset-system\n")
    written(folder / "serviceaccount/ca.crt", AUTHORITY.certificate.decode())


def loaded(folder: Path, content: dict[str, Any] | str, context: str | None = None) -> ClusterAccess:
    return load_access(written(folder / "config", content), context, surroundings=surroundings(folder))


def header(access: ClusterAccess) -> str | None:
    return asyncio.run(access.credentials.authorization())


# --- where the access comes from (OPS §1) ---------------------------------------------------------

PLACES = {
    "the flag wins over everything": (["flag", "env", "pod", "home"], None, "https://flag", "ns-flag"),
    "KUBECONFIG wins over the pod": (["env", "pod", "home"], None, "https://env", "ns-env"),
    "the pod wins over the home folder": (["pod", "home"], None, "https://10.0.0.1:443", "jobset-system"),
    "the home folder is last": (["home"], None, "https://home", "ns-home"),
    "a pod has no contexts": (["pod", "home"], "home", "https://home", "ns-home"),
    "an empty KUBECONFIG gives way to the pod": (
        ["empty", "pod", "home"],
        None,
        "https://10.0.0.1:443",
        "jobset-system",
    ),
    "a pod without a token is none": (["tokenless", "home"], None, "https://home", "ns-home"),
}


@pytest.mark.parametrize(("places", "context", "server", "namespace"), PLACES.values(), ids=PLACES)
def test_the_first_place_that_has_one_gives_the_access(
    tmp_path: Path, places: list[str], context: str | None, server: str, namespace: str
) -> None:
    environ = IN_POD if {"pod", "tokenless"} & {*places} else {}
    flag = written(tmp_path / "flag", named("flag", "https://flag")) if "flag" in places else None
    if "env" in places:
        environ = environ | {"KUBECONFIG": written(tmp_path / "env", named("env", "https://env"))}
    if "empty" in places:
        environ = environ | {"KUBECONFIG": f"{tmp_path / 'missing'}:{written(tmp_path / 'empty', '')}"}
    if "home" in places:
        written(tmp_path / "home/.kube/config", named("home", "https://home"))
    if "pod" in places:
        a_pod(tmp_path)

    access = load_access(flag, context, surroundings=surroundings(tmp_path, environ))

    assert (access.server, access.namespace) == (server, namespace)


def test_without_any_place_each_of_them_is_named(tmp_path: Path) -> None:
    with pytest.raises(AccessError) as refused:
        load_access(None, surroundings=surroundings(tmp_path))

    assert str(refused.value) == (
        "no cluster to speak to: --kubeconfig is not given, KUBECONFIG is not set, this is not a pod "
        "(KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set), "
        f"there is no {tmp_path}/home/.kube/config"
    )


def test_who_says_kubeconfig_does_not_mean_the_home_folder(tmp_path: Path) -> None:
    written(tmp_path / "home/.kube/config", named("home", "https://home"))
    environ = {"KUBECONFIG": str(tmp_path / "missing")}

    with pytest.raises(AccessError, match=r"KUBECONFIG \(.*/missing\) names no file that has anything in it"):
        load_access(None, surroundings=surroundings(tmp_path, environ))


def test_a_pod_speaks_as_its_account(tmp_path: Path) -> None:
    a_pod(tmp_path)
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}

    access = load_access(None, surroundings=surroundings(tmp_path, environ))

    assert access.server == "https://[fd00::1]:6443"
    assert header(access) == "Bearer pod-token"
    context = access.credentials.ssl_context()
    assert context is not None
    assert len(context.get_ca_certs()) == 1


def test_the_namespace_of_a_pod_is_known_only_there(tmp_path: Path) -> None:
    a_pod(tmp_path)

    assert pod_namespace(tmp_path / "serviceaccount") == "jobset-system"
    assert pod_namespace(tmp_path / "elsewhere") is None


def test_files_of_kubeconfig_are_merged_and_the_first_wins(tmp_path: Path) -> None:
    first = named("both", "https://first") | {"current-context": ""}
    second = named("both", "https://second")
    second["contexts"].append({"name": "more", "context": {"cluster": "more", "user": "both"}})
    second["clusters"].append({"name": "more", "cluster": {"server": "https://more"}})
    files = [written(tmp_path / "1", first), str(tmp_path / "missing"), "", written(tmp_path / "2", second)]
    given = surroundings(tmp_path, {"KUBECONFIG": os.pathsep.join(files)})

    assert load_access(None, surroundings=given).server == "https://first"
    assert load_access(None, "more", surroundings=given).server == "https://more"


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    written(tmp_path / "a/ca.crt", AUTHORITY.certificate.decode())
    written(tmp_path / "b/alice.token", "of-alice")
    clusters = a_kubeconfig({"certificate-authority": "ca.crt"}, users=[])
    users = {"users": [{"name": "alice", "user": {"tokenFile": "alice.token"}}]}
    files = [written(tmp_path / "a/config", clusters), written(tmp_path / "b/config", users)]
    environ = {"KUBECONFIG": os.pathsep.join(files)}

    access = load_access(None, surroundings=surroundings(tmp_path, environ))

    assert header(access) == "Bearer of-alice"
    context = access.credentials.ssl_context()
    assert context is not None
    assert len(context.get_ca_certs()) == 1


# --- what a kubeconfig means ----------------------------------------------------------------------

SERVERS = {
    "as it is": ({"server": "https://lab:6443"}, "https://lab:6443"),
    "no trailing slash": ({"server": "https://lab:6443/"}, "https://lab:6443"),
    "below a path": ({"server": "https://lab/k8s/clusters/c-1/"}, "https://lab/k8s/clusters/c-1"),
    "IPv6": ({"server": "https://[fd00::1]:6443"}, "https://[fd00::1]:6443"),
    "plain http": ({"server": "http://localhost:8080"}, "http://localhost:8080"),
    "any case": ({"server": "HTTPS://lab"}, "https://lab"),
    "no scheme": ({"server": "lab:8080"}, "http://lab:8080"),
    "no scheme, whatever else": ({"server": "lab:1", "insecure-skip-tls-verify": True}, "http://lab:1"),
}


@pytest.mark.parametrize(("cluster", "server"), SERVERS.values(), ids=SERVERS)
def test_servers(tmp_path: Path, cluster: dict[str, Any], server: str) -> None:
    access = loaded(tmp_path, a_kubeconfig(cluster))

    assert access.server == server
    assert (access.credentials.ssl_context() is not None) == server.startswith("https://")


HEADERS = {
    "nobody": ({}, None),
    "a token": ({"token": "abc.def-_~+/="}, "Bearer abc.def-_~+/="),
    "a token with a line end": ({"token": "abc\n"}, "Bearer abc"),
    "a name and a password": ({"username": "al", "password": "a:ö"}, f"Basic {b64('al:a:ö'.encode())}"),
    "null is absent": ({"token": "abc", "exec": None, "as-groups": None, "tokenFile": None}, "Bearer abc"),
    "a token file that is not there yet": ({"token": "abc", "tokenFile": "missing"}, "Bearer abc"),
}


@pytest.mark.parametrize(("user", "authorization"), HEADERS.values(), ids=HEADERS)
def test_authorization(tmp_path: Path, user: dict[str, Any], authorization: str | None) -> None:
    assert header(loaded(tmp_path, a_kubeconfig(user=user))) == authorization


def test_a_date_is_text(tmp_path: Path) -> None:
    yaml = """
        current-context: 2026-01-01
        contexts: [{name: 2026-01-01, context: {cluster: "7", namespace: 2026-01-01T00:00:00Z, user: }}]
        clusters: [{name: "7", cluster: {server: https://lab, insecure-skip-tls-verify: true}}]
    """

    access = loaded(tmp_path, yaml)

    assert access.namespace == "2026-01-01T00:00:00Z"


def test_nothing_secret_is_sent_in_plain_http(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    access = loaded(tmp_path, a_kubeconfig({"server": "http://lab"}, {"token": "t"}))

    assert header(access) is None
    assert caplog.messages == ["not sending credentials in plain http"]


def test_a_user_acts_as_somebody_else(tmp_path: Path) -> None:
    user = {
        "as": "bob",
        "as-uid": "7",
        "as-groups": ["dev", "ops"],
        "as-user-extra": {"example.org/Zone 1%": ["a", "b"]},
    }

    assert loaded(tmp_path, a_kubeconfig(user=user)).headers == (
        ("Impersonate-User", "bob"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "dev"),
        ("Impersonate-Group", "ops"),
        ("Impersonate-Extra-example.org%2FZone%201%25", "a"),
        ("Impersonate-Extra-example.org%2FZone%201%25", "b"),
    )


def test_the_rest_of_a_context_is_taken_along(tmp_path: Path) -> None:
    cluster = {"tls-server-name": "kube", "proxy-url": "http://proxy:3128", "disable-compression": True}
    contexts = [{"name": "here", "context": {"cluster": "lab", "namespace": "team-a"}}]

    access = loaded(tmp_path, a_kubeconfig(cluster, contexts=contexts))

    assert access.namespace == "team-a"
    assert access.tls_server_name == "kube"
    assert access.proxy == "http://proxy:3128"
    assert header(access) is None


def test_the_proxy_of_the_cluster_wins_over_that_of_the_environment(tmp_path: Path) -> None:
    config = written(tmp_path / "config", a_kubeconfig({"proxy-url": "http://own:1"}))
    other = written(tmp_path / "other", a_kubeconfig())
    given = surroundings(tmp_path, {"HTTPS_PROXY": "http://env:2"})

    assert load_access(config, surroundings=given).proxy == "http://own:1"
    assert load_access(other, surroundings=given).proxy == "http://env:2"


def test_secrets_are_not_in_what_is_printed(tmp_path: Path) -> None:
    user = {
        "token": "SECRET",
        "client-certificate-data": b64(CLIENT.certificate),
        "client-key-data": b64(CLIENT.key),
    }
    access = loaded(tmp_path, a_kubeconfig({"proxy-url": "http://u:SECRET@proxy:1"}, user))
    config = parse_kubeconfig(json.dumps(a_kubeconfig(user=user)), tmp_path)

    assert access.credentials.ssl_context()
    for printed in (repr(access), repr(config)):
        assert "SECRET" not in printed
        assert b64(CLIENT.key) not in printed
        assert "PRIVATE" not in printed


def test_a_certificate_may_be_given_beside_a_token_inline_or_as_files(tmp_path: Path) -> None:
    written(tmp_path / "alice.crt", CLIENT.certificate.decode())
    written(tmp_path / "alice.key", CLIENT.key.decode())
    # As `base64` folds it.
    data = base64.encodebytes(CLIENT.certificate).decode()
    inline = {"token": "t", "client-certificate-data": data, "client-key-data": b64(CLIENT.key)}
    files = {"client-certificate": "alice.crt", "client-key": "alice.key"}

    assert loaded(tmp_path, a_kubeconfig(user=inline)).credentials.ssl_context()
    assert loaded(tmp_path, a_kubeconfig(user=files)).credentials.ssl_context()


def test_a_certificate_can_be_shown_where_there_are_no_files_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()

    assert loaded(tmp_path, a_kubeconfig(user=CERTIFICATE | {"client-key-data": b64(CLIENT.key)}))
    assert not [*(tmp_path / "tmp").iterdir()]


# --- mistakes: each with the file, the field and what would be right ------------------------------

TWO = [{"name": "lab", "cluster": {}}, {"name": "lab", "cluster": {}}]
SHORT = {"USER": "FILE: users[alice].user", "CLUSTER": "FILE: clusters[lab].cluster"}


def spelled_out(problem: str, file: Path) -> str:
    for short, long in (SHORT | {"FILE": str(file), "FOLDER": str(file.parent)}).items():
        problem = problem.replace(short, long)
    return problem


MISTAKES = {
    "not YAML": ("a: 1\nb: [}", "FILE: line 2: is not YAML: "),
    "not even characters": ("a: \x00", "FILE: is not YAML: "),
    "no mapping": ("hello", "FILE: a kubeconfig is a mapping: Expected a mapping, got text"),
    "not text": ("\udcff", "FILE: is not UTF-8 text, so it is no kubeconfig"),
    "another kind": (
        a_kubeconfig(kind="Pod"),
        'FILE: apiVersion "v1" and kind "Pod": those of a kubeconfig are v1 and Config',
    ),
    "another type": (
        a_kubeconfig(user={"token": ["a"]}),
        "FILE: users[0].user.token: expected text, got a list",
    ),
    "a number for text": (
        a_kubeconfig(user={"password": 123}),
        "FILE: users[0].user.password: expected text, got a number: put it in quotes",
    ),
    "a name twice": (
        a_kubeconfig(clusters=TWO),
        'FILE: clusters: the name "lab" occurs twice: keep one of them',
    ),
    "no context": (
        a_kubeconfig(**{"current-context": ""}),
        "FILE: current-context is not set: set it, or name a context (here)",
    ),
    "an empty file": ("", "FILE: current-context is not set: set it, or name a context (there are none)"),
    "no such context": (
        a_kubeconfig(**{"current-context": "gone"}),
        'FILE: there is no context "gone" (here)',
    ),
    "no such cluster": (
        a_kubeconfig(contexts=[{"name": "here", "context": {"cluster": "gone"}}]),
        'FILE: contexts[here].context.cluster: there is no cluster "gone" (lab)',
    ),
    "no such user": (
        a_kubeconfig(contexts=[{"name": "here", "context": {"cluster": "lab", "user": "gone"}}]),
        'FILE: contexts[here].context.user: there is no user "gone" (alice)',
    ),
    "no server": (
        a_kubeconfig({"server": ""}),
        'CLUSTER.server: "" is no URL of a server: it looks like https://HOST:PORT, perhaps with a path',
    ),
    "a strange scheme": (
        a_kubeconfig({"server": "ftp://lab"}),
        'CLUSTER.server: "ftp://lab" is no URL',
    ),
    "a strange port": (
        a_kubeconfig({"server": "https://lab:x"}),
        'CLUSTER.server: "https://lab:x" is',
    ),
    "a password in the URL": (
        a_kubeconfig({"server": "https://a:SECRET@lab"}),
        "CLUSTER.server: has a user name in it: give username and password to the user instead",
    ),
    "a blank in the URL": (a_kubeconfig({"server": "https://lab\n"}), "CLUSTER.server: "),
    "a proxy that we cannot use": (
        a_kubeconfig({"proxy-url": "socks5://u:SECRET@proxy:1"}),
        "CLUSTER.proxy-url: a proxy is given as http://HOST:PORT or https://HOST:PORT",
    ),
    "a proxy that is none": (
        a_kubeconfig({"proxy-url": "http://[proxy"}),
        "CLUSTER.proxy-url: a proxy is given as http://HOST:PORT or https://HOST:PORT",
    ),
    "an authority that is not there": (
        a_kubeconfig({"certificate-authority": "ca.crt"}),
        "CLUSTER.certificate-authority: cannot read FOLDER/ca.crt: No such file or directory",
    ),
    "an authority that is none": (
        a_kubeconfig({"certificate-authority-data": b64(b"hello")}),
        "CLUSTER.certificate-authority-data: holds no certificate in PEM form",
    ),
    "bad base64": (
        a_kubeconfig({"certificate-authority-data": "?"}),
        "CLUSTER.certificate-authority-data: is not base64: ",
    ),
    "an authority twice": (
        a_kubeconfig({"certificate-authority-data": "YQ==", "certificate-authority": "ca.crt"}),
        "CLUSTER: certificate-authority and certificate-authority-data are given: keep one of them",
    ),
    "an authority that is not asked": (
        a_kubeconfig({"certificate-authority-data": "YQ==", "insecure-skip-tls-verify": True}),
        "CLUSTER.certificate-authority-data: does nothing beside insecure-skip-tls-verify: ",
    ),
    "auth-provider": (
        a_kubeconfig(user={"auth-provider": {"name": "gcp"}}),
        "USER.auth-provider: Kubernetes has given these up: use exec, with the plugin of your provider",
    ),
    "two identities": (
        a_kubeconfig(user={"token": "a", "exec": PLUGIN}),
        "USER: token and exec are given: keep one of them",
    ),
    "two headers": (
        a_kubeconfig(user={"token": "a", "username": "b"}),
        "USER: token and username are given: keep one of them",
    ),
    "two certificates": (
        a_kubeconfig(user={**CERTIFICATE, "exec": PLUGIN}),
        "USER: exec and client-certificate are given: keep one of them",
    ),
    "a certificate without its key": (
        a_kubeconfig(user=CERTIFICATE),
        "USER: client-certificate needs client-key or client-key-data beside it",
    ),
    "a bad certificate": (
        a_kubeconfig(user={"client-certificate-data": b64(b"hello"), "client-key-data": b64(CLIENT.key)}),
        "USER.client-certificate-data: holds no certificate in PEM form",
    ),
    "a bad key": (
        a_kubeconfig(user={**CERTIFICATE, "client-key-data": b64(b"hello")}),
        "USER.client-key-data: holds no private key in PEM form",
    ),
    "the key of another certificate": (
        a_kubeconfig(user={**CERTIFICATE, "client-key-data": b64(OTHER.key)}),
        "USER.client-key-data: this key does not belong to the certificate of USER.client-certificate-data",
    ),
    "an encrypted key": (
        a_kubeconfig(user={**CERTIFICATE, "client-key-data": b64(encrypted(CLIENT.key))}),
        "USER.client-key-data: the private key is encrypted: give one that is not",
    ),
    "a key that is not there": (
        a_kubeconfig(user={**CERTIFICATE, "client-key": "/missing.key"}),
        "USER.client-key: cannot read /missing.key: No such file or directory",
    ),
    "a token file that is not there": (
        a_kubeconfig(user={"tokenFile": "gone"}),
        "USER.tokenFile: cannot read FOLDER/gone: No such file or directory",
    ),
    "an empty token file": (
        a_kubeconfig(user={"tokenFile": "/dev/null"}),
        "USER.tokenFile: /dev/null is empty",
    ),
    "a token of two lines": (
        a_kubeconfig(user={"token": "a\nb"}),
        "USER.token: a token is one line of printable ASCII characters without blanks",
    ),
    "groups of nobody": (
        a_kubeconfig(user={"as-groups": ["dev"]}),
        "USER.as: as-uid, as-groups and as-user-extra need the user to act as",
    ),
    "a name that no header can have": (
        a_kubeconfig(user={"as": "bob\r\nX-Y: z"}),
        "USER: the value for Impersonate-User has characters that no header may have",
    ),
    "an old plugin": (
        a_kubeconfig(user={"exec": PLUGIN | {"apiVersion": "client.authentication.k8s.io/v1alpha1"}}),
        'USER.exec.apiVersion: "client.authentication.k8s.io/v1alpha1" is none of '
        "client.authentication.k8s.io/v1, client.authentication.k8s.io/v1beta1",
    ),
    "a plugin without a program": (
        a_kubeconfig(user={"exec": PLUGIN | {"command": ""}}),
        "USER.exec.command: names no program",
    ),
    "a variable without a name": (
        a_kubeconfig(user={"exec": PLUGIN | {"env": [{"value": "x"}]}}),
        "USER.exec.env: a variable has no name",
    ),
    "no interactive mode in v1": (
        a_kubeconfig(user={"exec": PLUGIN | {"interactiveMode": ""}}),
        'USER.exec.interactiveMode: "" is none of Never, IfAvailable, Always',
    ),
    "a plugin that needs a person": (
        a_kubeconfig(user={"exec": PLUGIN | {"interactiveMode": "Always"}}),
        "USER.exec.interactiveMode: Always needs a terminal on standard input, which is none",
    ),
    "a plugin that is not there": (
        a_kubeconfig(user={"exec": PLUGIN | {"command": "a-plugin", "installHint": "Get it.\n"}}),
        'USER.exec.command: there is no program "a-plugin"\nGet it.',
    ),
    "a plugin that is not there, by its path": (
        a_kubeconfig(user={"exec": PLUGIN | {"command": "bin/a-plugin"}}),
        'USER.exec.command: there is no program "FOLDER/bin/a-plugin"',
    ),
}


@pytest.mark.parametrize(("content", "problem"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_named_with_file_and_field(
    tmp_path: Path, content: dict[str, Any] | str, problem: str
) -> None:
    file = tmp_path / "config"
    text = content if isinstance(content, str) else json.dumps(content)
    file.write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(AccessError) as refused:
        load_access(str(file), surroundings=surroundings(tmp_path))

    assert str(refused.value).startswith(spelled_out(problem, file))
    assert "SECRET" not in str(refused.value)


def test_a_context_by_name_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match=re.escape('there is no context "gone" (here)')):
        loaded(tmp_path, a_kubeconfig(), "gone")


def test_a_kubeconfig_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match=f"cannot read the kubeconfig {tmp_path}/gone: No such file"):
        load_access(str(tmp_path / "gone"), surroundings=surroundings(tmp_path))


# --- proxies --------------------------------------------------------------------------------------

HTTPS = {"HTTPS_PROXY": "http://p:1"}
PROXIES = {
    "none": ("https://lab", {}, None),
    "https": ("https://lab", HTTPS, "http://p:1"),
    "small letters": ("https://lab", {"https_proxy": "http://p:1"}, "http://p:1"),
    "without a scheme": ("https://lab", {"HTTPS_PROXY": "p:1"}, "http://p:1"),
    "http has its own": ("http://lab", HTTPS | {"HTTP_PROXY": "http://q:1"}, "http://q:1"),
    "http has none": ("http://lab", HTTPS, None),
    "not to this machine": ("https://localhost:6443", HTTPS, None),
    "not to a loopback address": ("https://127.0.0.5:6443", HTTPS, None),
    "not to the IPv6 loopback address": ("https://[::1]:6443", HTTPS, None),
    "excluded: everything": ("https://lab", HTTPS | {"NO_PROXY": "*"}, None),
    "excluded: the host": ("https://lab.example", HTTPS | {"no_proxy": "x, lab.example"}, None),
    "excluded: any case": ("https://LAB", HTTPS | {"NO_PROXY": "Lab"}, None),
    "excluded: hosts of the domain": ("https://a.lab.example", HTTPS | {"NO_PROXY": "lab.example"}, None),
    "excluded: only hosts of it": ("https://a.lab", HTTPS | {"NO_PROXY": ".lab"}, None),
    "not itself": ("https://lab", HTTPS | {"NO_PROXY": ".lab"}, "http://p:1"),
    "excluded: with a star": ("https://a.lab", HTTPS | {"NO_PROXY": "*.lab"}, None),
    "not a part of the name": ("https://mylab", HTTPS | {"NO_PROXY": "lab"}, "http://p:1"),
    "excluded: a network": ("https://10.1.2.3", HTTPS | {"NO_PROXY": "10.0.0.0/8"}, None),
    "not of the network": ("https://11.1.2.3", HTTPS | {"NO_PROXY": "10.0.0.0/8"}, "http://p:1"),
    "a name is in no network": ("https://lab", HTTPS | {"NO_PROXY": "0.0.0.0/0,x/y"}, "http://p:1"),
    "an address and no network": ("https://10.1.2.3", HTTPS | {"NO_PROXY": "10.1.2.3/x"}, "http://p:1"),
    "excluded: the address": ("https://10.1.2.3", HTTPS | {"NO_PROXY": "10.1.2.3"}, None),
    "another address": ("https://10.1.2.3", HTTPS | {"NO_PROXY": "10.1.2.4"}, "http://p:1"),
    "excluded: address and port": ("https://[fd00::1]:6443", HTTPS | {"NO_PROXY": "[fd00::1]:6443"}, None),
    "excluded: IPv6 without brackets": ("https://[fd00::1]", HTTPS | {"NO_PROXY": "fd00::1"}, None),
    "excluded: the usual port": ("https://lab", HTTPS | {"NO_PROXY": "lab:443"}, None),
    "another port": ("https://lab:6443", HTTPS | {"NO_PROXY": "lab:443"}, "http://p:1"),
}


@pytest.mark.parametrize(("server", "environ", "proxy"), PROXIES.values(), ids=PROXIES)
def test_proxies_of_the_environment(server: str, environ: dict[str, str], proxy: str | None) -> None:
    assert choose_proxy(server, environ) == proxy


def test_a_proxy_of_another_kind_is_refused() -> None:
    with pytest.raises(AccessError, match=r"^HTTPS_PROXY: a proxy is given as http://HOST:PORT"):
        choose_proxy("https://lab", {"HTTPS_PROXY": "socks5://p:1"})

"""What is sent before the body of a request, to the byte."""

from dataclasses import replace

import pytest
from yarl import URL

from jobset.kube.errors import TransportError
from jobset.kube.http_heads import RequestHeads
from jobset.kube.transport import MERGE_PATCH, Request

GET = Request(method="GET", path="/api/v1/pods")
POST = Request(method="POST", path="/api/v1/pods", body={})
USUAL = (("User-Agent", "test/1"),)


def head(server: str, request: Request, *more: tuple[str, str], token: str | None = None) -> str:
    heads = RequestHeads(URL(server), USUAL + more)
    return heads.build(request, token, b"{}" if request.body is not None else b"").decode()


LINES = {
    "the server": ("https://kube:6443", GET, "GET /api/v1/pods HTTP/1.1", "Host: kube:6443"),
    "the usual port": ("https://kube:443", GET, "GET /api/v1/pods HTTP/1.1", "Host: kube"),
    "a server below a path": ("https://kube/a/b", GET, "GET /a/b/api/v1/pods HTTP/1.1", "Host: kube"),
    "an address": ("https://[::1]:6443", GET, "GET /api/v1/pods HTTP/1.1", "Host: [::1]:6443"),
    "a name of other letters": (
        "https://bücher.example",
        GET,
        "GET /api/v1/pods HTTP/1.1",
        "Host: xn--bcher-kva.example",
    ),
    "a query": (
        "http://kube",
        replace(GET, query={"labelSelector": "a=b,c in (d, e)", "continue": "x/y+z=="}),
        "GET /api/v1/pods?labelSelector=a%3Db%2Cc+in+%28d%2C+e%29&continue=x%2Fy%2Bz%3D%3D HTTP/1.1",
        "Host: kube",
    ),
    "a path that ends early": (
        "http://kube",
        replace(GET, path="/api/v1/a b?c#d\r\nX: ä"),
        "GET /api/v1/a%20b%3Fc%23d%0D%0AX:%20%C3%A4 HTTP/1.1",
        "Host: kube",
    ),
    "a path that is escaped": (
        "http://kube",
        replace(GET, path="/api/v1/a%2Fb/proxy:80"),
        "GET /api/v1/a%2Fb/proxy:80 HTTP/1.1",
        "Host: kube",
    ),
}


@pytest.mark.parametrize(("server", "request_", "first", "host"), LINES.values(), ids=LINES)
def test_what_is_asked_and_of_whom(server, request_, first, host):
    assert head(server, request_).split("\r\n")[:2] == [first, host]


HEADERS = {
    "a read": (GET, ["Accept: application/json"]),
    "another form": (replace(GET, accept="application/json;as=Table"), ["Accept: application/json;as=Table"]),
    "a write": (POST, ["Accept: application/json", "Content-Type: application/json", "Content-Length: 2"]),
    "a patch": (
        replace(POST, method="PATCH", content_type=MERGE_PATCH),
        ["Accept: application/json", f"Content-Type: {MERGE_PATCH}", "Content-Length: 2"],
    ),
    "a write without a body": (
        replace(POST, method="DELETE", body=None),
        ["Accept: application/json", "Content-Length: 0"],
    ),
}


@pytest.mark.parametrize(("request_", "headers"), HEADERS.values(), ids=HEADERS)
def test_what_is_said_of_the_request(request_, headers):
    told = head("http://kube", request_).split("\r\n")

    assert told[2:] == ["User-Agent: test/1", *headers, "", ""]


def test_who_asks_and_for_whom():
    groups = (("Impersonate-Group", "a"), ("Impersonate-Group", "ä"))

    told = head("http://kube", GET, *groups, token="Bearer t").split("\r\n")

    assert told[3:5] == ["Impersonate-Group: a", "Impersonate-Group: ä"]
    assert told[6] == "Authorization: Bearer t"


def test_each_token_is_told_with_its_own_request():
    heads = RequestHeads(URL("http://kube"), USUAL)

    told = [heads.build(GET, f"Bearer {number % 100}", b"").decode() for number in range(300)]

    assert all(f"\r\nAuthorization: Bearer {number % 100}\r\n" in text for number, text in enumerate(told))


@pytest.mark.parametrize("token", ["Bearer a\r\nX: y", "Bearer a\n", "Bearer \0"])
def test_a_header_cannot_hold_another(token):
    with pytest.raises(TransportError, match="the value for Authorization"):
        head("http://kube", GET, token=token)

"""What is read of an HTTP answer, wherever its bytes are cut."""

import gzip
from typing import TypeAlias

import pytest

from jobset.kube.errors import ConnectionLost, TransportError
from jobset.kube.http_answers import AnswerReader

ZIPPED = gzip.compress(b"hello")


def text(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([*lines, "", ""]).encode() + body


def ok(*headers: str, body: bytes = b"") -> bytes:
    return text("HTTP/1.1 200 OK", *headers, body=body)


def length(count: int) -> str:
    return f"Content-Length: {count}"


CHUNKED, GZIP = "Transfer-Encoding: chunked", "Content-Encoding: gzip"
HELLO = ok(length(5), body=b"hello")
LARGE = b"x" * 2**17
KEPT, ENDED = True, False

ANSWERS = {
    "a body of known length": (HELLO, (200, b"hello", KEPT)),
    "no body": (ok(length(0)), (200, b"", KEPT)),
    "a body that is larger than any head": (ok(length(2**17), body=LARGE), (200, LARGE, KEPT)),
    "names in any case": (ok("CONTENT-LENGTH:5", body=b"hello"), (200, b"hello", KEPT)),
    "a header without a value": (ok("X:", length(5), body=b"hello"), (200, b"hello", KEPT)),
    "no reason": (text("HTTP/1.1 404 ", length(0)), (404, b"", KEPT)),
    "chunks": (ok(CHUNKED, body=b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"), (200, b"hello", KEPT)),
    "chunks with extensions and trailers": (
        ok(CHUNKED, body=b"5;a=b\r\nhello\r\n0;c\r\nContent-Type: text/plain\r\nX: y\r\n\r\n"),
        (200, b"hello", KEPT),
    ),
    "no content": (text("HTTP/1.1 204 No Content"), (204, b"", KEPT)),
    "not modified, with the length of what is not sent": (
        text("HTTP/1.1 304 Not Modified", length(5)),
        (304, b"", KEPT),
    ),
    "no length: until the end": (ok(body=b"hello"), (200, b"hello", ENDED)),
    "no length, and nothing": (ok("X: y"), (200, b"", ENDED)),
    "the server wants to end": (ok("Connection: close", length(5), body=b"hello"), (200, b"hello", ENDED)),
    "an old server": (text("HTTP/1.0 200 OK", length(5), body=b"hello"), (200, b"hello", ENDED)),
    "an old server that waits": (
        text("HTTP/1.0 200 OK", "Connection: keep-alive", length(5), body=b"hello"),
        (200, b"hello", KEPT),
    ),
    "announced": (text("HTTP/1.1 100 Continue") + HELLO, (200, b"hello", KEPT)),
    "announced more than once": (
        text("HTTP/1.1 103 Early Hints", "Content-Encoding: br") + text("HTTP/1.1 102 Processing") + HELLO,
        (200, b"hello", KEPT),
    ),
    "gzip": (ok(GZIP, length(len(ZIPPED)), body=ZIPPED), (200, b"hello", KEPT)),
    "gzip in chunks": (
        ok(GZIP, CHUNKED, body=b"4\r\n" + ZIPPED[:4] + b"\r\n%x\r\n" % len(ZIPPED[4:]) + ZIPPED[4:])
        + b"\r\n0\r\n\r\n",
        (200, b"hello", KEPT),
    ),
    "gzip of no content": (text("HTTP/1.1 204 No Content", GZIP), (204, b"", KEPT)),
    "another answer after it": (HELLO + HELLO, (200, b"hello", ENDED)),
    "anything else after it": (HELLO + b"x", (200, b"hello", ENDED)),
    "something after the last answer": (
        ok("Connection: close", length(5), body=b"hello") + b"x",
        (200, b"hello", ENDED),
    ),
}

NO_HTTP = "the answer is not HTTP"
CUT = "the connection ended in the middle of the answer"
SWITCHED = "the server changes to a protocol that nobody asked for"

NO_ANSWERS = {
    "nothing": (b"", "the server closed the connection"),
    "a beginning": (b"HTT", CUT),
    "half a head": (b"HTTP/1.1 200 OK\r\nX: ", CUT),
    "half a body": (ok(length(5), body=b"hel"), CUT),
    "half a chunk": (ok(CHUNKED, body=b"5\r\nhel"), CUT),
    "no last chunk": (ok(CHUNKED, body=b"5\r\nhello\r\n"), CUT),
    "only announced": (text("HTTP/1.1 100 Continue"), CUT),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n", NO_HTTP),
    "TLS where nobody expects it": (b"\x15\x03\x01\x00\x02\x02\x16", NO_HTTP),
    "a request": (text("GET / HTTP/1.1", "Host: x"), NO_HTTP),
    "no code": (text("HTTP/1.1 OK", length(0)), NO_HTTP),
    "a length that is none": (ok("Content-Length: five"), NO_HTTP),
    "a length below zero": (ok("Content-Length: -5"), NO_HTTP),
    "two lengths": (ok(length(5), length(6), body=b"hello!"), NO_HTTP),
    "a length and chunks": (ok(length(5), CHUNKED, body=b"0\r\n\r\n"), NO_HTTP),
    "a chunk of no size": (ok(CHUNKED, body=b"x\r\n"), NO_HTTP),
    "a chunk longer than it says": (ok(CHUNKED, body=b"1\r\nhello\r\n"), NO_HTTP),
    "a header that goes on in the next line": (ok("X: a", " b", length(0)), NO_HTTP),
    "a name with a blank": (ok("X : a", length(0)), NO_HTTP),
    "lines that end in any way": (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", NO_HTTP),
    "another protocol from now on": (
        text("HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: h2c"),
        SWITCHED,
    ),
    "another protocol, unnamed": (text("HTTP/1.1 101 Switching Protocols"), SWITCHED),
    "an encoding that nobody asked for": (
        ok("Content-Encoding: br", length(5), body=b"hello"),
        'nobody asked for a body in the encoding "br"',
    ),
    "no gzip": (ok(GZIP, length(5), body=b"hello"), "the body cannot be inflated"),
    "half of gzip": (
        ok(GZIP, length(9), body=ZIPPED[:9]),
        "the body cannot be inflated: its length is wrong",
    ),
    "gzip with something behind": (
        ok(GZIP, length(len(ZIPPED) + 1), body=ZIPPED + b"x"),
        "the body cannot be inflated: its length is wrong",
    ),
    "a head without an end": (
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 2**16,
        "the head of the answer does not end",
    ),
    "announced without an end": (
        text("HTTP/1.1 100 Continue") * 2700,
        "the head of the answer does not end",
    ),
}


Outcome: TypeAlias = tuple[int, bytes, bool] | tuple[str, bool]


def read(*pieces: bytes) -> Outcome:
    """The answer, or why there is none, and whether another may follow."""
    reader, answer = AnswerReader(), None
    reader.expect()
    try:
        for piece in pieces:
            answer = reader.feed(piece) or answer
        answer = answer or reader.end(None)
    except TransportError as error:
        if answer is None:
            return str(error), reader.keeps_alive
    return answer.code, answer.body, reader.keeps_alive


def cut_anywhere(data: bytes) -> set[Outcome]:
    """Everything that is read of the same bytes: whole, one by one, and in any two pieces."""
    short = range(1, min(len(data), 200))
    return {read(data), read(*(bytes([byte]) for byte in data))} | {
        read(data[:place], data[place:]) for place in short
    }


@pytest.mark.parametrize(("data", "outcome"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_the_same_however_it_is_cut(data, outcome):
    assert cut_anywhere(data) == {outcome}


@pytest.mark.parametrize(("data", "problem"), NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_answer_is_none_however_it_is_cut(data, problem):
    outcomes = cut_anywhere(data)

    assert {str(told)[: len(problem)] for told, *_ in outcomes} == {problem}
    assert {kept for *_, kept in outcomes} == {ENDED}


def test_headers_that_are_read_keep_their_values():
    reader = AnswerReader()
    reader.expect()

    head = ok('Warning: 299 - "a"', 'warning: 299 - "\xe4"', "Retry-After: 3", "Content-Type: text/plain")
    reader.feed(head.decode().encode("latin-1"))
    headers = reader.end(None).headers

    assert headers.getall("Warning") == ['299 - "a"', '299 - "\ufffd"']
    assert (headers["retry-after"], headers["Content-Type"]) == ("3", "text/plain")


def test_what_follows_a_body_in_the_form_of_headers_is_not_read():
    reader = AnswerReader()
    reader.expect()

    whole = ok(CHUNKED, "Content-Type: a", body=b"0\r\nContent-Type: b\r\nWarning: c\r\n\r\n")
    answer = reader.feed(whole)

    assert answer is not None
    assert dict(answer.headers) == {"content-type": "a"}


def test_the_heads_of_many_answers_are_not_added_up():
    reader = AnswerReader()
    for _ in range(2**12):
        reader.expect()
        reader.feed(HELLO[:20])
        assert reader.feed(HELLO[20:]) is not None


def test_answers_come_one_after_the_other():
    reader = AnswerReader()
    reader.expect()
    first = reader.feed(ok(GZIP, "Retry-After: 3", length(len(ZIPPED)), body=ZIPPED))
    reader.expect()
    begun = reader.feed(HELLO[:-1])
    second = reader.feed(HELLO[-1:])

    assert first is not None
    assert second is not None
    assert (first.body, begun, second.body, len(second.headers)) == (b"hello", None, b"hello", 0)


def test_what_nobody_asked_for_ends_a_connection_that_lies_idle():
    reader = AnswerReader()
    reader.expect()
    reader.feed(HELLO)

    with pytest.raises(TransportError, match="answers what nobody asked"):
        reader.feed(HELLO)
    assert not reader.keeps_alive


BROKEN = {"before it": (b"", ConnectionLost), "within it": (ok(), TransportError)}


@pytest.mark.parametrize(("data", "error"), BROKEN.values(), ids=BROKEN)
def test_a_connection_that_broke_makes_nothing_whole(data, error):
    reader = AnswerReader()
    reader.expect()
    reader.feed(data)

    with pytest.raises(TransportError) as raised:
        reader.end(ConnectionResetError("reset by peer"))
    assert type(raised.value) is error

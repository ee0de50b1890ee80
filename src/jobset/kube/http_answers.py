"""Answers of an HTTP/1.1 server, put together from the bytes that come, however they are cut."""

import zlib

import httptools
import msgspec
from multidict import CIMultiDict, MultiMapping

from jobset.kube.errors import ConnectionLost, TransportError, reason

_LONGEST_HEAD = 2**16
_SWITCHING_PROTOCOLS = 101
_SWITCHED = "the server changes to a protocol that nobody asked for"
_LENGTH_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
_READ_HEADERS = frozenset({b"content-type", b"content-encoding", b"retry-after", b"warning"})
_INFLATE_GZIP = 31  # what zlib calls the gzip form, with the largest window


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A whole answer, its body inflated; of the headers at least those that somebody reads."""

    code: int
    headers: MultiMapping[str]
    body: bytes


class AnswerReader:
    """Reads the answers of one connection, each after `expect`.

    Once it has raised, or `keeps_alive` is false after an answer, the connection is no longer good.
    """

    def __init__(self) -> None:
        self.keeps_alive = True
        self._parser = httptools.HttpResponseParser(self)
        self._is_expected = False
        self._has_begun = False
        self._answer: Answer | None = None
        self._problem = ""
        self._head_size = 0
        self._headers: CIMultiDict[str] = CIMultiDict()
        self._has_head = self._tells_length = False
        self._inflater: zlib._Decompress | None = None
        self._pieces: list[bytes] = []

    def expect(self) -> None:
        """A request goes out: what comes next is its answer."""
        self._is_expected, self._has_begun, self._answer, self._head_size = True, False, None, 0

    def feed(self, data: bytes | memoryview) -> Answer | None:
        """The answer that was expected, once its last byte has come.

        Raises:
            TransportError: this is no answer, or none was expected.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._problem = _SWITCHED
        except httptools.HttpParserError as error:
            self._problem = self._problem or f"the answer is not HTTP: {error}"
        if self._is_expected and not self._has_head:
            self._head_size += len(data)
            if self._head_size > _LONGEST_HEAD:
                self._problem = "the head of the answer does not end"
        answer, self._answer = self._answer, None
        if self._problem:
            self.keeps_alive = False
            # What follows a whole answer spoils the connection, not the answer.
            if answer is None:
                raise TransportError(self._problem)
        return answer

    def end(self, error: Exception | None) -> Answer:
        """The answer that the end of the connection makes whole; `error` is what ended it, if anything did.

        Raises:
            ConnectionLost: nothing of it has come.
            TransportError: it was cut off.
        """
        self.keeps_alive = False
        if not self._has_begun:
            raise ConnectionLost("the server closed the connection" if error is None else reason(error))
        if self._has_head and not self._tells_length and error is None:
            self.on_message_complete()
        answer, self._answer = self._answer, None
        if answer is None:
            raise TransportError(self._problem or "the connection ended in the middle of the answer")
        return answer

    # --- what the parser calls --------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """The first byte of an answer."""
        if not self._is_expected:
            self._problem = "the server answers what nobody asked"
            raise TransportError(self._problem)
        self._has_begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or what comes after the body in the form of one."""
        name = name.lower()
        if self._has_head:
            return
        if name in _READ_HEADERS:
            self._headers.add(name.decode(), value.decode(errors="replace"))
        elif name in _LENGTH_HEADERS:
            self._tells_length = True

    def on_headers_complete(self) -> None:
        """The body comes next, if there is one."""
        self._has_head = True
        if self._parser.get_status_code() < 200:
            return
        encoding = self._headers.get("Content-Encoding", "identity").lower()
        if encoding == "gzip":
            self._inflater = zlib.decompressobj(_INFLATE_GZIP)
        elif encoding != "identity":
            self._problem = f'nobody asked for a body in the encoding "{encoding}"'

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self._inflater is not None:
            try:
                piece = self._inflater.decompress(piece)
            except zlib.error as error:
                self._problem = f"the body cannot be inflated: {error}"
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """The last byte of an answer, or of one that only says that there will be one."""
        code = self._parser.get_status_code()
        if code == _SWITCHING_PROTOCOLS:
            self._problem = _SWITCHED
        elif code >= 200:
            self._finish(code)
        self._clear()

    def _finish(self, code: int) -> None:
        inflater = self._inflater
        if inflater is not None and self._pieces and (not inflater.eof or inflater.unused_data):
            self._problem = self._problem or "the body cannot be inflated: its length is wrong"
        if not self._problem:
            self._answer = Answer(code, self._headers, b"".join(self._pieces))
        self._is_expected = False
        self.keeps_alive = self._parser.should_keep_alive()

    def _clear(self) -> None:
        self._headers = CIMultiDict()
        self._has_head = self._tells_length = False
        self._inflater = None
        self._pieces = []

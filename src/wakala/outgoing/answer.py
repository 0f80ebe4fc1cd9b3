"""Their side of an exchange: bytes, split anywhere, become one answer or a sentence why they are none. Pure.

llhttp reads, without any of its leniencies. What it does not decide is decided here: where an answer without a length
ends, which answers leave the connection fit for another one, and how much of anything is too much.
"""

from functools import lru_cache

import httptools

READ_LIMIT_BYTES = 65_536  # of a body; the rest is cut off (experience.md 6.6)
HEAD_LIMIT_BYTES = (
    32_768  # of all heads of one answer together; Daraja's has some 500 bytes, common servers allow 8 KiB
)
FIELDS_LIMIT = 128  # header and trailer lines; ten times what is usual
# Of everything, framing included: a body of the full length costs six bytes a byte in chunks of one.
WIRE_LIMIT_BYTES = 8 * READ_LIMIT_BYTES


class BrokenAnswerError(Exception):
    """There will be no answer; the message is the sentence that says why."""


class AnswerReader:
    """Reads one answer; informational ones before it are skipped.

    Once ``complete`` is True, ``status``, ``headers`` and ``body`` hold. ``reusable`` says whether the connection is
    then at a place where the next answer can begin; it may still turn False when more bytes arrive.
    """

    __slots__ = (
        "_body",
        "_body_bytes",
        "_codings",
        "_ends_with_connection",
        "_fields",
        "_has_length",
        "_head_bytes",
        "_in_body",
        "_parser",
        "_raw_headers",
        "_to_head",
        "_trouble",
        "_wire_bytes",
        "complete",
        "reusable",
        "status",
    )

    def __init__(self, *, to_head: bool) -> None:
        """``to_head``: the request was HEAD, so no body follows, whatever the head announces."""
        self.status = 0
        self.complete = False
        self.reusable = False
        self._to_head = to_head
        self._raw_headers: list[tuple[bytes, bytes]] = []
        self._codings: list[bytes] = []  # in which the body is packed for transfer
        self._has_length = False
        self._fields = 0
        self._head_bytes = 0
        self._in_body = False
        self._ends_with_connection = False
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._wire_bytes = 0
        self._trouble = ""
        # Parser and reader hold each other; the parser is dropped at the end, so that no collector has to find them.
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """As they came: order, spelling and repetitions."""
        return _texts(tuple(self._raw_headers))

    @property
    def body(self) -> bytes:
        """At most `READ_LIMIT_BYTES`; not unpacked."""
        return b"".join(self._body)[:READ_LIMIT_BYTES]

    def feed(self, data: bytes) -> None:
        """Take what arrived. Raises `BrokenAnswerError`; whatever comes after the answer only spoils ``reusable``."""
        parser = self._parser
        if parser is None:
            self.reusable = False
            return
        self._wire_bytes += len(data)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.reusable = False
            self._spoil(f"what came is no HTTP answer ({error})")
        self._check_size()
        if self.complete or self._trouble:
            self._parser = None
        if not self.complete and self._trouble:
            raise BrokenAnswerError(self._trouble)

    def end(self) -> None:
        """The other side hung up in order, which is how an answer without a length ends. Raises like `feed`."""
        self._parser = None
        self.reusable = False
        if self.complete:
            return
        if self._trouble:
            raise BrokenAnswerError(self._trouble)
        if not self._in_body or not self._ends_with_connection:
            where = "in the middle of the answer" if self._wire_bytes else "without an answer"
            raise BrokenAnswerError(f"the connection was closed {where}")
        self.complete = True

    def _spoil(self, trouble: str) -> None:
        self._trouble = self._trouble or trouble

    def _check_size(self) -> None:
        if self._head_bytes > HEAD_LIMIT_BYTES or (not self._in_body and self._wire_bytes > HEAD_LIMIT_BYTES):
            self._spoil(f"the answer's head is longer than {HEAD_LIMIT_BYTES} bytes")
        if self._wire_bytes > WIRE_LIMIT_BYTES:
            self._spoil(f"the answer takes more than {WIRE_LIMIT_BYTES} bytes")

    # What the parser calls. None of these may raise: the parser would hide it.

    def on_message_begin(self) -> None:
        """Whatever begins after the answer was not asked for, and the next request may not take it for its own."""
        self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head, or a trailer: counted, and of no further use."""
        if self.complete:
            return
        self._fields += 1
        self._head_bytes += len(name) + len(value) + len(b": \r\n")
        if self._fields > FIELDS_LIMIT:
            self._spoil(f"the answer has more than {FIELDS_LIMIT} header lines")
        elif self._head_bytes > HEAD_LIMIT_BYTES:
            self._spoil(f"the answer's head is longer than {HEAD_LIMIT_BYTES} bytes")
        elif not self._in_body:
            self._raw_headers.append((name, value))
            lower = name.lower()
            if lower == _CONTENT_LENGTH:
                self._has_length = True
            elif lower == _TRANSFER_ENCODING:
                self._codings.append(value.strip(b" \t").lower())

    def on_headers_complete(self) -> None:
        """The whole head is there, and decides how the answer ends."""
        if self.complete or self._trouble or self._parser is None:
            return
        self.status = self._parser.get_status_code()
        if self._parser.get_http_version() not in {"1.0", "1.1"}:
            self._spoil("the answer is of another version of HTTP")
        elif self.status < 100:
            self._spoil("the answer has no status")
        elif self.status == 101:
            self._spoil("the other side changed to another protocol")
        elif self.status >= 200:
            self._in_body = True
            self._ends_with_connection = not (self._has_length or self._codings)
            if self._codings not in ([], [b"chunked"]):
                self._spoil("the answer is packed for transfer in a way that was not asked for")
            # Of an answer to HEAD the parser waits for a body; the connection is given up.
            self.complete = self._to_head and not self._trouble

    def on_body(self, data: bytes) -> None:
        """A piece of the body; at the limit the answer is complete and its connection of no more use."""
        if self.complete or self._trouble:
            return
        self._body.append(data)
        self._body_bytes += len(data)
        self.complete = self._body_bytes >= READ_LIMIT_BYTES

    def on_message_complete(self) -> None:
        """The end, or that of an informational answer: then the real one follows."""
        if self.complete or self._trouble or self._parser is None:
            return
        if self.status < 200:
            self._raw_headers.clear()
            self._codings.clear()
            self._has_length = False
            return
        self.complete = True
        self.reusable = self._parser.should_keep_alive()


@lru_cache(maxsize=64)  # a server's heads differ by their date
def _texts(raw: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[str, str], ...]:
    return tuple([(name.decode("latin-1"), value.decode("latin-1").strip(" \t")) for name, value in raw])


_CONTENT_LENGTH = b"content-length"
_TRANSFER_ENCODING = b"transfer-encoding"

"""The text of an export file as people have it: encodings, colours, other lines, several exports."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ingest.raw.json_text import JsonValue, UnreadableError, parse

_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_SAMPLE_BYTES = 1024
"""How much of a file without a mark says whether it is UTF-16."""

_ANSI = re.compile(
    rb"\x1b(?:\[[0-?]*+[ -/]*+[@-~]"  # colours and movements of the cursor
    rb"|\][^\x07\x1b]*+(?:\x07|\x1b\\)"  # titles of the window, links
    rb"|[ -/]*+[0-Z\\^-~])"
)
"""JSON has no escape character, in strings neither: wherever one stands, a terminal was meant."""

_OBJECT = re.compile(rb'\{\s*+["}]')
_INFO = re.compile(rb'\{\s*+"info"\s*+:\s*+\{')
"""How OpenCode begins an export, and each message in it."""
_SESSION_ID = re.compile(rb'"id"\s*+:\s*+"(ses_[0-9A-Za-z_-]{1,64}+)"')
_SESSION_ID_WITHIN = 4096

_TOKEN = re.compile(rb'"[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+("?)|[{}\[\]]')
"""A string with its closing quote, where it has one, or a bracket."""

_MAX_DEPTH = 254
MAX_WASTED_TOKENS = 16_000_000
"""Who looks for the end of an object that never ends comes to the end of the file; then the next is tried.
After so many brackets and strings in vain, some ten seconds, it is enough. A cut file costs five passes."""


class Piece(NamedTuple):
    """A JSON value that was found in a file and its lone surrogates, or why what begins here cannot be read.

    `session_id` is that of an export that cannot be read, where its beginning tells.
    """

    value: JsonValue
    n_surrogates: int
    error: UnreadableError | None = None
    session_id: str | None = None


def decode(raw: bytes) -> tuple[bytes, int]:
    """Return a file's text as UTF-8 without a byte order mark and without codes for a terminal.

    The number is that of lone surrogates of UTF-16, which are replaced by U+FFFD.
    """
    n_surrogates = 0
    encoding, n_mark = _encoding(raw)
    if encoding == "utf-8":
        text = raw[n_mark:] if n_mark else raw
    else:
        units = raw[n_mark : len(raw) - (len(raw) - n_mark) % 2]
        characters = units.decode(encoding, "surrogatepass")
        characters, n_surrogates = re.subn("[\ud800-\udfff]", "\ufffd", characters)
        text = characters.encode()
    return (_ANSI.sub(b"", text) if b"\x1b" in text else text), n_surrogates


def _encoding(raw: bytes) -> tuple[str, int]:
    """Return the encoding of a file and the length of its byte order mark."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            return encoding, len(mark)
    # Text of an export is mostly ASCII: then every second byte of UTF-16 is NUL, which no JSON has.
    sample = raw[:_SAMPLE_BYTES]
    n_even, n_odd = sample[::2].count(0), sample[1::2].count(0)
    if 4 * max(n_even, n_odd) > len(sample) and not min(n_even, n_odd):
        return ("utf-16-le" if n_odd else "utf-16-be"), 0
    return "utf-8", 0


def pieces(text: bytes) -> Iterator[Piece]:
    """Yield what a file holds: each export, or each element of an array of them, whatever stands around.

    Where no object can be read, and no beginning of an export was found, the only piece says what is wrong.
    """
    try:
        value, n_surrogates = parse(text)
    except UnreadableError as error:
        yield from _pieces_among_others(text, error)
        return
    if not isinstance(value, list) or not value:
        yield Piece(value, n_surrogates)
        return
    for n, item in enumerate(value):
        yield Piece(item, 0 if n else n_surrogates)  # which are counted for the whole file


def is_export(value: JsonValue) -> bool:
    """Whether an object means to be an export: lines of a log are objects as well, and so are messages."""
    if not isinstance(value, dict) or not isinstance(value.get("info"), dict):
        return False
    return "messages" in value or "parts" not in value


def _pieces_among_others(text: bytes, error: UnreadableError) -> Iterator[Piece]:
    """Yield the exports in a text that is not one JSON value as a whole."""
    n_found = 0
    ruined_to = 0
    n_wasted = 0
    start = _OBJECT.search(text)
    if start is not None and _INFO.match(text, start.start()):  # most often all from here on is one export
        piece = _piece(text[start.start() : text.rfind(b"}") + 1])
        if piece is not None:
            yield piece
            return
    while start is not None:
        begin = start.start()
        found = _look_through(text, begin)
        piece = _piece(text[begin : found.end]) if found.is_whole else None
        if piece is not None:
            if is_export(piece.value):
                n_found += 1
                yield piece
        elif found.has_messages or (begin >= ruined_to and _INFO.match(text, begin)):
            n_found += 1
            ruined_to = found.end  # the messages of what is ruined begin as exports do
            yield _ruin(text, begin)
        if piece is None:
            n_wasted += found.n_tokens
        if n_wasted > MAX_WASTED_TOKENS:
            yield Piece(None, 0, UnreadableError("not_json", "too many braces that nothing closes", begin))
            return
        start = _OBJECT.search(text, found.end if piece is not None else begin + 1)
    if not n_found:
        yield Piece(None, 0, error)


def _piece(text: bytes) -> Piece | None:
    try:
        return Piece(*parse(text))
    except UnreadableError:
        return None


def _ruin(text: bytes, begin: int) -> Piece:
    """Return why the export that begins here cannot be read, and at which byte of the file that shows."""
    session_id = _SESSION_ID.search(text, begin, begin + _SESSION_ID_WITHIN)
    try:
        parse(text[begin:])
    except UnreadableError as error:
        place = UnreadableError(error.reason, error.detail, begin + (error.position or 0))
        return Piece(None, 0, place, session_id[1].decode() if session_id else None)
    raise RuntimeError("what was refused before is refused again")


class _Found(NamedTuple):
    """Where an object ends, or how far its end was looked for, and whether it has a field `messages`."""

    end: int
    is_whole: bool
    has_messages: bool
    n_tokens: int


def _look_through(text: bytes, begin: int) -> _Found:
    """Look for the end of the object that begins here."""
    depth = n = 0
    has_messages = False
    for n, token in enumerate(_TOKEN.finditer(text, begin), start=1):
        bracket = text[token.start()]
        if bracket in b"{[":
            depth += 1
        elif bracket in b"}]":
            depth -= 1
        elif not token[1]:  # a string does not go over lines: this is none
            return _Found(token.end(), False, has_messages, n)
        elif depth == 1 and token[0] == b'"messages"':
            has_messages = True
        if depth == 0:
            return _Found(token.end(), True, has_messages, n)
        if depth > _MAX_DEPTH:
            return _Found(token.end(), False, has_messages, n)
    return _Found(len(text), False, has_messages, n)

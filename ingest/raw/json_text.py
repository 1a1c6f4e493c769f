"""The one parser of JSON that all sources share, and the canonical text that is landed."""

import hashlib
import re
from typing import TypeAlias

import orjson

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

HASH_HEX_DIGITS = 32

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""Every escape of a JSON text, a surrogate pair as one, so that what is left of them stands alone."""

_CANONICAL = orjson.OPT_SORT_KEYS


class UnreadableError(Exception):
    """A record that cannot be landed: `reason` is one of the words of REASONS (see documents)."""

    def __init__(self, reason: str, detail: str, position: int | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.position = position


def parse(raw: bytes) -> tuple[JsonValue, int]:
    """Return the value of JSON bytes and the number of lone surrogates replaced by U+FFFD.

    Raises UnreadableError where the bytes are not one JSON value of RFC 8259.
    """
    try:
        value: JsonValue = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "surrogate" not in error.msg:
            raise _unreadable(raw, error) from None
    else:
        return value, 0
    mended, n_surrogates = _replace_lone_surrogates(raw)
    try:
        value = orjson.loads(mended)
    except orjson.JSONDecodeError as error:
        raise _unreadable(mended, error) from None
    return value, n_surrogates


def canonical(value: JsonValue) -> tuple[bytes, str]:
    """Return the canonical JSON text (minified, keys sorted) and its hash in hex digits.

    The text may occupy up to 14 times its length: who keeps many of them keeps copies (see `compact`).
    Raises UnreadableError where the value nests too deep.
    """
    try:
        payload = orjson.dumps(value, option=_CANONICAL)
    except orjson.JSONEncodeError:
        raise UnreadableError("too_deep", "deeper than canonical JSON is written") from None
    return payload, hashlib.sha256(payload).hexdigest()[:HASH_HEX_DIGITS]


def compact(payload: bytes) -> bytes:
    """Return a copy that occupies no more than its length, which what orjson returns does not."""
    return bytes(memoryview(payload))


def _replace_lone_surrogates(raw: bytes) -> tuple[bytes, int]:
    # JavaScript strings may hold half an emoji, which strict parsers refuse. U+FFFD is as long when
    # it is escaped, so positions stay.
    n_replaced = 0

    def replace(escape: re.Match[bytes]) -> bytes:
        nonlocal n_replaced
        if escape["lone"] is None:
            return escape[0]
        n_replaced += 1
        return rb"\ufffd"

    return _ESCAPE.sub(replace, raw), n_replaced


def _unreadable(raw: bytes, error: orjson.JSONDecodeError) -> UnreadableError:
    """Say what is wrong with bytes that the parser refused."""
    if not raw.strip(b"\0 \t\r\n"):
        return UnreadableError("empty", f"{len(raw)} bytes, none of them text", 0)
    try:
        text = raw.decode()
    except UnicodeDecodeError as not_text:
        if not_text.reason == "unexpected end of data":
            return UnreadableError("truncated", "ends inside a character", not_text.start)
        return UnreadableError("not_utf8", "a byte that UTF-8 does not know", not_text.start)
    position = len(text[: error.pos].encode())
    if error.msg == "unexpected end of data":
        return UnreadableError("truncated", "ends before its last bracket", position)
    if raw.endswith(b"\0"):  # the length reached the disk before the bytes did
        return UnreadableError("truncated", "ends in NUL bytes", len(raw.rstrip(b"\0")))
    if error.msg == "depth limit exceeded":
        return UnreadableError("too_deep", "deeper than it is read", position)
    return UnreadableError("not_json", error.msg, position)

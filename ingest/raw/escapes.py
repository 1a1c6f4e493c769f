"""A text as a person would read it, without the escapes of the layers around it, and where its parts stood.

A secret in a history stands in JSON within JSON, in a URL, in HTML, behind the number of a line or between
the colours of a terminal. It is looked for in the readable text, and replaced where it stood.
"""

import html
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import TypeAlias

_MAX_LAYERS = 5
_MAX_PREFIXES = 2

_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
LINE_START = (
    r"(?:[ \t]{0,6}[0-9]{1,6}(?:[|→\t:][ ]?|-(?=[ \t]))"
    r"|[\w./-]{0,120}\.[A-Za-z]\w{0,7}[:-][0-9]{1,6}[:-](?![^:\s]{1,64}:[^:\s]{1,64}:\S)"
    r"|\+(?!\+)|-(?![-p])|>[ ])"
)
"""What tools put before a line: its number, its file and number, the sign of a diff, of a quotation."""

_FIRST_LINE = re.compile(LINE_START)
_NEXT_LINE = re.compile(r"\n" + LINE_START)
_BACKSLASH = (
    r"\\+(?:u(?P<u>(?![dD][89a-fA-F])[0-9A-Fa-f]{4})|x(?P<x>[0-7][0-9A-Fa-f])"
    r"|(?P<plain>[nrtabfv])|(?P<sign>[\"'`/&=:$]))"
)
_OTHER = (
    r"\x1b\[[0-9;?]*[A-Za-z]"
    r"|%(?P<percent>2[0-9A-Fa-f]|3[A-Fa-f]|40|5[BbCcDdEe]|60|7[BbCcDdEe]|0[AaDd9])"
    r"|&(?P<entity>quot|apos|amp|lt|gt|nbsp|#[0-9]{2,3}|#[xX][0-9A-Fa-f]{2});"
)
_ESCAPE = re.compile(f"{_OTHER}|{_BACKSLASH}")
_ESCAPE_BUT_BACKSLASH = re.compile(_OTHER)


_Segment: TypeAlias = tuple[int, int, int, bool]
"""A part of a text: where it begins without the escapes, start and end with them, whether it is one.

A tuple: there are many."""


class _Layer:
    """One layer that was taken off a text."""

    __slots__ = ("_begins", "_segments")

    def __init__(self, segments: list[_Segment]) -> None:
        self._segments = segments
        self._begins = [segment[0] for segment in segments]

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """Return where in the text with the layer a part of the text without it stands."""
        first, start, _, is_escape = self._segment(begin)
        last, stop, last_end, is_last_escape = self._segment(end - 1)
        return start + (0 if is_escape else begin - first), last_end if is_last_escape else stop + end - last

    def _segment(self, position: int) -> _Segment:
        return self._segments[bisect_right(self._begins, position) - 1]


class View:
    """A text without its escapes: `text`."""

    __slots__ = ("_layers", "text")

    def __init__(self, text: str, layers: list[_Layer]) -> None:
        self.text = text
        self._layers = layers

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """Return where in the original text a part of this one stands, which is not empty."""
        for layer in reversed(self._layers):
            begin, end = layer.span(begin, end)
        return begin, end

    def width(self, position: int) -> int:
        """Return how many characters of the original text stand for one of this."""
        if not self._layers:
            return 1
        begin, end = self.span(position, position + 1)
        return end - begin


def readable(text: str, *, lines: bool = True, backslashes: bool = True) -> View:
    """Return a text without the escapes of up to five layers.

    With `lines` also without what tools put before these; without `backslashes` each of them is one indeed.
    """
    layers: list[_Layer] = []
    escape = _ESCAPE if backslashes else _ESCAPE_BUT_BACKSLASH
    while len(layers) < _MAX_LAYERS and any(sign in text for sign in "\\%&\x1b"):
        before = text
        text = _take_off(text, escape.finditer(text), layers)
        if text is before:
            break
    for _ in range(_MAX_PREFIXES if lines else 0):
        before = text
        text = _take_off(text, _NEXT_LINE.finditer(text), layers)
        if first := _FIRST_LINE.match(text):
            text = _take_off(text, iter([first]), layers)
        if text is before:
            break
    return View(text, layers)


def _take_off(text: str, matches: Iterator[re.Match[str]], layers: list[_Layer]) -> str:
    """Return a text without what matches, and add the layer that this was."""
    parts: list[str] = []
    segments: list[_Segment] = []
    at = length = 0
    for match in matches:
        start, end = match.span()
        if text[start] == "\n":  # which stays
            start += 1
        if start > at:
            parts.append(text[at:start])
            segments.append((length, at, start, False))
            length += start - at
        if sign := _sign(match):
            parts.append(sign)
            segments.append((length, start, end, True))
            length += 1
        at = end
    if not at:
        return text
    if at < len(text):
        parts.append(text[at:])
        segments.append((length, at, len(text), False))
    layers.append(_Layer(segments))
    return "".join(parts)


def _sign(match: re.Match[str]) -> str:
    """Return the character that an escape stands for; none for a colour and for what is before a line."""
    kind, value = match.lastgroup, match[match.lastgroup] if match.lastgroup else ""
    if kind is None:
        return ""
    if kind == "plain":
        return _PLAIN[value]
    if kind == "sign":
        return value
    if kind == "entity":
        return " " if value == "nbsp" else html.unescape(f"&{value};")[:1]
    return chr(int(value, 16))

"""Kinds of secrets as they stand in histories, and the encodings in which they stand there."""

from __future__ import annotations

import html
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.ingest.secrets import draw

FOLDER = Path(__file__).parent / "masking"
WINDOW = 8
"""Characters of a secret in a row that nobody may find, or all of a shorter one."""

SEEDS = ("a", "b")


@dataclass(frozen=True, slots=True)
class Planted:
    """A text with secrets in it; `pieces` are these, in the order in which they stand there."""

    name: str
    text: str
    pieces: Sequence[str]

    def spans(self) -> list[tuple[int, int]]:
        """Return where the pieces stand in the text."""
        found, at = [], 0
        for piece in self.pieces:
            begin = self.text.index(piece, at)
            at = begin + len(piece)
            found.append((begin, at))
        return found


def kinds(name: str) -> dict[str, str]:
    """Return the kinds of a file of fixtures: name → text with pieces to be drawn."""
    table: dict[str, str] = tomllib.loads((FOLDER / f"{name}.toml").read_text())["kinds"]
    return table


def harmless() -> list[str]:
    """Return texts that hold no secret."""
    found: list[str] = tomllib.loads((FOLDER / "harmless.toml").read_text())["texts"]
    return found


def plant(table: Mapping[str, str]) -> Iterator[Planted]:
    """Yield each kind with its pieces drawn, once for every seed."""
    for name, template in table.items():
        for seed in SEEDS:
            text, pieces = draw(template, seed)
            yield Planted(name, text, pieces)


def _nested(text: str) -> str:
    for _ in range(3):
        text = json.dumps({"output": text})
    return text


def _numbered(text: str) -> str:
    lines = ["# settings", *text.split("\n"), "end"]
    return "<file>\n" + "\n".join(f"{n:05}| {line}" for n, line in enumerate(lines, 7)) + "\n</file>"


def _diff(text: str) -> str:
    lines = [f"{'+-'[n % 2]}{line}" for n, line in enumerate(text.split("\n"))]
    return "@@ -1,3 +1,3 @@\n context\n" + "\n".join(lines) + "\n context"


def _escaped(text: str) -> str:
    """Return JSON as encoders write it that trust nobody: signs as numbers, slashes escaped."""
    written = json.dumps({"output": json.dumps({"output": text})})
    for sign in "=&<>'":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    return written.replace("/", "\\/")


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON, three deep": _nested,
    "JSON with escapes": _escaped,
    "numbered read": _numbered,
    "diff": _diff,
    "URL-encoded": lambda text: quote(text, safe=""),
    "HTML-escaped": html.escape,
}
"""What is done to the whole of a text; ANSI colours and truncation depend on where the secret stands."""

PLACES = (*ENCODINGS, "ANSI colours", "truncated")


def encoded(planted: Planted, place: str) -> str:
    """Return the text of a kind in one of PLACES."""
    if place == "ANSI colours":
        text = planted.text
        for begin, end in reversed(planted.spans()):
            text = f"{text[:begin]}\x1b[32m{text[begin:end]}\x1b[0m{text[end:]}"
        return text
    if place == "truncated":  # within the last secret, which keeps two thirds
        begin, end = planted.spans()[-1]
        return planted.text[: begin + (end - begin) * 2 // 3]
    return ENCODINGS[place](planted.text)


def left(planted: Planted, place: str, text: str, masked: str) -> list[str]:
    """Return what is left of the secrets in the masked text."""
    encode = ENCODINGS.get(place, str)
    found = []
    for piece in planted.pieces:
        one = encode(piece) if place in ("URL-encoded", "HTML-escaped") else piece
        width = min(WINDOW, len(one))
        windows = {one[n : n + width] for n in range(len(one) - width + 1)}
        found += [window for window in windows if window in text and window in masked]
    return found

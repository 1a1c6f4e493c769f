"""Secrets made up for tests, by the examples of the rules: nothing here looks like one until it is drawn."""

from __future__ import annotations

import random
import re
import string
import tomllib
from importlib import resources

from ingest.masking import RULES_FILE

CHARACTERS = {
    "alnum": string.ascii_letters + string.digits,
    "base32": string.ascii_uppercase + "234567",
    "base64": string.ascii_letters + string.digits + "+/",
    "digits": string.digits,
    "hex": "0123456789abcdef",
    "url64": string.ascii_letters + string.digits + "-_",
}
_PIECE = re.compile(r"<(?P<kind>\w+):(?P<n>\d+)>")


def entries() -> list[dict[str, object]]:
    """Return the rules and assignments of the rules file, as they stand there."""
    data = tomllib.loads((resources.files("ingest") / RULES_FILE).read_text())
    return [*data["rules"], *data["assignments"]]


def texts(entry: dict[str, object], field: str) -> list[str]:
    """Return the examples, or what is harmless, of a rule."""
    found = entry[field]
    assert isinstance(found, list)
    return [str(text) for text in found]


def draw(example: str, seed: int | str = 7) -> tuple[str, list[str]]:
    """Return an example with its placeholders drawn, and the drawn pieces: what nobody may find."""
    lot = random.Random(f"{seed}{example}")  # noqa: S311 - nothing secret
    pieces: list[str] = []

    def replace(piece: re.Match[str]) -> str:
        n = int(piece["n"])
        if piece["kind"] == "lines":
            drawn = ["".join(lot.choices(CHARACTERS["base64"], k=64)) for _ in range(n)]
            pieces.extend(drawn)
            return "\n".join(drawn)
        drawn_text = "".join(lot.choices(CHARACTERS[piece["kind"]], k=n))
        if piece["kind"] != "digits":  # the number of somebody, beside the secret
            pieces.append(drawn_text)
        return drawn_text

    return _PIECE.sub(replace, example), pieces


def planted() -> list[tuple[str, str, list[str]]]:
    """Return a secret for every example of every kind: kind, text with the secret, its pieces."""
    found = []
    for entry in entries():
        for example in texts(entry, "examples"):
            text, pieces = draw(example)
            found.append((str(entry["kind"]), text, [piece for piece in pieces if len(piece) > 7]))
    return found

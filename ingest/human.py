"""Figures and names as a person reads them."""

import os
import re
import sys
from datetime import datetime
from pathlib import Path

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: object) -> str:
    """Return text in one line without control characters, terminal escapes and changes of its direction.

    Each is shown as U+FFFD.
    """
    return _CONTROL.sub("\ufffd", str(text))


def printable_json(text: str) -> str:
    """Return JSON text with what a terminal would obey escaped; its value is the same."""
    return _CONTROL.sub(lambda sign: sign[0] if sign[0] == "\n" else f"\\u{ord(sign[0]):04x}", text)


def place(path: object) -> str:
    """Return a path as printable text, relative where it lies below the present folder."""
    here = Path.cwd()
    found = Path(str(path))
    return printable(found.relative_to(here) if found.is_relative_to(here) else found)


def count(n: int, noun: str) -> str:
    """Return a number with its noun: `1 session`, `1,234 sessions`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def size(n_bytes: int) -> str:
    """Return bytes in the unit that fits: `512 bytes`, `4.2 MB`."""
    if n_bytes < 1000:
        return count(n_bytes, "byte")
    amount = n_bytes / 1000
    for unit in ("kB", "MB"):
        if amount < 1000:
            return f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} GB"


def when(time: datetime | None) -> str:
    """Return a UTC time to the minute, or `never`."""
    return "never" if time is None else f"{time:%Y-%m-%d %H:%M} UTC"


def table(rows: list[tuple[str, str]], indent: int = 2) -> list[str]:
    """Return lines of label and value, the values in one column."""
    width = max((len(label) for label, _ in rows), default=0)
    return [f"{' ' * indent}{label:<{width}}  {value}" for label, value in rows]


def say(text: object) -> None:
    """Print a line at once; where nobody reads any more (`… | head`), it and all that follows go nowhere."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        say_no_more()


def say_no_more() -> None:
    """Let what is printed go nowhere from here on: that nobody reads it is no failure of what is done."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)

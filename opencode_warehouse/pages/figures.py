"""Figures as a person reads them: each value by its unit, null as a dash."""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from ingest.human import printable

NULL = "\u2013"
_GAP = "\u202f"  # a thin space that no line is broken at
_LONGEST_TEXT = 400
_LEVELS = "▁▂▃▄▅▆▇█"

Number = int | float | Decimal


def shown(value: object, unit: str = "") -> str:
    """Return a value as one line of text, by its unit (a key of UNITS) or, without one, by its type."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NULL
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        return UNITS[unit](value) if unit else number(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC) if value.tzinfo else value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    text = printable(" ".join(str(value).split()))
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


def number(value: Number) -> str:
    """Return a number with thin spaces between thousands and few digits behind the point."""
    exact = Decimal(str(value))
    if exact == exact.to_integral_value():
        return f"{int(exact):,}".replace(",", _GAP)
    digits = 1 if abs(exact) >= 100 else 2 if abs(exact) >= 1 else 4
    text = f"{exact:,.{digits}f}".rstrip("0").rstrip(".")
    return text.replace(",", _GAP) if text not in ("0", "-0") else f"{exact:.1e}"


def usd(value: Number) -> str:
    """Return dollars: cents, and below ten cents four digits, as a model step costs that little."""
    amount = abs(Decimal(str(value)))
    sign = "-" if value < 0 else ""
    if 0 < amount < Decimal("0.00005"):
        return f"{sign}< $0.0001"
    digits = 2 if amount >= Decimal("0.1") or not amount else 4
    return f"{sign}${amount:,.{digits}f}".replace(",", _GAP)


def duration(value: Number) -> str:
    """Return milliseconds in the unit that fits: `850 ms`, `3.2 s`, `4 min 12 s`, `2 h 5 min`, `3 d 4 h`."""
    ms = abs(float(value))
    sign = "-" if value < 0 else ""
    if ms < 999.5:
        return f"{sign}{number(round(ms, 1) if ms < 10 else round(ms))} ms"
    if ms < 59_950:
        return f"{sign}{ms / 1000:.1f} s"
    if ms < 3_599_500:
        return sign + _two(round(ms / 1000), 60, "min", "s")
    if ms < 86_370_000:
        return sign + _two(round(ms / 60_000), 60, "h", "min")
    return sign + _two(round(ms / 3_600_000), 24, "d", "h")


def _two(amount: int, parts: int, big: str, small: str) -> str:
    whole, rest = divmod(amount, parts)
    return f"{number(whole)} {big}" + (f" {rest} {small}" if rest else "")


def share(value: Number) -> str:
    """Return a share of one as percent; 100 % and 0 % only where it is exactly that."""
    percent = float(value) * 100
    if 99.95 <= percent < 100:
        return "> 99.9 %"
    if 0 < percent < 0.05:
        return "< 0.1 %"
    return f"{number(round(percent, 1))} %"


def size(value: Number) -> str:
    """Return bytes in the unit that fits: `512 bytes`, `4.2 MB`."""
    amount = float(value)
    if abs(amount) < 1000:
        return f"{number(round(amount))} bytes"
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if abs(amount) < 999.95 or unit == "TB":
            break
    return f"{amount:.1f} {unit}"


def _with(word: str) -> Callable[[Number], str]:
    return lambda value: f"{number(round(float(value), 1))} {word}"


UNITS: dict[str, Callable[[Number], str]] = {
    "usd": usd,
    "ms": duration,
    "share": share,
    "bytes": size,
    "tokens": number,
    "count": number,
    "ratio": number,
    "hours": _with("h"),
    "days": _with("d"),
}
_SUFFIXES = {
    "usd": "usd",
    "ms": "ms",
    "bytes": "bytes",
    "share": "share",
    "rate": "share",
    "hours": "hours",
    "days": "days",
    "tokens": "tokens",
    "ratio": "ratio",
}
_SAID_BY_THE_VALUE = re.compile(r"_(usd|ms|bytes|at|hours)$")


def unit_of(column: str) -> str:
    """Return the unit that a column's name says, as everywhere in the warehouse; empty where none."""
    return _SUFFIXES.get(column.lower().rpartition("_")[2], "")


def label_of(column: str) -> str:
    """Return a column's name as a heading: `n_failed` is `Failed`, `cost_usd` is `Cost`."""
    words = _SAID_BY_THE_VALUE.sub("", column.removeprefix("n_")).replace("_", " ").strip()
    return printable(words[:1].upper() + words[1:])


def sparkline(values: Sequence[Number | None]) -> str:
    """Return values as a line of blocks; a middle dot where one is missing."""
    known = [float(value) for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)

    def level(value: Number | None) -> str:
        if value is None:
            return "·"
        if high == low:
            return _LEVELS[3]
        return _LEVELS[round((float(value) - low) / (high - low) * (len(_LEVELS) - 1))]

    return "".join(level(value) for value in values)

"""Which of many patterns are found in which texts, fast: by RE2, and by Hyperscan where it runs and pays.

Both answer the same; what they find is looked at once more by the rules themselves.
"""

import threading
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

_PATTERNS_AT_ONCE = 12
"""RE2 keeps the states of one automaton in 8 MB, and is slow where they are more."""

_PAYS_FROM_BYTES = 4_000_000
"""Hyperscan takes half a second to begin, and then a sixth of the time that RE2 takes for each byte."""


class Finder(Protocol):
    """Finds patterns, which are those of RE2 without captures."""

    def find(self, texts: pa.Array) -> dict[int, list[int]]:
        """Return for each text in which any pattern is found, by its position, the numbers of these."""
        ...


class Re2Finder:
    """Arrow's RE2: first some patterns as one, then each of them where that one is found."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = patterns
        self._unions = unions(patterns)

    def find(self, texts: pa.Array) -> dict[int, list[int]]:
        """See Finder."""
        found: dict[int, list[int]] = {}
        for first, union in zip(count(0, _PATTERNS_AT_ONCE), self._unions, strict=False):
            positions = _positions(union, texts)
            suspects = texts.take(pa.array(positions, pa.int64()))
            last = min(first + _PATTERNS_AT_ONCE, len(self._patterns))
            for n in range(first, last) if positions else ():
                for i in _positions(self._patterns[n], suspects):
                    found.setdefault(positions[i], []).append(n)
        return found


class HyperscanFinder:
    """Hyperscan: all patterns at once."""

    def __init__(self, patterns: Sequence[str]) -> None:
        hyperscan = import_module("hyperscan")
        self._database = hyperscan.Database()
        self._database.compile(
            expressions=[pattern.encode() for pattern in patterns],
            ids=list(range(len(patterns))),
            elements=len(patterns),
            flags=[hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL] * len(patterns),
        )
        self._lock = threading.Lock()
        """One memory to work in belongs to a database."""

    def find(self, texts: pa.Array) -> dict[int, list[int]]:
        """See Finder."""
        found: dict[int, list[int]] = {}

        def note(number: int, start: int, end: int, flags: int, position: int) -> None:
            found.setdefault(position, []).append(number)

        with self._lock:
            for position, text in enumerate(texts):
                self._database.scan(text.as_buffer(), match_event_handler=note, context=position)
        return {position: sorted(numbers) for position, numbers in found.items()}


class GrowingFinder:
    """RE2 at first, and Hyperscan from when so many bytes are searched that it pays."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = patterns
        self._finder: Finder = Re2Finder(patterns)
        self._n_bytes = 0
        self._lock = threading.Lock()

    def find(self, texts: pa.Array) -> dict[int, list[int]]:
        """See Finder."""
        with self._lock:
            self._n_bytes += texts.nbytes
            if self._n_bytes >= _PAYS_FROM_BYTES and isinstance(self._finder, Re2Finder):
                self._finder = HyperscanFinder(self._patterns)
        return self._finder.find(texts)


def unions(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return patterns of RE2 that find together what these find: as few as are fast."""
    starts = range(0, len(patterns), _PATTERNS_AT_ONCE)
    return tuple("|".join(f"(?:{one})" for one in patterns[n : n + _PATTERNS_AT_ONCE]) for n in starts)


def finder(patterns: Sequence[str]) -> Finder:
    """Return the fastest finder that this machine has."""
    return (GrowingFinder if find_spec("hyperscan") else Re2Finder)(patterns)


def _positions(pattern: str, texts: pa.Array) -> list[int]:
    positions: list[int] = pc.indices_nonzero(pc.match_substring_regex(texts, pattern=pattern)).to_pylist()
    return positions

"""What tells whether a file or folder is another one, or was written to."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from ingest.sources.source import Source


def layout(sources: Iterable[Source]) -> set[tuple[Source, tuple[int, int] | None]]:
    """Return the sources, each tree with what tells whether it is still the same folder."""
    found: set[tuple[Source, tuple[int, int] | None]] = set()
    for source in sources:
        found.add((source, None if source.tree is None else identity(source.tree)))
    return found


Written: TypeAlias = tuple[tuple[int, int] | None, ...]
"""Time (ns) and size of a warehouse file and its write-ahead log, None for one that is not there."""


def written(warehouse: Path) -> Written:
    """Return what tells whether somebody wrote a warehouse."""
    found: list[tuple[int, int] | None] = []
    for path in (warehouse, warehouse.with_name(f"{warehouse.name}.wal")):
        try:
            status = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_size))
    return tuple(found)


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file or folder from another of the same name, None where there is none."""
    with suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None

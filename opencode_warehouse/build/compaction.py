"""Giving back the room in a warehouse file that builds have freed.

A build writes a table before the one that it replaces is dropped, and DuckDB gives back only what is free at
the end of a file: a build would leave it larger than what it holds. A copy has no free room.
"""

import os
import shutil
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import duckdb

from ingest import trust
from ingest.errors import IngestError
from ingest.lock import Patience, writing
from ingest.raw.schema import CATALOG, COMPRESSION, STORAGE
from ingest.warehouse import attach_in_turn
from opencode_warehouse.keep import copies

FREE_SHARE = 0.1
"""From which share of free room on a file is worth a copy."""

_COPY = "compact"
_BLOCKS = "select free_blocks, total_blocks, used_blocks * block_size from pragma_database_size() where "
_TABLES = "select schema_name, table_name, sql from duckdb_tables() where database_name = ? order by all"


def compact(warehouse: Path) -> int:
    """Make a warehouse file as small as what it holds, where enough of it is free; return the bytes saved.

    Nothing is done where the disk has no room for the copy. At every moment the old file or the whole new one
    is in place, and nobody else can write meanwhile. Raises IngestError where the copy is not what it is of.
    """
    part = warehouse.with_name(f".{warehouse.name}{copies.PART_SUFFIX}")
    files = [part.with_name(f"{part.name}{suffix}") for suffix in trust.BESIDE]
    with writing(warehouse), closing(trust.connect()) as connection:
        _remove(files)  # what a kill has left
        attach_in_turn(connection, warehouse, Patience())
        connection.execute("checkpoint")
        row = connection.execute(f"{_BLOCKS} database_name = '{CATALOG}'").fetchone()
        n_free, n_total, used_bytes = row or (0, 0, 0)
        if n_free <= FREE_SHARE * n_total or shutil.disk_usage(warehouse.parent).free < 2 * used_bytes:
            return 0
        before = warehouse.stat().st_size
        try:
            _copy(connection, part)
            with part.open("rb") as copied:
                os.fsync(copied.fileno())
            part.chmod(warehouse.stat().st_mode)
            part.replace(warehouse)  # while the connection still has the old one, so that nobody writes to it
            copies.sync(warehouse.parent)
        finally:
            _remove(files)
    return before - warehouse.stat().st_size


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _copy(connection: duckdb.DuckDBPyConnection, part: Path) -> None:
    """Write all that an attached warehouse holds into a new file."""
    quoted = str(part).replace("'", "''")
    connection.execute(f"attach '{quoted}' as {_COPY} ({STORAGE})")
    trust.shut(connection, lock=False)
    for name, value in COMPRESSION.items():
        connection.execute(f"set {name} = '{value}'")
    connection.execute(f"copy from database {CATALOG} to {_COPY}")
    connection.execute(f"checkpoint {_COPY}")
    if _contents(connection, _COPY) != _contents(connection, CATALOG):
        raise IngestError("The compacted copy does not hold the tables of the warehouse, so it was removed.")
    connection.execute(f"detach {_COPY}")


def _contents(connection: duckdb.DuckDBPyConnection, catalog: str) -> list[tuple[str, int]]:
    """Return the tables of a catalog, each as the statement that makes it, with the number of its rows."""
    found = []
    for schema, table, made_by in connection.execute(_TABLES, [catalog]).fetchall():
        name = ".".join('"' + part.replace('"', '""') + '"' for part in (catalog, schema, table))
        [n_rows] = connection.table(name).aggregate("count(*)").fetchone() or (0,)
        found.append((made_by, n_rows))
    return found

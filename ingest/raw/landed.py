"""What is landed of the sources: which there are, and of each what a reader has to know."""

from array import array
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from ingest.raw.documents import ENTITIES, Entity, SourceKey
from ingest.raw.known import Known
from ingest.raw.sql import first_number

RACY = timedelta(seconds=2)
"""A file changed this shortly before it was read may change again without a newer time: read it again."""


def sources(connection: duckdb.DuckDBPyConnection, machine: str) -> list[SourceKey]:
    """Return the sources of a machine that were ever landed here."""
    rows = connection.execute(
        "select machine, kind, root, is_sample from raw.sources where machine = ? order by source_id",
        [machine],
    ).fetchall()
    return [SourceKey(row[0], row[1], Path(row[2]), row[3]) for row in rows]


def has_history(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether anything but the sample is landed here."""
    return bool(first_number(connection, "select count(*) from raw.sources where not is_sample"))


def recorded(connection: duckdb.DuckDBPyConnection, source: SourceKey) -> tuple[datetime, str | None] | None:
    """Return when a source was first loaded and its schema then, None where it never was."""
    return connection.execute(
        "select first_loaded_at, schema_version from raw.sources where source_id = ?", [source.source_id]
    ).fetchone()


def schema_version(connection: duckdb.DuckDBPyConnection, source: SourceKey) -> str | None:
    """Return the schema that a source had when it was last read whole, None where that is not known."""
    found = recorded(connection, source)
    return None if found is None else found[1]


def known(
    connection: duckdb.DuckDBPyConnection, source: SourceKey, schema_version: str | None, *, rehash: bool
) -> dict[Entity, Known]:
    """Return what is landed of a source: for each entity, id → (modified, size).

    A document is to be read again whatever its time says with `rehash`, when OpenCode migrated the
    store's schema since (which may rewrite rows without a new time), or when it was read so shortly
    after its last change that the next change may bear the same time.
    """
    _, schema_before = recorded(connection, source) or (None, None)
    migrated = schema_before != schema_version
    known = {}
    for entity in ENTITIES:
        rows = connection.execute(
            f"""select document_id, size_bytes,
                case when $is_settled and origin_modified_at < loaded_at - $racy::interval
                    then epoch_us(origin_modified_at) else -1 end as modified_us
            from raw.{entity} where source_id = $source and deleted_at is null""",
            {"is_settled": not (rehash or migrated), "racy": RACY, "source": source.source_id},
        ).to_arrow_table()
        deleted = connection.execute(
            f"select document_id from raw.{entity} where source_id = ? and deleted_at is not null",
            [source.source_id],
        ).fetchall()
        known[entity] = Known.of_arrays(
            rows["document_id"].to_pylist(),
            _array(rows["modified_us"]),
            _array(rows["size_bytes"]),
            (row[0] for row in deleted),
            _sessions_of(connection, entity, source) if source.is_excerpt else None,
        )
    return known


def _sessions_of(
    connection: duckdb.DuckDBPyConnection, entity: Entity, source: SourceKey
) -> dict[str, str | None]:
    """Return the session of each document that is landed of a source."""
    query = f"select document_id, session_id from raw.{entity} where source_id = ?"
    return dict(connection.execute(query, [source.source_id]).fetchall())


def forget_sample(connection: duckdb.DuckDBPyConnection, *, dry_run: bool = False) -> int:
    """Remove the documents of the bundled sample and return their number."""
    if not first_number(connection, "select count(*) from raw.sources where is_sample"):
        return 0
    of_sample = "source_id in (select source_id from raw.sources where is_sample)"
    n = sum(
        first_number(connection, f"select count(*) from raw.{entity} where {of_sample}")
        for entity in ENTITIES
    )
    if not dry_run:
        connection.execute("begin")
        for table in (*ENTITIES, "rejected_documents"):
            connection.execute(f"delete from raw.{table} where {of_sample}")
        connection.execute("delete from raw.sources where is_sample")
        connection.execute("commit")
    return n


def _array(column: pa.ChunkedArray) -> "array[int]":
    """Return a column of 64 bits without nulls as an array."""
    values = array("q")
    for chunk in column.chunks:
        values.frombytes(memoryview(chunk.buffers()[1])[8 * chunk.offset : 8 * (chunk.offset + len(chunk))])
    return values

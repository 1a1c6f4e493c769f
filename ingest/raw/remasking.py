"""Masking what was landed before, under other rules or none."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import duckdb
import pyarrow as pa

from ingest.raw import chunks, masking
from ingest.raw.batch import Batch
from ingest.raw.documents import ENTITIES, Entity
from ingest.raw.sql import keys_table, naive


def was_masked(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether what is landed was looked through for secrets when it was last loaded."""
    recorded = _noted_rules(connection)
    return recorded is not None and recorded[0] is not None


def mask_landed(
    connection: duckdb.DuckDBPyConnection, batch: Batch, rules: masking.Rules | None, now: datetime
) -> Iterator[tuple[Entity, int, Mapping[str, int]]]:
    """Mask what was landed under other rules, or under none; yield progress, chunk by chunk.

    Yields the entity, how many of its documents were written, and what was masked in them. What is
    landed was looked through by these rules when this ends: then they are noted, and until they
    change (or a load masks nothing) there is nothing to do here. Deleted documents are masked as
    well. A document that changes here belongs to the present batch.
    """
    version = None if rules is None else rules.version
    recorded = _noted_rules(connection)
    if batch.is_dry_run or (recorded is not None and recorded[0] == version):
        return
    if rules is not None:
        connection.execute("reset threads")
        for entity in ENTITIES:
            for chunk in _suspects(connection, entity, rules):
                yield entity, *_mask_chunk(connection, entity, chunk, rules, batch.id)
        connection.execute("set threads = 1")
    connection.execute("insert into raw.masking_rules values (?, ?, ?)", [batch.id, version, naive(now)])


def _noted_rules(connection: duckdb.DuckDBPyConnection) -> tuple[str | None] | None:
    """Return the version of the rules noted last (null: a load masked nothing), None where none is."""
    return connection.execute(
        "select rules_version from raw.masking_rules order by load_batch_id desc limit 1"
    ).fetchone()


def _suspects(
    connection: duckdb.DuckDBPyConnection, entity: Entity, rules: masking.Rules
) -> Iterator[list[tuple[str, str]]]:
    """Yield chunks of (source, document) that may hold secrets, each of bounded size."""
    is_found = " or ".join(["regexp_matches(searched, ?)"] * len(rules.unions))
    rows = connection.execute(
        f"""select source_id, document_id, size from (
            select source_id, document_id, strlen(payload) as size,
                case when contains(lower(payload), 'u001b[')
                    then regexp_replace(payload, ?, '', 'g') else payload end as searched
            from raw.{entity}
        ) where {is_found}""",
        [masking.COLOUR, *rules.unions],
    ).fetchall()
    chunk: list[tuple[str, str]] = []
    n_bytes = 0
    for source_id, document_id, size in rows:
        chunk.append((source_id, document_id))
        n_bytes += size
        if len(chunk) >= chunks.CHUNK_ROWS or n_bytes >= chunks.PIECE_BYTES:
            yield chunk
            chunk, n_bytes = [], 0
    if chunk:
        yield chunk


def _mask_chunk(
    connection: duckdb.DuckDBPyConnection,
    entity: Entity,
    keys: list[tuple[str, str]],
    rules: masking.Rules,
    batch_id: int,
) -> tuple[int, Mapping[str, int]]:
    """Mask landed documents in one transaction; return how many changed, and what was masked."""
    connection.register("keys", keys_table("source_id", keys))
    landed = connection.execute(
        f"""select source_id, document_id, payload
        from raw.{entity} semi join keys using (source_id, document_id)"""
    ).to_arrow_table()
    connection.unregister("keys")
    changed, masked = rules.mask_all(landed["payload"].combine_chunks())
    if changed:
        rows = landed.take(pa.array(changed.keys(), pa.int64()))
        payloads = pa.array(changed.values(), pa.string())
        connection.register("masked", rows.set_column(2, "payload", payloads))
        connection.execute(
            f"""update raw.{entity} as d set payload = masked.payload, load_batch_id = ? from masked
            where d.source_id = masked.source_id and d.document_id = masked.document_id""",
            [batch_id],
        )
        connection.unregister("masked")
    return len(changed), masked

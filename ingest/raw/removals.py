"""Texts that were removed from documents: in which batch, and up to when."""

from datetime import datetime

import duckdb
import pyarrow as pa

from ingest.raw.batch import Batch
from ingest.raw.documents import Entity
from ingest.raw.sql import naive


def begin_removal(connection: duckdb.DuckDBPyConnection, now: datetime) -> int:
    """Open a batch for the removal of texts and return its id."""
    return Batch(connection, now).begin()


def end_removal(
    connection: duckdb.DuckDBPyConnection, batch_id: int, ended_at: datetime, n_written: int
) -> None:
    """Close the batch of a removal with the number of documents that were changed."""
    connection.execute(
        """update raw.load_batches set status = 'completed', ended_at = ?, n_sources = 0,
            n_sources_failed = 0, n_scanned = 0, n_written = ?, n_unchanged = 0, n_deleted = 0,
            n_rejected = 0, n_resolved = 0, n_surrogates_replaced = 0 where load_batch_id = ?""",
        [naive(ended_at), n_written, batch_id],
    )


def record_removal(
    connection: duckdb.DuckDBPyConnection, older_than: datetime, removed_at: datetime, n_documents: int
) -> None:
    """Note up to when (UTC) the texts of documents are not to be here, whether or not there were any."""
    connection.execute(
        "insert into raw.text_removals values (?, ?, ?)",
        [naive(older_than), naive(removed_at), n_documents],
    )


def remove_texts(
    connection: duckdb.DuckDBPyConnection,
    entity: Entity,
    payloads: pa.Table,
    batch_id: int,
    now: datetime,
) -> None:
    """Replace payloads (source_id, document_id, payload) by those without text, in one transaction.

    Their hashes stay those of the documents as they were read: a later load finds these unchanged and
    does not bring the text back.
    """
    connection.register("stripped", payloads)
    connection.execute(
        f"""update raw.{entity} as landed
        set payload = stripped.payload, load_batch_id = ?, text_removed_at = ?
        from stripped
        where landed.source_id = stripped.source_id and landed.document_id = stripped.document_id""",
        [batch_id, naive(now)],
    )
    connection.unregister("stripped")

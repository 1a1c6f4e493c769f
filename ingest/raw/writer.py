"""Writing the documents of a source chunk by chunk, in a second thread."""

from collections import Counter, deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ingest.raw import chunks, masking
from ingest.raw.batch import Batch, Counts
from ingest.raw.chunks import Buffers, Chunk, Rows
from ingest.raw.documents import Document, Entity
from ingest.raw.schema import CATALOG
from ingest.raw.sql import naive

CHUNKS_IN_FLIGHT = 3
"""The last chunk of a row group takes DuckDB far longer than the others: meanwhile the next are read."""

CACHE_KEPT = "32MB"
"""What DuckDB keeps of written blocks: left alone, it keeps them until four fifths of the memory are full.

Not a limit of what it may use while it writes: where that is too low for a row group of large documents, a
checkpoint fails and with it the load.
"""

COMMITS_PER_EMPTYING = 4
"""A row group leaves some 5 MB of written blocks behind."""

_Landed: TypeAlias = tuple[str, datetime, bool, int | None]
"""Of a landed document: its hash, when it was first loaded, whether it is alive, its time (microseconds)."""


class Writer:
    """Writes chunks of documents and commits row groups. Documents of one source come after `begin`.

    Secrets in them are masked by the rules, if any. With a batch that is a dry run nothing is written.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        batch: Batch,
        now: datetime,
        rules: masking.Rules | None,
    ) -> None:
        self._batch = batch
        self._now = naive(now)
        self._rules = rules
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="landing")
        self._cursor = connection.cursor()
        self._cursor.execute(f"use {CATALOG}")
        row = connection.execute("select current_setting('memory_limit')").fetchone()
        self._memory_limit = row[0] if row else ""
        self._in_flight: deque[tuple[Future[tuple[int, int, Mapping[str, int]]], bytearray]] = deque()
        self._chunks: dict[Entity, Chunk] = {}
        self._buffers = Buffers()
        self._transaction: Counter[Entity] = Counter()
        self._n_bytes = 0
        """Documents that were sent to the open transaction, and their bytes: of the reading thread."""
        self._is_open = False
        """Whether there is one: of the writing thread."""
        self._n_commits = 0
        self._source_id = ""
        self._counts = Counts()

    def close(self, *, cancel: bool) -> None:
        """End the thread, after what it has to do or, with `cancel`, at once."""
        self._thread.shutdown(wait=True, cancel_futures=cancel)
        self._cursor.close()

    def begin(self, source_id: str, counts: Counts) -> None:
        """Name the source that the following documents come from; what is written is added to its counts."""
        self._source_id = source_id
        self._counts = counts
        self._chunks = {}

    def put(self, document: Document) -> None:
        """Take a document; a full chunk is committed in the background."""
        chunk = self._chunks.get(document.entity)
        if chunk is None or not chunk.add(document):
            if chunk is not None:
                self._send(chunk)
            buffer = self._buffers.take(len(document.payload))
            max_rows = chunks.CHUNK_ROWS - self._transaction[document.entity]
            chunk = self._chunks[document.entity] = Chunk(document.entity, buffer, max_rows)
            chunk.add(document)
        if chunk.is_full:
            self._send(self._chunks.pop(document.entity))

    def finish(self) -> None:
        """Commit the rest of the source."""
        for entity in list(self._chunks):
            self._send(self._chunks.pop(entity))
        while self._in_flight:
            self._collect()
        self._commit()
        self._transaction.clear()
        self._n_bytes = 0

    def _send(self, chunk: Chunk) -> None:
        rows = chunk.close()
        while len(self._in_flight) >= CHUNKS_IN_FLIGHT:
            self._collect()
        self._transaction[rows.entity] += len(rows.table)
        self._n_bytes += rows.n_bytes
        is_last = (
            self._transaction[rows.entity] >= chunks.CHUNK_ROWS or self._n_bytes >= chunks.TRANSACTION_BYTES
        )
        if is_last:
            self._transaction.clear()
            self._n_bytes = 0
        write = self._thread.submit(self._write, rows, self._source_id, is_last=is_last)
        self._in_flight.append((write, rows.buffer))

    def _collect(self) -> None:
        write, buffer = self._in_flight.popleft()
        written, unchanged, masked = write.result()
        self._buffers.give_back(buffer)  # not where writing failed: DuckDB may still hold its rows
        self._counts.written += written
        self._counts.unchanged += unchanged
        self._counts.add_masked(masked)

    def _write(self, rows: Rows, source_id: str, *, is_last: bool) -> tuple[int, int, Mapping[str, int]]:
        """Write a chunk, and commit if it is the last of its transaction.

        Returns how many documents were written, how many were unchanged, and how many secrets of which kinds
        were masked in those that were written. The hash stays that of the document as it is in the store: it
        says whether it has changed there.
        """
        table = f"raw.{rows.entity}"
        changed, touched = rows.table, rows.table.slice(0, 0)
        landed = self._landed(table, source_id, rows.known)
        if landed:
            changed, touched = _differing(rows.table, landed)
        n_unchanged = len(rows.table) - len(changed)
        changed, masked = _masked(changed, self._rules)
        if self._batch.is_dry_run:
            return len(changed), n_unchanged, masked
        cursor = self._cursor
        if not self._is_open:
            cursor.execute("begin")
            self._is_open = True
        if touched:
            cursor.register("chunk", touched)
            # loaded_at as well: it says since when the new time is one that settles the matter (see RACY);
            # and the batch, by which a build knows what is new: of two stores the newer document counts
            cursor.execute(
                f"""update {table} set origin_modified_at = make_timestamp(chunk.modified_us),
                    size_bytes = chunk.size_bytes, loaded_at = ?, load_batch_id = ?
                from chunk where {table}.document_id = chunk.document_id and {table}.source_id = ?""",
                [self._now, self._batch.id, source_id],
            )
        if changed:
            cursor.register("chunk", changed)
            if landed:
                cursor.execute(
                    f"""delete from {table}
                    where source_id = ? and document_id in (select document_id from chunk)""",
                    [source_id],
                )
            cursor.execute(
                f"""insert into {table} (source_id, document_id, session_id, message_id, payload,
                    payload_hash, origin, origin_modified_at, size_bytes, first_loaded_at, loaded_at,
                    load_batch_id)
                select ?, document_id, session_id, message_id, payload, payload_hash,
                    origin, make_timestamp(modified_us), size_bytes, coalesce(first_loaded_at, ?), ?, ?
                from chunk""",
                [source_id, self._now, self._now, self._batch.id],
            )
        if touched or changed:
            cursor.unregister("chunk")  # which holds its texts
        if is_last:
            self._commit()
        return len(changed), n_unchanged, masked

    def _commit(self) -> None:
        """End the transaction, if one is open."""
        if not self._is_open:
            return
        self._cursor.execute("commit")
        self._is_open = False
        self._n_commits += 1
        if self._n_commits % COMMITS_PER_EMPTYING == 0:
            self._empty_cache()

    def _empty_cache(self) -> None:
        """Let DuckDB give up the blocks that it keeps in memory although they are in the file."""
        with suppress(duckdb.OutOfMemoryException):  # what it cannot give up is in use
            self._cursor.execute(f"set memory_limit = '{CACHE_KEPT}'")
        self._cursor.execute(f"set memory_limit = '{self._memory_limit}'")  # `reset` leaves it as it is

    def _landed(self, table: str, source_id: str, ids: list[str]) -> dict[str, _Landed]:
        """Return hash, first load, whether it is alive, and time of those documents that are landed."""
        if not ids:
            return {}
        self._cursor.register("ids", pa.table({"document_id": pa.array(ids, pa.string())}))
        rows = self._cursor.execute(
            f"""select document_id, payload_hash, first_loaded_at, deleted_at is null,
                epoch_us(origin_modified_at)
            from {table} where source_id = ? and document_id in (select document_id from ids)""",
            [source_id],
        ).fetchall()
        return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}


def _differing(rows: pa.Table, landed: Mapping[str, _Landed]) -> tuple[pa.Table, pa.Table]:
    """Return the rows that are landed otherwise or not at all, and those whose time alone is another."""
    changed, touched, first_loaded = [], [], []
    columns = (rows[name].to_pylist() for name in ("document_id", "payload_hash", "modified_us"))
    for n, (document_id, payload_hash, modified_us) in enumerate(zip(*columns, strict=True)):
        before = landed.get(document_id)
        if before is None or before[0] != payload_hash or not before[2]:
            changed.append(n)
            first_loaded.append(None if before is None else before[1])
        elif before[3] != modified_us:
            touched.append(n)
    new = rows.take(pa.array(changed, pa.int64()))
    column = new.schema.get_field_index("first_loaded_at")
    new = new.set_column(column, "first_loaded_at", pa.array(first_loaded, pa.timestamp("us")))
    return new, rows.take(pa.array(touched, pa.int64()))


def _masked(rows: pa.Table, rules: masking.Rules | None) -> tuple[pa.Table, Mapping[str, int]]:
    """Return rows with the secrets in their payloads masked, and how many of each kind were."""
    if rules is None or not rows:
        return rows, {}
    origins = rules.mask_names(rows["origin"].combine_chunks())
    rows = rows.set_column(rows.schema.get_field_index("origin"), "origin", origins)
    column = rows["payload"]
    payloads = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()  # which copies
    changed, masked = rules.mask_all(payloads)
    if changed:
        is_changed = pa.array([position in changed for position in range(len(payloads))])
        payloads = pc.replace_with_mask(payloads, is_changed, pa.array(changed.values(), pa.string()))
        rows = rows.set_column(rows.schema.get_field_index("payload"), "payload", payloads)
    return rows, masked

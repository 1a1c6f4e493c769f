"""Removing old text from the warehouse: what was said goes, every figure stays."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import duckdb
import orjson
import pyarrow as pa

from ingest import human
from ingest.raw.chunks import CHUNK_ROWS
from ingest.raw.documents import ENTITIES, Entity
from ingest.raw.json_text import canonical
from ingest.raw.removals import begin_removal, end_removal, record_removal, remove_texts
from ingest.warehouse import NothingLoadedError, open_warehouse
from opencode_warehouse.keep import backup
from opencode_warehouse.keep.copies import Progress
from opencode_warehouse.keep.releases import releases
from opencode_warehouse.keep.text_stripping import without_text

_CHANGED = "coalesce(origin_modified_at, first_loaded_at)"
_NOTED_MS = {
    "projects": "null",
    "sessions": "coalesce(payload ->> '$.time.updated', payload ->> '$.time.created')",
    "todos": "(select max(payload ->> '$.time.updated') from raw.sessions as of where of.source_id = "
    "old.source_id and of.document_id = old.document_id)",
    "messages": "payload ->> '$.time.created'",
    "session_messages": "payload ->> '$.time.created'",
    "parts": "coalesce(payload ->> '$.time.start', payload ->> '$.state.time.start', "
    "payload ->> '$.time.created', (select max(payload ->> '$.time.created') from raw.messages as of "
    "where of.source_id = old.source_id and of.document_id = old.message_id))",
}
_NOTED_MS["session_diffs"] = _NOTED_MS["todos"]
_PAST = """
    select source_id, document_id from raw.{entity} as old
    where text_removed_at is null
        and least(
            {changed},
            coalesce(make_timestamp(try_cast({noted_ms} as bigint) * 1000), {changed})
        ) < ?
"""
_REMOVED = "select source_id, document_id from raw.{entity} where text_removed_at is not null"
_STILL = """
    select source_id, document_id from raw.{entity}
    where text_removed_at is null
        and (source_id, document_id) in (select (source_id, document_id) from wanted)
"""
_CHUNK = """
    select source_id, document_id, payload from raw.{entity}
    where (source_id, document_id) in (select (source_id, document_id) from chunk)
"""


Ids: TypeAlias = Mapping[Entity, pa.Table]
"""Of each entity the documents that are meant: source_id, document_id."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed: documents looked at and changed, bytes of their JSON, and the batch of it."""

    batch_id: int | None
    n_documents: int
    n_changed: int
    payload_bytes_before: int
    payload_bytes_after: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, or would be: documents looked at and changed, and bytes of their JSON."""

    is_dry_run: bool
    older_than: datetime
    batch_id: int | None
    n_documents: int
    n_changed: int
    payload_bytes_before: int
    payload_bytes_after: int
    warehouse_bytes_before: int
    warehouse_bytes_after: int
    n_releases: int
    n_backups: int

    def as_json(self) -> dict[str, object]:
        """Return it in JSON types."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "older_than": self.older_than.isoformat()
        }


def prune(
    warehouse: Path,
    days: int,
    *,
    dry_run: bool = False,
    progress: Progress = lambda step: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Pruned:
    """Remove the texts of documents that were written, or changed last, more than so many days ago.

    Each chunk is committed on its own: after a kill, the next call goes on. Releases and backups keep
    what they hold. Raises IngestError where there is no warehouse, or it is in use.
    """
    if not warehouse.is_file():
        raise NothingLoadedError(f"There is no warehouse at {warehouse} yet. Load first: `make run`.")
    now = clock()
    limit = now - timedelta(days=days)
    before = warehouse.stat().st_size
    with open_warehouse(warehouse, read_only=dry_run) as connection:
        found = remove(connection, past(connection, limit), now, dry_run=dry_run, progress=progress)
        if not dry_run:
            record_removal(connection, limit, now, found.n_documents)
        if found.batch_id is not None:
            connection.execute("checkpoint")
    return Pruned(
        is_dry_run=dry_run,
        older_than=limit,
        batch_id=found.batch_id,
        n_documents=found.n_documents,
        n_changed=found.n_changed,
        payload_bytes_before=found.payload_bytes_before,
        payload_bytes_after=found.payload_bytes_after,
        warehouse_bytes_before=before,
        warehouse_bytes_after=warehouse.stat().st_size,
        n_releases=len(releases(warehouse)),
        n_backups=len(list((warehouse.parent / backup.FOLDER).glob(f"*/{warehouse.name}"))),
    )


def remove(
    connection: duckdb.DuckDBPyConnection,
    old: Ids,
    now: datetime,
    *,
    dry_run: bool = False,
    progress: Progress = lambda step: None,
) -> Removed:
    """Remove the texts of these documents, in a batch of its own where there are any."""
    n_all = sum(ids.num_rows for ids in old.values())
    batch_id = begin_removal(connection, now) if n_all and not dry_run else None
    n_documents = n_changed = bytes_before = bytes_after = 0
    for entity, ids in old.items():
        for chunk, payloads in _chunks(connection, entity, ids):
            stripped = [_strip(entity, payload) for payload in payloads]
            n_documents += len(payloads)
            n_changed += sum(map(str.__ne__, payloads, stripped))
            bytes_before += sum(len(payload.encode()) for payload in payloads)
            bytes_after += sum(len(payload.encode()) for payload in stripped)
            if batch_id is not None:
                table = chunk.set_column(2, "payload", pa.array(stripped, pa.string()))
                remove_texts(connection, entity, table, batch_id, now)
            progress(f"removing texts: {n_documents:,} of {n_all:,} documents")
    if batch_id is not None:
        end_removal(connection, batch_id, now, n_changed)
    return Removed(batch_id, n_documents, n_changed, bytes_before, bytes_after)


def past(connection: duckdb.DuckDBPyConnection, limit: datetime) -> Ids:
    """Return the ids of documents from before the limit (UTC) that still have text."""
    return {
        entity: connection.execute(
            _PAST.format(entity=entity, changed=_CHANGED, noted_ms=_NOTED_MS[entity]),
            [limit.replace(tzinfo=None)],
        ).to_arrow_table()
        for entity in ENTITIES
    }


def removed_ids(connection: duckdb.DuckDBPyConnection) -> Ids:
    """Return the ids of documents whose text was removed."""
    return {
        entity: connection.execute(_REMOVED.format(entity=entity)).to_arrow_table() for entity in ENTITIES
    }


def with_text(connection: duckdb.DuckDBPyConnection, wanted: Ids, limit: datetime | None) -> Ids:
    """Return which of these documents still have text here, and all from before the limit that do."""
    found = {}
    for entity, ids in wanted.items():
        connection.register("wanted", ids)
        found[entity] = connection.execute(_STILL.format(entity=entity)).to_arrow_table()
        connection.unregister("wanted")
    old = {} if limit is None else past(connection, limit)
    return {
        entity: pa.concat_tables([ids, old[entity]]).group_by(ids.column_names).aggregate([]) if old else ids
        for entity, ids in found.items()
    }


def describe(pruned: Pruned) -> str:
    """Return what was done as lines for a person."""
    would = "would be " if pruned.is_dry_run else ""
    since = human.when(pruned.older_than)
    if not pruned.n_documents:
        return f"No text is older than {since}."
    lines = [
        f"The texts of {human.count(pruned.n_changed, 'document')} from before {since} {would}removed: "
        f"{human.size(pruned.payload_bytes_before)} of JSON {'would be' if would else 'became'} "
        f"{human.size(pruned.payload_bytes_after)}.",
    ]
    if not pruned.is_dry_run:
        lines.append(
            f"The warehouse file has {human.size(pruned.warehouse_bytes_after)} (before: "
            f"{human.size(pruned.warehouse_bytes_before)}). The tables still hold the texts until they are "
            "built anew. Next: make run"
        )
    if pruned.n_releases or pruned.n_backups:
        lines.append(
            f"{human.count(pruned.n_releases, 'release')} and {human.count(pruned.n_backups, 'backup')} keep "
            "the texts that they hold until they are removed."
        )
    return "\n".join(lines)


def _chunks(
    connection: duckdb.DuckDBPyConnection, entity: Entity, ids: pa.Table
) -> Iterator[tuple[pa.Table, list[str]]]:
    """Yield documents (source_id, document_id, payload), at most CHUNK_ROWS at once, and their payloads."""
    for offset in range(0, ids.num_rows, CHUNK_ROWS):
        connection.register("chunk", ids.slice(offset, CHUNK_ROWS))
        table = connection.execute(_CHUNK.format(entity=entity)).to_arrow_table()
        connection.unregister("chunk")
        yield table, table.column("payload").to_pylist()


def _strip(entity: Entity, payload: str) -> str:
    return canonical(without_text(entity, orjson.loads(payload)))[0].decode()

"""What cannot be landed: the rejections of one source, and how they are resolved."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import duckdb
import pyarrow as pa

from ingest.raw import masking
from ingest.raw.batch import Batch
from ingest.raw.documents import ENTITIES, Document, Entity, Rejection
from ingest.raw.sql import keys_table, naive


class Rejections:
    """The rejections of one source in one load: those that are open there, and those that are met now."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        source_id: str,
        rules: masking.Rules | None,
    ) -> None:
        self._connection = connection
        self._source_id = source_id
        self._rules = rules
        self._rejections: list[Rejection] = []
        self._open: set[tuple[str, str | None]] = set(
            connection.execute(
                """select entity, document_id from raw.rejected_documents
                where source_id = ? and resolved_at is null""",
                [source_id],
            ).fetchall()
        )
        self._mended: set[tuple[str, str | None]] = set()

    def add(self, rejection: Rejection) -> None:
        """Take a rejection that was met; secrets in it are masked."""
        self._rejections.append(_masked_rejection(rejection, self._rules))

    def note_readable(self, document: Document) -> None:
        """Note that a document can be read, in case it was rejected before."""
        if self._open and (document.entity, document.document_id) in self._open:
            self._mended.add((document.entity, document.document_id))

    def not_behind_links(self, entity: Entity, ids: Sequence[str]) -> Sequence[str]:
        """Return those of these vanished documents that were not landed from a folder that is rejected now.

        Of what it holds nothing is known.
        """
        folders = [r.origin + "/" for r in self._rejections if r.document_id is None and r.entity == entity]
        if not (folders and ids):
            return ids
        rows = self._connection.execute(
            f"""select document_id from raw.{entity}
            where source_id = $source and document_id in (select unnest($ids))
                and not list_bool_or([starts_with(origin, folder) for folder in $folders])""",
            {"source": self._source_id, "ids": list(ids), "folders": folders},
        )
        return [row[0] for row in rows.fetchall()]

    def settle(self, batch: Batch, now: datetime, *, is_complete: bool) -> int:
        """Record what was rejected now and resolve what is landed or gone; return how many were resolved."""
        if not (self._open or self._rejections):
            return 0
        connection, source_id, at = self._connection, self._source_id, naive(now)
        # Rows without an id share their place, as do those that stand more than twice: one record is enough.
        found = {(one.entity, one.origin, one.document_id): one for one in self._rejections}
        connection.register("rejections", _as_table([*found.values()]))
        same = """r.source_id = ? and r.resolved_at is null and r.entity = n.entity
            and r.origin = n.origin and r.document_id is not distinct from n.document_id"""
        connection.execute(
            f"""update raw.rejected_documents as r set last_seen_at = ?, load_batch_id = ?,
                reason = n.reason, detail = n.detail, position = n.position, size_bytes = n.size_bytes,
                origin_modified_at = make_timestamp(n.modified_us)
            from rejections as n where {same}""",
            [at, batch.id, source_id],
        )
        connection.execute(
            f"""insert into raw.rejected_documents
            select ?, entity, origin, document_id, reason, detail, position, size_bytes,
                make_timestamp(modified_us), ?, ?, ?, null, null
            from rejections as n where not exists (from raw.rejected_documents as r where {same})""",
            [source_id, at, at, batch.id, source_id],
        )
        # Whoever looked at a part of the source knows only what it met to be mended.
        connection.register("mended", keys_table("entity", self._mended))
        landed = " union all ".join(
            f"""select '{entity}' as entity, document_id from raw.{entity}
            where source_id = $source and deleted_at is null and $complete"""
            for entity in ENTITIES
        )
        resolved = connection.execute(
            f"""with landed as ({landed} union all select entity, document_id from mended)
            update raw.rejected_documents as r set resolved_at = $now, resolution = case
                when entity = 'exports' or (entity, document_id) in (select (entity, document_id) from landed)
                then 'landed' else 'vanished' end
            where source_id = $source and resolved_at is null
                and not exists (from rejections as n where n.entity = r.entity and n.origin = r.origin
                    and n.document_id is not distinct from r.document_id)
                and ($complete or (entity, document_id) in (select (entity, document_id) from mended))
            returning 1""",
            {"source": source_id, "now": at, "complete": is_complete},
        ).fetchall()
        connection.unregister("mended")
        connection.unregister("rejections")
        return len(resolved)


def _masked_rejection(rejection: Rejection, rules: masking.Rules | None) -> Rejection:
    """Return a rejection with the secrets in its file's name, its id and its detail masked."""
    if rules is None:
        return rejection
    document_id = rejection.document_id
    return replace(
        rejection,
        origin=rules.mask_name(rejection.origin),
        document_id=None if document_id is None else rules.mask_name(document_id),
        detail=rules.mask_text(rejection.detail)[0],
    )


def _as_table(rejections: Sequence[Rejection]) -> pa.Table:
    return pa.table(
        {
            "entity": pa.array([r.entity for r in rejections], pa.string()),
            "origin": pa.array([r.origin for r in rejections], pa.string()),
            "document_id": pa.array([r.document_id for r in rejections], pa.string()),
            "reason": pa.array([r.reason for r in rejections], pa.string()),
            "detail": pa.array([r.detail for r in rejections], pa.string()),
            "position": pa.array([r.position for r in rejections], pa.int64()),
            "size_bytes": pa.array([r.size_bytes for r in rejections], pa.int64()),
            "modified_us": pa.array([r.modified_us for r in rejections], pa.int64()),
        }
    )

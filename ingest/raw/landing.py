"""One load into one warehouse: documents, rejections and deletions of one source after the other."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType

import duckdb
import pyarrow as pa

from ingest.raw import landed, masking
from ingest.raw.batch import Batch, Counts
from ingest.raw.documents import Document, Entity, Rejection, SourceKey, reject
from ingest.raw.json_text import UnreadableError
from ingest.raw.known import Known
from ingest.raw.rejections import Rejections
from ingest.raw.sql import naive
from ingest.raw.writer import Writer

_OWN_ID = re.compile(r"(?:ses|msg|prt)_[0-9a-f]{12}[0-9A-Za-z]{14}|[0-9a-f]{40}|global").fullmatch
"""How OpenCode's own ids look: these hold no secret, and most are spared a search."""


class Landing:
    """One load into one warehouse: writes chunk by chunk, in a second thread, and commits row groups.

    A killed load leaves its batch `running` and whole row groups; the next load lands what is missing,
    because it compares what is landed with what the sources hold. With `dry_run` nothing is written.
    Secrets in documents are masked, unless `mask` is false.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        now: datetime,
        *,
        dry_run: bool = False,
        mask: bool = True,
    ) -> None:
        self._connection = connection
        self._now = naive(now)
        self.rules = masking.default_rules() if mask else None
        self.batch = Batch(connection, now, dry_run=dry_run)
        self._writer = Writer(connection, self.batch, now, self.rules)
        # A second thread of DuckDB gains a chunk nothing: the first one asks it all the time how far it is.
        # Nor are texts to be written to a temporary file.
        self._connection.execute("set threads = 1; set max_temp_directory_size = '0KB'")
        self._source: SourceKey | None = None
        self._rejections: Rejections | None = None
        self._counts = Counts()

    def __enter__(self) -> "Landing":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close(cancel=error is not None)
        if error is None:
            self._connection.execute("reset threads; reset max_temp_directory_size")

    @property
    def counts(self) -> Counts:
        """The counts of the present source so far; those of the chunks in flight are not in it."""
        return self._counts

    def begin_source(self, source: SourceKey) -> None:
        """Name the source that the following documents come from.

        It is recorded at once: should the load be killed, its documents are not without a source.
        """
        self._source = source
        self._counts = Counts()
        self._rejections = Rejections(self._connection, source.source_id, self.rules)
        self._writer.begin(source.source_id, self._counts)
        if not self.batch.is_dry_run and landed.recorded(self._connection, source) is None:
            self._record(
                source,
                status="incomplete",
                message="The load was interrupted. Load again.",
                schema_version=None,
                first_loaded_at=self._now,
            )

    def known(
        self, source: SourceKey, schema_version: str | None, *, rehash: bool = False
    ) -> dict[Entity, Known]:
        """Return what is landed of a source: see landed.known."""
        return landed.known(self._connection, source, schema_version, rehash=rehash)

    def count_unchanged(self, n: int) -> None:
        """Count documents that their reader found unchanged."""
        self._counts.scanned += n
        self._counts.unchanged += n

    def put(self, document: Document | Rejection) -> None:
        """Take one document or rejection; a full chunk is committed in the background."""
        _, rejections = self._current
        self._counts.scanned += 1
        if not isinstance(document, Rejection) and self.rules is not None:
            document = _without_secret_id(document, self.rules)
        if isinstance(document, Rejection):
            self._counts.rejected += 1
            rejections.add(document)
            return
        self._counts.surrogates_replaced += document.n_surrogates
        rejections.note_readable(document)
        self._writer.put(document)

    def end_source(
        self,
        vanished: Mapping[Entity, Sequence[str]],
        schema_version: str | None,
        status: str,
        message: str | None,
        *,
        is_complete: bool = True,
    ) -> Counts:
        """Commit the rest of a source, its deletions and rejections; return its counts.

        `is_complete` says that all of the source was looked at, `status` whether that went well.
        """
        source, rejections = self._current
        self._writer.finish()
        counts = self._counts
        vanished = {entity: rejections.not_behind_links(entity, ids) for entity, ids in vanished.items()}
        counts.deleted = sum(len(ids) for ids in vanished.values())
        if self.batch.is_dry_run:
            return counts
        connection = self._connection
        connection.execute("begin")
        for entity, ids in vanished.items():
            if ids:
                connection.register("vanished", pa.table({"document_id": pa.array(ids, pa.string())}))
                connection.execute(
                    f"""update raw.{entity} set deleted_at = ?, load_batch_id = ?
                    where source_id = ? and document_id in (select document_id from vanished)""",
                    [self._now, self.batch.id, source.source_id],
                )
                connection.unregister("vanished")
        is_complete = is_complete and status == "ok"
        counts.resolved = rejections.settle(self.batch, self._now, is_complete=is_complete)
        first_loaded_at, before = landed.recorded(self._connection, source) or (self._now, None)
        if not is_complete:  # what was not read under the new schema is still to be read again
            schema_version = before
        self._record(
            source,
            status=status,
            message=message,
            schema_version=schema_version,
            first_loaded_at=first_loaded_at,
        )
        connection.execute("commit")
        return counts

    def _record(
        self,
        source: SourceKey,
        *,
        status: str,
        message: str | None,
        schema_version: str | None,
        first_loaded_at: datetime,
    ) -> None:
        self._connection.execute("delete from raw.sources where source_id = ?", [source.source_id])
        self._connection.execute(
            """insert into raw.sources by name
            select $source_id as source_id, $machine as machine, $kind as kind, $root as root,
                $is_sample as is_sample, $schema_version as schema_version, $status as status,
                $message as message, $first_loaded_at as first_loaded_at, $now as last_loaded_at,
                $batch_id as last_load_batch_id""",
            {
                "source_id": source.source_id,
                "machine": source.machine,
                "kind": source.kind,
                "root": source.root.as_posix(),
                "is_sample": source.is_sample,
                "schema_version": schema_version,
                "status": status,
                "message": message,
                "first_loaded_at": first_loaded_at,
                "now": self._now,
                "batch_id": self.batch.id,
            },
        )

    @property
    def _current(self) -> tuple[SourceKey, Rejections]:
        if self._source is None or self._rejections is None:
            raise RuntimeError("begin_source() comes first")
        return self._source, self._rejections


def _without_secret_id(document: Document, rules: masking.Rules) -> Document | Rejection:
    """Return a document; a Rejection where one of the ids that it is landed under is a secret.

    OpenCode's own ids never are.
    """
    ids = (document.document_id, document.session_id, document.message_id)
    if not any(one is not None and not _OWN_ID(one) and rules.mask_name(one) != one for one in ids):
        return document
    error = UnreadableError("secret_id", "give the document another id, or load with --no-mask")
    return reject(
        document.entity,
        document.document_id,
        document.origin,
        error,
        document.size_bytes,
        document.modified_us,
    )

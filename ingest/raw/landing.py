"""The only module that writes `raw.*`."""

import re
from array import array
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ingest import __version__
from ingest.artifacts import NodeResult, Run
from ingest.raw import chunks, masking
from ingest.raw.chunks import Buffers, Chunk, Rows
from ingest.raw.documents import ENTITIES, Document, Entity, Rejection, Source, reject
from ingest.raw.json_text import UnreadableError
from ingest.raw.known import Known
from ingest.sync_state import Transition

CATALOG = "opencode"
"""The stem of every warehouse file: views keep the catalog's name."""

STORAGE = f"row_group_size {chunks.CHUNK_ROWS}, storage_version 'v1.2.0'"
"""Small row groups because a row holds 10 KB of text; the oldest format that compresses it well."""

COMPRESSION = {"zstd_min_string_length": "24", "disabled_compression_methods": "fsst"}
"""Zstandard also for texts shorter than 4 KB, ids among them, which DuckDB would leave far larger; and never
FSST, whose trial takes most of the time of writing a column of ids. dbt writes with the same: its plugin
attaches the warehouse first (see dbt_turn)."""

CHUNKS_IN_FLIGHT = 3
"""The last chunk of a row group takes DuckDB far longer than the others: meanwhile the next are read."""

CACHE_KEPT = "32MB"
"""What DuckDB keeps of written blocks: left alone, it keeps them until four fifths of the memory are full.

Not a limit of what it may use while it writes: where that is too low for a row group of large documents, a
checkpoint fails and with it the load.
"""

COMMITS_PER_EMPTYING = 4
"""A row group leaves some 5 MB of written blocks behind."""

RESULTS_KEPT = timedelta(days=90)
"""Results of dbt that are older are dropped: a watched store is built many times a day."""

RACY = timedelta(seconds=2)
"""A file changed this shortly before it was read may change again without a newer time: read it again."""

_DOCUMENT_COLUMNS = """
    source_id varchar not null,
    document_id varchar not null,
    session_id varchar,
    message_id varchar,
    payload varchar not null,
    payload_hash varchar not null,
    origin varchar not null,
    origin_modified_at timestamp,
    size_bytes bigint not null,
    first_loaded_at timestamp not null,
    loaded_at timestamp not null,
    load_batch_id bigint not null,
    deleted_at timestamp
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        *(f"create table if not exists raw.{entity} ({_DOCUMENT_COLUMNS})" for entity in ENTITIES),
        """create table if not exists raw.sources (
            source_id varchar not null, machine varchar not null, kind varchar not null,
            root varchar not null, is_sample boolean not null, schema_version varchar,
            status varchar not null, message varchar, first_loaded_at timestamp not null,
            last_loaded_at timestamp not null, last_load_batch_id bigint not null)""",
        """create table if not exists raw.load_batches (
            load_batch_id bigint not null, status varchar not null, loader_version varchar not null,
            started_at timestamp not null, ended_at timestamp, n_sources bigint, n_sources_failed bigint,
            n_scanned bigint, n_written bigint, n_unchanged bigint, n_deleted bigint, n_rejected bigint,
            n_resolved bigint, n_surrogates_replaced bigint, n_secrets_masked bigint)""",
        """create table if not exists raw.rejected_documents (
            source_id varchar not null, entity varchar not null, origin varchar not null, document_id varchar,
            reason varchar not null, detail varchar not null, position bigint, size_bytes bigint,
            origin_modified_at timestamp, first_seen_at timestamp not null, last_seen_at timestamp not null,
            load_batch_id bigint not null, resolved_at timestamp, resolution varchar)""",
        """create table if not exists raw.sync_state (
            load_batch_id bigint not null, phase varchar not null, entered_at timestamp not null)""",
    ),
    (  # what the health checks need to know and SQL cannot see, and what has been told to whom
        """create table if not exists raw.query_timings (
            measured_at timestamp not null, query_name varchar not null, n_runs bigint not null,
            median_ms double not null, p95_ms double not null, n_rows bigint not null,
            uses_index boolean)""",
        """create table if not exists raw.storage_measurements (
            measured_at timestamp not null, warehouse_bytes bigint not null,
            disk_total_bytes bigint not null, disk_free_bytes bigint not null)""",
        """create table if not exists raw.backups (
            made_at timestamp not null, path varchar not null, size_bytes bigint not null,
            sha256 varchar not null, n_documents bigint not null)""",
        """create table if not exists raw.alerts (
            check_id varchar not null, channel varchar not null, event varchar not null,
            status varchar not null, since timestamp not null, sent_at timestamp not null)""",
    ),
    (  # what dbt did to this warehouse, out of the artifacts that it overwrites at its next run
        """create table if not exists raw.dbt_invocations (
            invocation_id varchar not null, command varchar not null, dbt_version varchar not null,
            project_name varchar not null, target_name varchar, selection varchar,
            started_at timestamp not null, ended_at timestamp not null, elapsed_ms bigint not null,
            is_full_refresh boolean not null, landed_at timestamp not null)""",
        """create table if not exists raw.dbt_results (
            invocation_id varchar not null, unique_id varchar not null, resource_type varchar not null,
            name varchar not null, status varchar not null, started_at timestamp, ended_at timestamp,
            execution_ms bigint not null, n_failures bigint, message varchar, max_loaded_at timestamp,
            age_ms bigint)""",
    ),
    (  # how far the load was when a phase began
        "alter table raw.sync_state add column if not exists n_scanned bigint",
    ),
    (  # since when a document is here without its text
        *(
            f"alter table raw.{entity} add column if not exists text_removed_at timestamp"
            for entity in ENTITIES
        ),
    ),
    (  # secrets are masked: how many of which kind, and by which rules all that is landed was looked through
        "alter table raw.load_batches add column if not exists secrets_masked_by_kind varchar",
        """create table if not exists raw.masking_rules (
            load_batch_id bigint not null, rules_version varchar, applied_at timestamp not null)""",
    ),
    (  # the slowest of a hundred
        "alter table raw.query_timings add column if not exists p99_ms double",
    ),
    (  # up to when texts were removed: a backup from before that still has them
        """create table if not exists raw.text_removals (
            older_than timestamp not null, removed_at timestamp not null, n_documents bigint not null)""",
    ),
)
"""Every change of the raw schema, in order; each is applied once and can be repeated without harm."""

_OWN_ID = re.compile(r"(?:ses|msg|prt)_[0-9a-f]{12}[0-9A-Za-z]{14}|[0-9a-f]{40}|global").fullmatch
"""How OpenCode's own ids look: these hold no secret, and most are spared a search."""

_RESULT_SCHEMA = pa.schema(
    [
        ("unique_id", pa.string()),
        ("resource_type", pa.string()),
        ("name", pa.string()),
        ("status", pa.string()),
        ("started_at", pa.timestamp("us")),
        ("ended_at", pa.timestamp("us")),
        ("execution_ms", pa.int64()),
        ("n_failures", pa.int64()),
        ("message", pa.string()),
        ("max_loaded_at", pa.timestamp("us")),
        ("age_ms", pa.int64()),
    ]
)


@dataclass(slots=True)
class Counts:
    """Documents of one source in one load."""

    scanned: int = 0
    written: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    resolved: int = 0
    surrogates_replaced: int = 0
    secrets_masked: dict[str, int] = field(default_factory=dict)
    """Secrets that were masked, by kind."""

    def add(self, other: "Counts") -> None:
        """Add the counts of another source to these."""
        for name in self.__slots__:
            if name != "secrets_masked":
                setattr(self, name, getattr(self, name) + getattr(other, name))
        self.add_masked(other.secrets_masked)

    def add_masked(self, masked: Mapping[str, int]) -> None:
        """Add secrets that were masked, by kind."""
        for kind, n in masked.items():
            self.secrets_masked[kind] = self.secrets_masked.get(kind, 0) + n


_Landed: TypeAlias = tuple[str, datetime, bool, int | None]
"""Of a landed document: its hash, when it was first loaded, whether it is alive, its time (microseconds)."""


def attach(connection: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool = False) -> None:
    """Attach a warehouse file as the catalog `opencode`.

    Raises duckdb.IOException where another process holds the file, or it is not there to be read.
    """
    quoted = str(path).replace("'", "''")  # neither SET nor ATTACH takes a bound parameter
    # What memory cannot hold is as private as the warehouse, and must not lie where somebody happens to work.
    connection.execute(f"set temp_directory = '{quoted}.tmp'")
    options = "read_only" if read_only else STORAGE
    connection.execute(f"attach '{quoted}' as {CATALOG} ({options})")


def use(connection: duckdb.DuckDBPyConnection) -> None:
    """Make an attached warehouse the current catalog, in UTC, and let it be written as small as it can be."""
    for name, value in COMPRESSION.items():
        connection.execute(f"set {name} = '{value}'")
    connection.execute(f"use {CATALOG}")
    connection.execute("set timezone = 'UTC'")


def raw_version(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the version of the raw schema of an attached warehouse, 0 where it has none."""
    tables = "select count(*) from duckdb_tables() where database_name = ? and schema_name = 'raw'"
    if not _one(connection, f"{tables} and table_name = 'schema_migrations'", [CATALOG]):
        return 0
    return _one(connection, f"select coalesce(max(version), 0) from {CATALOG}.raw.schema_migrations")


def ensure_raw(connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Bring the raw schema of an attached warehouse to the newest version; does nothing where it is."""
    applied = raw_version(connection)
    if applied < len(MIGRATIONS):
        migrate(connection, applied, len(MIGRATIONS), now)


def migrate(connection: duckdb.DuckDBPyConnection, applied: int, wanted: int, now: datetime) -> None:
    """Apply the changes of the raw schema from one version to another, each in a transaction of its own."""
    connection.execute("create schema if not exists raw")
    connection.execute(
        """create table if not exists raw.schema_migrations (
            version bigint not null, applied_at timestamp not null)"""
    )
    for version in range(max(applied, 0) + 1, wanted + 1):
        connection.execute("begin")
        for statement in MIGRATIONS[version - 1]:
            connection.execute(statement)
        connection.execute("insert into raw.schema_migrations values (?, ?)", [version, _naive(now)])
        connection.execute("commit")


def record_query_timings(
    connection: duckdb.DuckDBPyConnection, measured_at: datetime, timings: Sequence[Mapping[str, object]]
) -> None:
    """Land one timing of each reference query; keys as the columns of raw.query_timings."""
    connection.executemany(
        """insert into raw.query_timings by name
        select $measured_at as measured_at, $query_name as query_name, $n_runs as n_runs,
            $median_ms as median_ms, $p95_ms as p95_ms, $p99_ms as p99_ms, $n_rows as n_rows,
            $uses_index as uses_index""",
        [{"measured_at": _naive(measured_at), **timing} for timing in timings],
    )


def record_storage(
    connection: duckdb.DuckDBPyConnection, measured_at: datetime, measured: Mapping[str, int]
) -> None:
    """Land one measurement of the warehouse file and its disk, in bytes."""
    connection.execute(
        """insert into raw.storage_measurements values
        ($measured_at, $warehouse_bytes, $disk_total_bytes, $disk_free_bytes)""",
        {"measured_at": _naive(measured_at), **measured},
    )


def record_backup(
    connection: duckdb.DuckDBPyConnection, made_at: datetime, backup: Mapping[str, object]
) -> None:
    """Note a backup that was made and verified; keys as the columns of raw.backups."""
    connection.execute(
        "insert into raw.backups values ($made_at, $path, $size_bytes, $sha256, $n_documents)",
        {**backup, "made_at": _naive(made_at)},
    )


def record_alerts(
    connection: duckdb.DuckDBPyConnection, sent: Sequence[tuple[str, str, str, str, datetime, datetime]]
) -> None:
    """Land what was told: check, channel, event, status, since, sent_at (both UTC without a zone)."""
    connection.executemany("insert into raw.alerts values (?, ?, ?, ?, ?, ?)", sent)


def begin_removal(connection: duckdb.DuckDBPyConnection, now: datetime) -> int:
    """Open a batch for the removal of texts and return its id."""
    with Landing(connection, now) as landing:
        return landing.begin_batch()


def end_removal(
    connection: duckdb.DuckDBPyConnection, batch_id: int, ended_at: datetime, n_written: int
) -> None:
    """Close the batch of a removal with the number of documents that were changed."""
    connection.execute(
        """update raw.load_batches set status = 'completed', ended_at = ?, n_sources = 0,
            n_sources_failed = 0, n_scanned = 0, n_written = ?, n_unchanged = 0, n_deleted = 0,
            n_rejected = 0, n_resolved = 0, n_surrogates_replaced = 0 where load_batch_id = ?""",
        [_naive(ended_at), n_written, batch_id],
    )


def record_removal(
    connection: duckdb.DuckDBPyConnection, older_than: datetime, removed_at: datetime, n_documents: int
) -> None:
    """Note up to when (UTC) the texts of documents are not to be here, whether or not there were any."""
    connection.execute(
        "insert into raw.text_removals values (?, ?, ?)",
        [_naive(older_than), _naive(removed_at), n_documents],
    )


def carry_over(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Add to a raw table those rows of another warehouse's that it lacks."""
    connection.register("kept", rows)
    connection.execute(f"insert into raw.{table} select * from kept except all select * from raw.{table}")
    connection.unregister("kept")


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
        [batch_id, _naive(now)],
    )
    connection.unregister("stripped")


def land_run(connection: duckdb.DuckDBPyConnection, run: Run, now: datetime) -> bool:
    """Land a run of dbt with its results and say whether it is new; one that is landed changes nothing."""
    if _one(
        connection, "select count(*) from raw.dbt_invocations where invocation_id = ?", [run.invocation_id]
    ):
        return False
    connection.execute("begin")
    try:
        connection.execute(
            "insert into raw.dbt_invocations values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                run.invocation_id,
                run.command,
                run.dbt_version,
                run.project_name,
                run.target_name,
                run.selection,
                _naive(run.started_at),
                _naive(run.ended_at),
                run.elapsed_ms,
                run.is_full_refresh,
                _naive(now),
            ],
        )
        connection.register("results", _results_arrow(run.results))
        connection.execute(
            """insert into raw.dbt_results select ?, unique_id, resource_type, name, status, started_at,
                ended_at, execution_ms, n_failures, message, max_loaded_at, age_ms from results""",
            [run.invocation_id],
        )
        connection.unregister("results")
        connection.execute(
            """delete from raw.dbt_results where invocation_id in (
                select invocation_id from raw.dbt_invocations
                where started_at < (select max(started_at) from raw.dbt_invocations) - ?::interval)""",
            [RESULTS_KEPT],
        )
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
    return True


def _results_arrow(results: Sequence[NodeResult]) -> pa.Table:
    columns = {field.name: [getattr(result, field.name) for result in results] for field in _RESULT_SCHEMA}
    for name in ("started_at", "ended_at", "max_loaded_at"):
        columns[name] = [None if time is None else _naive(time) for time in columns[name]]
    return pa.table(columns, schema=_RESULT_SCHEMA)


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
        self._now = _naive(now)
        self._dry_run = dry_run
        self._rules = masking.default_rules() if mask else None
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="landing")
        self._cursor = connection.cursor()
        self._cursor.execute(f"use {CATALOG}")
        row = connection.execute("select current_setting('memory_limit')").fetchone()
        self._memory_limit = row[0] if row else ""
        # A second thread of DuckDB gains a chunk nothing: the first one asks it all the time how far it is.
        # Nor are texts to be written to a temporary file.
        self._connection.execute("set threads = 1; set max_temp_directory_size = '0KB'")
        self._in_flight: deque[tuple[Future[tuple[int, int, Mapping[str, int]]], bytearray]] = deque()
        self._chunks: dict[Entity, Chunk] = {}
        self._buffers = Buffers()
        self._transaction: Counter[Entity] = Counter()
        self._n_bytes = 0
        """Documents that were sent to the open transaction, and their bytes: of the reading thread."""
        self._is_open = False
        """Whether there is one: of the writing thread."""
        self._source: Source | None = None
        self._counts = Counts()
        self._rejections: list[Rejection] = []
        self._open_rejections: set[tuple[str, str | None]] = set()
        self._mended: set[tuple[str, str | None]] = set()
        self._n_commits = 0
        self.batch_id = 0

    def __enter__(self) -> "Landing":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.shutdown(wait=True, cancel_futures=error is not None)
        self._cursor.close()
        if error is None:
            self._connection.execute("reset threads; reset max_temp_directory_size")

    def newest_batch(self) -> int:
        """Return the id of the newest batch, 0 where nothing was ever loaded."""
        return _one(self._connection, "select coalesce(max(load_batch_id), 0) from raw.load_batches")

    def begin_batch(self, resume: int | None = None) -> int:
        """Open a batch and return its id; a batch that a killed load left open becomes `interrupted`.

        `resume` is the id of an ended batch that is to go on: its counts will be added to.
        """
        self.batch_id = resume or self.newest_batch() + 1
        if not self._dry_run:
            self._connection.execute(
                "update raw.load_batches set status = 'interrupted' where status = 'running'"
            )
            if resume is not None:
                self._connection.execute(
                    "update raw.load_batches set status = 'running' where load_batch_id = ?", [resume]
                )
                return resume
            self._connection.execute(
                "insert into raw.load_batches (load_batch_id, status, loader_version, started_at)"
                " values (?, 'running', ?, ?)",
                [self.batch_id, __version__, self._now],
            )
        return self.batch_id

    def end_batch(self, ended_at: datetime, counts: Counts, n_sources: int, n_failed: int) -> None:
        """Close the batch and add to its counts; `n_sources` and `n_failed` are of the whole batch."""
        if self._dry_run:
            return
        masked = self._masked_before() + Counter(counts.secrets_masked)
        self._connection.execute(
            """update raw.load_batches set status = 'completed', ended_at = ?,
                n_sources = ?, n_sources_failed = ?,
                n_scanned = coalesce(n_scanned, 0) + ?, n_written = coalesce(n_written, 0) + ?,
                n_unchanged = coalesce(n_unchanged, 0) + ?, n_deleted = coalesce(n_deleted, 0) + ?,
                n_rejected = coalesce(n_rejected, 0) + ?, n_resolved = coalesce(n_resolved, 0) + ?,
                n_surrogates_replaced = coalesce(n_surrogates_replaced, 0) + ?,
                n_secrets_masked = ?, secrets_masked_by_kind = ?
            where load_batch_id = ?""",
            [
                _naive(ended_at),
                n_sources,
                n_failed,
                counts.scanned,
                counts.written,
                counts.unchanged,
                counts.deleted,
                counts.rejected,
                counts.resolved,
                counts.surrogates_replaced,
                masked.total(),
                orjson.dumps(masked, option=orjson.OPT_SORT_KEYS).decode(),
                self.batch_id,
            ],
        )

    def _masked_before(self) -> Counter[str]:
        """Return how many secrets of each kind were masked in this batch before it was resumed."""
        row = self._connection.execute(
            "select secrets_masked_by_kind from raw.load_batches where load_batch_id = ?", [self.batch_id]
        ).fetchone()
        return Counter(orjson.loads(row[0]) if row and row[0] else {})

    def record_phases(self, transitions: Sequence[Transition]) -> None:
        """Record to which phases this load has come."""
        if transitions and not self._dry_run:
            self._connection.executemany(
                "insert into raw.sync_state values (?, ?, ?, ?)",
                [(self.batch_id, phase, _naive(at), n_scanned) for phase, at, n_scanned in transitions],
            )

    def forget_sample(self) -> int:
        """Remove the documents of the bundled sample and return their number."""
        if not _one(self._connection, "select count(*) from raw.sources where is_sample"):
            return 0
        of_sample = "source_id in (select source_id from raw.sources where is_sample)"
        n = sum(
            _one(self._connection, f"select count(*) from raw.{entity} where {of_sample}")
            for entity in ENTITIES
        )
        if not self._dry_run:
            self._connection.execute("begin")
            for table in (*ENTITIES, "rejected_documents"):
                self._connection.execute(f"delete from raw.{table} where {of_sample}")
            self._connection.execute("delete from raw.sources where is_sample")
            self._connection.execute("commit")
        return n

    def has_history(self) -> bool:
        """Whether anything but the sample is landed here."""
        return bool(_one(self._connection, "select count(*) from raw.sources where not is_sample"))

    @property
    def counts(self) -> Counts:
        """The counts of the present source so far; those of the chunks in flight are not in it."""
        return self._counts

    def sources(self, machine: str) -> list[Source]:
        """Return the sources of a machine that were ever landed here."""
        rows = self._connection.execute(
            "select machine, kind, root, is_sample from raw.sources where machine = ? order by source_id",
            [machine],
        ).fetchall()
        return [Source(row[0], row[1], Path(row[2]), row[3]) for row in rows]

    def known(self, source: Source, schema_version: str | None, *, rehash: bool) -> dict[Entity, Known]:
        """Return what is landed of a source: for each entity, id → (modified, size).

        A document is to be read again whatever its time says with `rehash`, when OpenCode migrated the
        store's schema since (which may rewrite rows without a new time), or when it was read so shortly
        after its last change that the next change may bear the same time.
        """
        _, schema_before = self._recorded(source) or (None, None)
        migrated = schema_before != schema_version
        known = {}
        for entity in ENTITIES:
            rows = self._connection.execute(
                f"""select document_id, size_bytes,
                    case when $is_settled and origin_modified_at < loaded_at - $racy::interval
                        then epoch_us(origin_modified_at) else -1 end as modified_us
                from raw.{entity} where source_id = $source and deleted_at is null""",
                {"is_settled": not (rehash or migrated), "racy": RACY, "source": source.source_id},
            ).to_arrow_table()
            deleted = self._connection.execute(
                f"select document_id from raw.{entity} where source_id = ? and deleted_at is not null",
                [source.source_id],
            ).fetchall()
            known[entity] = Known.of_arrays(
                rows["document_id"].to_pylist(),
                _array(rows["modified_us"]),
                _array(rows["size_bytes"]),
                (row[0] for row in deleted),
                self._sessions_of(entity, source) if source.kind == "export" else None,
            )
        return known

    def _sessions_of(self, entity: Entity, source: Source) -> dict[str, str | None]:
        """Return the session of each document that is landed of a source."""
        query = f"select document_id, session_id from raw.{entity} where source_id = ?"
        return dict(self._connection.execute(query, [source.source_id]).fetchall())

    def schema_version(self, source: Source) -> str | None:
        """Return the schema that a source had when it was last read whole, None where that is not known."""
        recorded = self._recorded(source)
        return None if recorded is None else recorded[1]

    def mask_landed(self) -> Iterator[tuple[Entity, int, Mapping[str, int]]]:
        """Mask what was landed under other rules, or under none; yield progress, chunk by chunk.

        Yields the entity, how many of its documents were written, and what was masked in them. What is
        landed was looked through by these rules when this ends: then they are noted, and until they
        change (or a load masks nothing) there is nothing to do here. Deleted documents are masked as
        well. A document that changes here belongs to the present batch.
        """
        version = None if self._rules is None else self._rules.version
        recorded = self._masking_rules()
        if self._dry_run or (recorded is not None and recorded[0] == version):
            return
        if self._rules is not None:
            self._connection.execute("reset threads")
            for entity in ENTITIES:
                for chunk in self._suspects(entity, self._rules):
                    yield entity, *self._mask_chunk(entity, chunk, self._rules)
            self._connection.execute("set threads = 1")
        self._connection.execute(
            "insert into raw.masking_rules values (?, ?, ?)", [self.batch_id, version, self._now]
        )

    def was_masked(self) -> bool:
        """Whether what is landed was looked through for secrets when it was last loaded."""
        recorded = self._masking_rules()
        return recorded is not None and recorded[0] is not None

    def _masking_rules(self) -> tuple[str | None] | None:
        """Return the version of the rules noted last (null: a load masked nothing), None where none is."""
        return self._connection.execute(
            "select rules_version from raw.masking_rules order by load_batch_id desc limit 1"
        ).fetchone()

    def _suspects(self, entity: Entity, rules: masking.Rules) -> Iterator[list[tuple[str, str]]]:
        """Yield chunks of (source, document) that may hold secrets, each of bounded size."""
        is_found = " or ".join(["regexp_matches(searched, ?)"] * len(rules.unions))
        rows = self._connection.execute(
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
        self, entity: Entity, keys: list[tuple[str, str]], rules: masking.Rules
    ) -> tuple[int, Mapping[str, int]]:
        """Mask landed documents in one transaction; return how many changed, and what was masked."""
        connection = self._connection
        connection.register("keys", _keys_arrow("source_id", keys))
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
                [self.batch_id],
            )
            connection.unregister("masked")
        return len(changed), masked

    def begin_source(self, source: Source) -> None:
        """Name the source that the following documents come from.

        It is recorded at once: should the load be killed, its documents are not without a source.
        """
        self._source = source
        self._counts = Counts()
        self._rejections = []
        self._open_rejections = set(
            self._connection.execute(
                """select entity, document_id from raw.rejected_documents
                where source_id = ? and resolved_at is null""",
                [source.source_id],
            ).fetchall()
        )
        self._mended = set()
        self._chunks = {}
        if not self._dry_run and self._recorded(source) is None:
            self._record("incomplete", "The load was interrupted. Load again.", None, self._now)

    def count_unchanged(self, n: int) -> None:
        """Count documents that their reader found unchanged."""
        self._counts.scanned += n
        self._counts.unchanged += n

    def put(self, document: Document | Rejection) -> None:
        """Take one document or rejection; a full chunk is committed in the background."""
        self._counts.scanned += 1
        if isinstance(document, Rejection):
            self._counts.rejected += 1
            self._rejections.append(_masked_rejection(document, self._rules))
            return
        if self._rules is not None and _has_secret_id(document, self._rules):
            self.put(_without_secret_id(document))
            return
        self._counts.surrogates_replaced += document.n_surrogates
        if self._open_rejections and (document.entity, document.document_id) in self._open_rejections:
            self._mended.add((document.entity, document.document_id))
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
        for entity in list(self._chunks):
            self._send(self._chunks.pop(entity))
        while self._in_flight:
            self._collect()
        self._commit()
        self._transaction.clear()
        self._n_bytes = 0
        counts = self._counts
        vanished = {entity: self._not_behind_links(entity, ids) for entity, ids in vanished.items()}
        counts.deleted = sum(len(ids) for ids in vanished.values())
        if self._dry_run:
            return counts
        connection = self._connection
        source = self._current
        source_id = source.source_id
        connection.execute("begin")
        for entity, ids in vanished.items():
            if ids:
                connection.register("vanished", pa.table({"document_id": pa.array(ids, pa.string())}))
                connection.execute(
                    f"""update raw.{entity} set deleted_at = ?, load_batch_id = ?
                    where source_id = ? and document_id in (select document_id from vanished)""",
                    [self._now, self.batch_id, source_id],
                )
                connection.unregister("vanished")
        is_complete = is_complete and status == "ok"
        counts.resolved = self._settle_rejections(source_id, is_complete=is_complete)
        first_loaded_at, before = self._recorded(source) or (self._now, None)
        if not is_complete:  # what was not read under the new schema is still to be read again
            schema_version = before
        self._record(status, message, schema_version, first_loaded_at)
        connection.execute("commit")
        return counts

    def _not_behind_links(self, entity: Entity, ids: Sequence[str]) -> Sequence[str]:
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
            {"source": self._current.source_id, "ids": list(ids), "folders": folders},
        )
        return [row[0] for row in rows.fetchall()]

    def _recorded(self, source: Source) -> tuple[datetime, str | None] | None:
        """Return when a source was first loaded and its schema then, None where it never was."""
        return self._connection.execute(
            "select first_loaded_at, schema_version from raw.sources where source_id = ?", [source.source_id]
        ).fetchone()

    def _record(
        self, status: str, message: str | None, schema_version: str | None, first_loaded_at: datetime
    ) -> None:
        source = self._current
        self._connection.execute("delete from raw.sources where source_id = ?", [source.source_id])
        self._connection.execute(
            "insert into raw.sources values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                source.source_id,
                source.machine,
                source.kind,
                source.root.as_posix(),
                source.is_sample,
                schema_version,
                status,
                message,
                first_loaded_at,
                self._now,
                self.batch_id,
            ],
        )

    @property
    def _current(self) -> Source:
        if self._source is None:
            raise RuntimeError("begin_source() comes first")
        return self._source

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
        write = self._writer.submit(self._write, rows, self._current.source_id, is_last=is_last)
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
        if self._dry_run:
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
                [self._now, self.batch_id, source_id],
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
                [source_id, self._now, self._now, self.batch_id],
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

    def _settle_rejections(self, source_id: str, *, is_complete: bool) -> int:
        """Record what was rejected now and resolve what is landed or gone; return how many were resolved."""
        if not (self._open_rejections or self._rejections):
            return 0
        connection = self._connection
        # Rows without an id share their place, as do those that stand more than twice: one record is enough.
        found = {(one.entity, one.origin, one.document_id): one for one in self._rejections}
        connection.register("rejections", _rejections_arrow([*found.values()]))
        same = """r.source_id = ? and r.resolved_at is null and r.entity = n.entity
            and r.origin = n.origin and r.document_id is not distinct from n.document_id"""
        connection.execute(
            f"""update raw.rejected_documents as r set last_seen_at = ?, load_batch_id = ?,
                reason = n.reason, detail = n.detail, position = n.position, size_bytes = n.size_bytes,
                origin_modified_at = make_timestamp(n.modified_us)
            from rejections as n where {same}""",
            [self._now, self.batch_id, source_id],
        )
        connection.execute(
            f"""insert into raw.rejected_documents
            select ?, entity, origin, document_id, reason, detail, position, size_bytes,
                make_timestamp(modified_us), ?, ?, ?, null, null
            from rejections as n where not exists (from raw.rejected_documents as r where {same})""",
            [source_id, self._now, self._now, self.batch_id, source_id],
        )
        # Whoever looked at a part of the source knows only what it met to be mended.
        connection.register("mended", _keys_arrow("entity", self._mended))
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
            {"source": source_id, "now": self._now, "complete": is_complete},
        ).fetchall()
        connection.unregister("mended")
        connection.unregister("rejections")
        return len(resolved)


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


def _has_secret_id(document: Document, rules: masking.Rules) -> bool:
    """Whether one of the ids that a document is landed under is a secret: OpenCode's own never are."""
    ids = (document.document_id, document.session_id, document.message_id)
    return any(one is not None and not _OWN_ID(one) and rules.mask_name(one) != one for one in ids)


def _without_secret_id(document: Document) -> Rejection:
    error = UnreadableError("secret_id", "give the document another id, or load with --no-mask")
    modified_us = document.modified_us
    return reject(
        document.entity, document.document_id, document.origin, error, document.size_bytes, modified_us
    )


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


def _array(column: pa.ChunkedArray) -> "array[int]":
    """Return a column of 64 bits without nulls as an array."""
    values = array("q")
    for chunk in column.chunks:
        values.frombytes(memoryview(chunk.buffers()[1])[8 * chunk.offset : 8 * (chunk.offset + len(chunk))])
    return values


def _keys_arrow(within: str, keys: Iterable[tuple[str, str | None]]) -> pa.Table:
    """Return pairs as a table of two columns: what a document is within (source, entity), and its id."""
    pairs = list(keys)
    return pa.table(
        {
            within: pa.array([pair[0] for pair in pairs], pa.string()),
            "document_id": pa.array([pair[1] for pair in pairs], pa.string()),
        }
    )


def _rejections_arrow(rejections: Sequence[Rejection]) -> pa.Table:
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


def _one(connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] = ()) -> int:
    row = connection.execute(query, list(parameters)).fetchone()
    return int(row[0]) if row else 0


def _naive(time: datetime) -> datetime:
    return time.replace(tzinfo=None)

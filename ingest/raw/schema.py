"""The schema `raw`: its tables, every change that it went through, and how a warehouse is attached."""

from datetime import datetime
from pathlib import Path

import duckdb

from ingest.raw import chunks
from ingest.raw.documents import ENTITIES
from ingest.raw.sql import first_number, naive

CATALOG = "opencode"
"""The stem of every warehouse file: views keep the catalog's name."""

STORAGE = f"row_group_size {chunks.CHUNK_ROWS}, storage_version 'v1.2.0'"
"""Small row groups because a row holds 10 KB of text; the oldest format that compresses it well."""

COMPRESSION = {"zstd_min_string_length": "24", "disabled_compression_methods": "fsst"}
"""Zstandard also for texts shorter than 4 KB, ids among them, which DuckDB would leave far larger; and never
FSST, whose trial takes most of the time of writing a column of ids. dbt writes with the same: its plugin
attaches the warehouse first (see dbt_lock_plugin)."""

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
    if not first_number(connection, f"{tables} and table_name = 'schema_migrations'", [CATALOG]):
        return 0
    return first_number(connection, f"select coalesce(max(version), 0) from {CATALOG}.raw.schema_migrations")


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
        connection.execute("insert into raw.schema_migrations values (?, ?)", [version, naive(now)])
        connection.execute("commit")

"""What programs record of themselves beside the documents: timings, sizes, backups, alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from ingest.raw.sql import naive


@dataclass(frozen=True, slots=True)
class SentAlert:
    """One message about a check that reached a channel. Times are UTC."""

    check_id: str
    channel: str
    event: str
    status: str
    since: datetime
    sent_at: datetime


def record_query_timings(
    connection: duckdb.DuckDBPyConnection, measured_at: datetime, timings: Sequence[Mapping[str, object]]
) -> None:
    """Land one timing of each reference query; keys as the columns of raw.query_timings."""
    connection.executemany(
        """insert into raw.query_timings by name
        select $measured_at as measured_at, $query_name as query_name, $n_runs as n_runs,
            $median_ms as median_ms, $p95_ms as p95_ms, $p99_ms as p99_ms, $n_rows as n_rows,
            $uses_index as uses_index""",
        [{"measured_at": naive(measured_at), **timing} for timing in timings],
    )


def record_storage(
    connection: duckdb.DuckDBPyConnection, measured_at: datetime, measured: Mapping[str, int]
) -> None:
    """Land one measurement of the warehouse file and its disk, in bytes."""
    connection.execute(
        """insert into raw.storage_measurements values
        ($measured_at, $warehouse_bytes, $disk_total_bytes, $disk_free_bytes)""",
        {"measured_at": naive(measured_at), **measured},
    )


def record_backup(
    connection: duckdb.DuckDBPyConnection, made_at: datetime, backup: Mapping[str, object]
) -> None:
    """Note a backup that was made and verified; keys as the columns of raw.backups."""
    connection.execute(
        "insert into raw.backups values ($made_at, $path, $size_bytes, $sha256, $n_documents)",
        {**backup, "made_at": naive(made_at)},
    )


def record_alerts(connection: duckdb.DuckDBPyConnection, sent: Sequence[SentAlert]) -> None:
    """Land what was said on which channel."""
    connection.executemany(
        "insert into raw.alerts values ($check_id, $channel, $event, $status, $since, $sent_at)",
        [{**asdict(one), "since": naive(one.since), "sent_at": naive(one.sent_at)} for one in sent],
    )


def carry_over(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Add to a raw table those rows of another warehouse's that it lacks."""
    connection.register("kept", rows)
    connection.execute(f"insert into raw.{table} select * from kept except all select * from raw.{table}")
    connection.unregister("kept")

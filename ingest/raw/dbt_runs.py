"""What dbt did to this warehouse: its runs, and what became of each node."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa

from ingest.raw.sql import first_number, naive

RESULTS_KEPT = timedelta(days=90)
"""Results of dbt that are older are dropped: a watched store is built many times a day."""

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


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What became of one node in one run. Times are UTC, durations milliseconds."""

    unique_id: str
    resource_type: str
    name: str
    status: str
    started_at: datetime | None
    ended_at: datetime | None
    execution_ms: int
    n_failures: int | None
    message: str | None
    max_loaded_at: datetime | None = None
    age_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of dbt with the results of its nodes."""

    invocation_id: str
    command: str
    dbt_version: str
    project_name: str
    target_name: str | None
    selection: str | None
    started_at: datetime
    ended_at: datetime
    elapsed_ms: int
    is_full_refresh: bool
    results: tuple[NodeResult, ...]


def land_run(connection: duckdb.DuckDBPyConnection, run: Run, now: datetime) -> bool:
    """Land a run of dbt with its results and say whether it is new; one that is landed changes nothing."""
    if first_number(
        connection, "select count(*) from raw.dbt_invocations where invocation_id = ?", [run.invocation_id]
    ):
        return False
    connection.execute("begin")
    try:
        connection.execute(
            """insert into raw.dbt_invocations by name
            select $invocation_id as invocation_id, $command as command, $dbt_version as dbt_version,
                $project_name as project_name, $target_name as target_name, $selection as selection,
                $started_at as started_at, $ended_at as ended_at, $elapsed_ms as elapsed_ms,
                $is_full_refresh as is_full_refresh, $landed_at as landed_at""",
            {
                "invocation_id": run.invocation_id,
                "command": run.command,
                "dbt_version": run.dbt_version,
                "project_name": run.project_name,
                "target_name": run.target_name,
                "selection": run.selection,
                "started_at": naive(run.started_at),
                "ended_at": naive(run.ended_at),
                "elapsed_ms": run.elapsed_ms,
                "is_full_refresh": run.is_full_refresh,
                "landed_at": naive(now),
            },
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
        columns[name] = [None if time is None else naive(time) for time in columns[name]]
    return pa.table(columns, schema=_RESULT_SCHEMA)

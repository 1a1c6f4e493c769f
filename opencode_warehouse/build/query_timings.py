"""The reference queries: what dashboards ask at every click, and how long the answers take."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from ingest import human
from ingest.errors import IngestError
from ingest.raw.records import record_query_timings, record_storage
from ingest.warehouse import measure_storage, open_warehouse

RUNS = 21
"""Runs of each query, after one that is not counted: the 95th percentile is the second slowest."""


@dataclass(frozen=True, slots=True)
class ReferenceQuery:
    """A query with the one that finds its parameter, and the column by which an index could serve it."""

    name: str
    sql: str
    parameter_sql: str | None = None
    indexable: tuple[str, str] | None = None


_BUSIEST_SESSION = (
    "select session_id from main.parts where session_id is not null"
    " group by session_id order by count(*) desc, session_id limit 1"
)

REFERENCE_QUERIES = (
    ReferenceQuery(
        "agents_by_name",
        "select * from main.agents where name = ?",
        "select max(name) from main.agents",
        ("agents", "name"),
    ),
    ReferenceQuery(
        "tools_by_session",
        "select tool_name, status, execution_time_ms, started_at from main.tool_calls"
        " where session_id = ? order by started_at",
        _BUSIEST_SESSION,
        ("tool_calls", "session_id"),
    ),
    ReferenceQuery(
        "error_breakdown",
        "select error_category, locus, count(*) as n_errors, count(distinct session_id) as n_sessions"
        " from main.errors where not is_fork_copy group by error_category, locus order by n_errors desc",
    ),
    ReferenceQuery(
        "cost_trend",
        "select usage_date, cost_usd, cost_recorded_usd, tokens_input, tokens_output from main.daily_stats"
        " order by usage_date desc limit 90",
    ),
    ReferenceQuery(
        "session_details",
        "select s.title, s.agent, s.model_id, m.message_id, m.role, m.tokens_total, m.message_cost_usd,"
        " p.part_id, p.part_type, p.sequence_number, p.content"
        " from main.sessions as s"
        " left join main.messages as m on m.session_id = s.session_id"
        " left join main.parts as p on p.message_id = m.message_id"
        " where s.session_id = ? order by m.created_at, p.sequence_number",
        _BUSIEST_SESSION,
        ("messages", "session_id"),
    ),
)


@dataclass(frozen=True, slots=True)
class QueryTiming:
    """How one query did: milliseconds over `n_runs`; `uses_index` is None where no index could serve it."""

    query_name: str
    n_runs: int
    median_ms: float
    p95_ms: float
    p99_ms: float
    n_rows: int
    uses_index: bool | None


def time_queries(
    warehouse: Path,
    progress: Callable[[str], None] = lambda name: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[QueryTiming]:
    """Time the reference queries, land the timings and the size of the warehouse, and return the timings.

    Raises IngestError where the tables are not built yet.
    """
    with open_warehouse(warehouse) as connection:
        timings = []
        for query in REFERENCE_QUERIES:
            progress(query.name)
            try:
                timings.append(_time(connection, query))
            except duckdb.CatalogException:
                raise IngestError(
                    f"The tables of {warehouse} are not (or not all) built, so no query can be timed. "
                    "Build them first: `make run`."
                ) from None
        now = clock()
        record_query_timings(connection, now, [asdict(timing) for timing in timings])
        record_storage(connection, now, measure_storage(warehouse))
    return timings


def _time(connection: duckdb.DuckDBPyConnection, query: ReferenceQuery) -> QueryTiming:
    parameters = []
    if query.parameter_sql is not None:
        row = connection.execute(query.parameter_sql).fetchone()
        parameters = [row[0] if row else None]
    n_rows = len(connection.execute(query.sql, parameters).fetchall())
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        connection.execute(query.sql, parameters).fetchall()
        times.append((time.perf_counter() - started) * 1000)
    return QueryTiming(
        query.name,
        RUNS,
        round(statistics.median(times), 3),
        _percentile(times, 95),
        _percentile(times, 99),
        n_rows,
        _uses_index(connection, query, parameters),
    )


def _percentile(times: list[float], nth: int) -> float:
    return round(statistics.quantiles(times, n=100, method="inclusive")[nth - 1], 3)


def _uses_index(
    connection: duckdb.DuckDBPyConnection, query: ReferenceQuery, parameters: list[object]
) -> bool | None:
    if query.indexable is None:
        return None
    table, column = query.indexable
    fitting = connection.execute(
        """select count(*) from duckdb_indexes()
        where database_name = current_database() and table_name = ?
            and translate(expressions, '[]"''', '') = ?""",
        [table, column],
    ).fetchone()
    if not fitting or not fitting[0]:
        return None
    # Only when it runs does DuckDB decide for the index.
    plan = connection.execute(f"explain analyze {query.sql}", parameters).fetchall()
    return any("Index Scan" in text for _, text in plan)


def describe(timings: list[QueryTiming]) -> str:
    """Return the timings as lines for a person."""
    return "\n".join(
        human.table(
            [
                (
                    timing.query_name,
                    f"median {timing.median_ms:,.2f} ms, 95th percentile {timing.p95_ms:,.2f} ms, "
                    f"99th {timing.p99_ms:,.2f} ms, "
                    f"{human.count(timing.n_rows, 'row')}",
                )
                for timing in timings
            ]
        )
    )

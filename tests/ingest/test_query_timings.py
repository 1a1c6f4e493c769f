"""Timing the reference queries, on tables of the shape that dbt builds."""

import json
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from ingest.warehouse import open_warehouse
from opencode_warehouse.build import query_timings
from opencode_warehouse.build.query_timings import REFERENCE_QUERIES, time_queries
from opencode_warehouse.cli import main

TABLES = """
    create table main.agents as select 'a' || i as agent_id, 'agent ' || i as name from range(5000) as t (i);
    create table main.tool_calls as
    select 'ses_1' as session_id, 'bash' as tool_name, 'success' as status, 1 as execution_time_ms,
        timestamp '2026-05-01' as started_at;
    create table main.errors as
    select 'timeout' as error_category, 'web' as locus, 'ses_1' as session_id, false as is_fork_copy;
    create table main.daily_stats as
    select date '2026-05-01' as usage_date, 1 as cost_usd, 1 as cost_recorded_usd, 1 as tokens_input,
        1 as tokens_output;
    create table main.sessions as
    select 'ses_1' as session_id, 't' as title, 'build' as agent, 'lab/m' as model_id;
    create table main.messages as
    select 'msg_1' as message_id, 'ses_1' as session_id, 'user' as role, 1 as tokens_total,
        1 as message_cost_usd, timestamp '2026-05-01' as created_at;
    create table main.parts as
    select 'prt_' || i as part_id, 'msg_1' as message_id, 'ses_1' as session_id, 'text' as part_type,
        i as sequence_number, 'x' as content from range(3) as t (i);
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "opencode.duckdb"
    with open_warehouse(path) as connection:
        connection.execute(TABLES)
    return path


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(duckdb.connect(str(path), read_only=True)) as connection:
        return connection.execute(sql).fetchall()


def test_every_query_is_timed_and_landed_with_the_size_of_the_warehouse(warehouse: Path) -> None:
    asked: list[str] = []
    timings = {timing.query_name: timing for timing in time_queries(warehouse, asked.append)}
    names = [one.name for one in REFERENCE_QUERIES]
    assert list(timings) == asked == names
    assert {name: timing.n_rows for name, timing in timings.items()} == {
        "agents_by_name": 1,
        "tools_by_session": 1,
        "error_breakdown": 1,
        "cost_trend": 1,
        "session_details": 3,
    }
    assert all(0 < timing.median_ms <= timing.p95_ms < 1000 for timing in timings.values())
    landed = query(warehouse, "select query_name, n_runs, p95_ms, uses_index from raw.query_timings")
    assert landed == [(name, 21, timings[name].p95_ms, None) for name in names]
    [(size, free, total)] = query(
        warehouse, "select warehouse_bytes, disk_free_bytes, disk_total_bytes from raw.storage_measurements"
    )
    assert isinstance(size, int)
    assert 0 < size < 10_000_000
    assert 0 < free < total  # type: ignore[operator]


def test_whether_an_index_is_used_is_seen_in_the_plan(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(duckdb.connect(str(warehouse))) as connection:
        connection.execute("create index by_name on agents (name)")
        connection.execute("create index by_session on tool_calls (session_id)")
    used = {timing.query_name: timing.uses_index for timing in time_queries(warehouse)}
    assert used["agents_by_name"] is True
    assert used["session_details"] is None
    # A function around the column keeps the index out of the plan.
    [by_name, *_] = REFERENCE_QUERIES
    spoilt = query_timings.ReferenceQuery(
        by_name.name,
        "select * from main.agents where lower(name) = ?",
        by_name.parameter_sql,
        by_name.indexable,
    )
    monkeypatch.setattr(query_timings, "REFERENCE_QUERIES", (spoilt,))
    [timing] = time_queries(warehouse)
    assert timing.uses_index is False


def test_the_command_tells_the_timings_to_people_and_to_programs(
    warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["time-queries", "--warehouse", str(warehouse)]) == 0
    assert "cost_trend        median " in capsys.readouterr().out
    assert main(["time-queries", "--warehouse", str(warehouse), "--json"]) == 0
    assert [one["query_name"] for one in json.loads(capsys.readouterr().out)] == [
        one.name for one in REFERENCE_QUERIES
    ]


def test_without_built_tables_the_remedy_is_named_and_nothing_is_landed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "opencode.duckdb"
    with open_warehouse(path):
        pass
    assert main(["time-queries", "--warehouse", str(path)]) == 2
    assert "Build them first: `make run`." in capsys.readouterr().err
    assert query(path, "select count(*) from raw.query_timings") == [(0,)]

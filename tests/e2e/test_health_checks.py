"""Every health check sees its fault, no other check does, and its history tells when it was mended.

Faults are planted in a copy of a built warehouse in which every check passes, and only the models that
checks need are built anew: their compiled SQL is run in a transaction that is rolled back.
"""

import csv
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from opencode_warehouse.alerts import channels
from opencode_warehouse.alerts.cli import main as alert
from opencode_warehouse.alerts.problems import Problem

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]

NOW = "2026-11-22 08:00:00.000000"
"""A morning soon after the sample was written."""
RETENTION_DAYS = 3650
SEED = PROJECT / "seeds" / "health_checks.csv"

# What makes every check pass: the sample is full of failures on purpose, and lacks what only time brings.
HEAL = f"""
    update raw.load_batches set started_at = timestamp '{NOW}' - interval 2 hour;
    update staging.stg_opencode__sources set last_loaded_at = timestamp '{NOW}' - interval 1 hour;
    update staging.stg_opencode__messages set loaded_at = timestamp '{NOW}' - interval 1 hour;
    delete from raw.storage_measurements;
    insert into raw.storage_measurements values ('{NOW}', 1000000, 100, 50);
    insert into raw.backups values (timestamp '{NOW}' - interval 1 day, 'backups', 1, 'sum', 1);
    insert into raw.query_timings by name
    select timestamp '{NOW}' - to_minutes(nth) as measured_at, replace(check_id, 'query_', '') as query_name,
        20 as n_runs, 1 as median_ms, 1 as p95_ms, 1 as p99_ms, 1 as n_rows, true as uses_index
    from health_checks cross join unnest([1, 2, 3, 4, 5, 6]) as minutes (nth)
    where check_id like 'query_%' and check_id != 'query_regressions';
    update staging.stg_opencode__sources set is_sample = false;
    update file_operations set git_branch = 'main';
    insert into budget_status by name
    select 'all' as budget_name, 'ok' as budget_status, true as is_known_project, date '{NOW}' as as_of_date,
        date '{NOW}' as period_begins_on, date '{NOW}' as period_ends_on;
    update messages set message_cost_usd = 0 where role = 'assistant' and message_cost_usd is null;
    update session_stats set total_cost_usd = 0 where total_cost_usd is null;
    update tool_calls set status = 'success' where status in ('error', 'timeout');
    update problems set n_resolved = occurrences;
    update problem_resolutions
    set is_resolved = true, time_to_resolution_ms = 1000, occurred_at = occurred_at - interval 10 day;
    insert into intermediate.int_days_compared by name
    select usage_date, cost_usd, cost_usd as baseline_usd from daily_stats;
    update messages set created_at = created_at - interval 8 day where role = 'user';
    update messages set created_at = created_at - interval 20 day
    where message_id = (select min(message_id) from messages where role = 'user');
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """SQL that plants a fault, and the other checks that have to see it as well."""

    sql: str
    also: frozenset[str] = frozenset()


def _timed(query: str, median_ms: int, uses_index: str = "null") -> str:
    return f"""insert into raw.query_timings by name select timestamp '{NOW}' as measured_at,
        '{query}' as query_name, 20 as n_runs, {median_ms} as median_ms, 1000 as p95_ms, 1 as n_rows,
        {uses_index} as uses_index"""


FAULTS = {
    # completeness
    "exchanges_populated": Fault(
        """create temp table of_session as
        select session_id from exchanges group by session_id
        having coalesce(sum(tokens_in + tokens_out), 0) = 0 and coalesce(sum(cost_usd), 0) = 0
            and count(user_message_id) > 0
        order by session_id limit 1;
        update messages set exchange_id = null where session_id in (from of_session);
        delete from exchange_traces where session_id in (from of_session);
        delete from exchanges where session_id in (from of_session)"""
    ),
    "traces_populated": Fault(
        "delete from exchange_traces where exchange_id = (select min(exchange_id) from exchange_traces)"
    ),
    "sessions_with_tokens": Fault(
        """update session_stats set root_tokens = 0
        where session_id in (select session_id from session_stats where root_tokens > 0 limit 5)"""
    ),
    "messages_with_root_path": Fault("update messages set root_path = null where role = 'user'"),
    "errors_classified": Fault(
        """update errors set error_category = 'unknown' where error_id in (
            select error_id from errors where not is_fork_copy order by error_id limit 5)"""
    ),
    "tool_calls_timed": Fault(
        "update tool_calls set execution_time_ms = null where execution_time_ms % 2 = 0"
    ),
    "file_operations_with_branch": Fault("update file_operations set git_branch = null"),
    "sessions_with_cost": Fault(
        """update session_stats set total_cost_usd = null
        where session_id in (select session_id from session_stats where root_tokens > 0 limit 5)"""
    ),
    "tokens_priced": Fault("update messages set message_cost_usd = null where message_cost_usd = 0"),
    "session_totals_reached": Fault(
        """update sessions set tokens_total_recorded = tokens_total_recorded + 1000000000
        where session_id = (select min(session_id) from sessions where tokens_total_recorded > 0)"""
    ),
    # integrity
    "orphan_parts": Fault(
        """update parts set is_orphan = true
        where part_id = (select min(part_id) from parts where not is_orphan)"""
    ),
    "duplicate_exchanges": Fault(
        """create temp table twice as
        select * from exchanges where coalesce(tokens_in, 0) = 0 and user_message_id is not null
        order by exchange_id limit 1;
        insert into exchange_traces
        select * replace ('another' as exchange_id, 'another' as trace_id, null as parent_trace_id)
        from exchange_traces where exchange_id in (select exchange_id from twice) limit 1;
        insert into exchanges
        select * replace ('another' as exchange_id, 0 as tokens_in, 0 as tokens_out, 0 as tokens_reasoning,
            0 as tokens_cache_read, 0 as tokens_cache_write, 0 as cost_usd) from twice"""
    ),
    "duplicate_keys": Fault("insert into todos select * from todos limit 1"),
    "foreign_keys": Fault(
        """update todos set session_id = 'ses_gone'
        where todo_id = (select min(todo_id) from todos where session_id is not null)"""
    ),
    "exchanges_add_up": Fault(
        """update exchanges set tokens_in = tokens_in + 1
        where exchange_id = (select min(exchange_id) from exchanges where tokens_in > 0)"""
    ),
    "nothing_lost": Fault(
        """delete from todos
        where source_session_id = (select min(source_session_id) from todos where is_current)"""
    ),
    # A step that is counted twice is more than its turn has.
    "forks_counted_once": Fault(
        """update messages set is_fork_copy = false where message_id = (
            select min(message_id) from messages
            where is_fork_copy and role = 'assistant' and tokens_total > 0)""",
        also=frozenset({"exchanges_add_up"}),
    ),
    # performance
    **{
        f"query_{query}": Fault(_timed(query, 900), also=frozenset({"query_regressions"}))
        for query in (
            "agents_by_name",
            "tools_by_session",
            "error_breakdown",
            "cost_trend",
            "session_details",
        )
    },
    "indexes_used": Fault(_timed("agents_by_name", 1, "false")),
    "query_regressions": Fault(_timed("cost_trend", 50)),
    # plausibility
    "times_within_history": Fault(
        """update messages set created_at = timestamp '1970-01-20 15:00:00'
        where message_id = (select max(message_id) from messages where role = 'user')"""
    ),
    "negative_amounts": Fault(
        """update messages set tokens_cache_write = -1
        where message_id = (select min(message_id) from messages where role = 'assistant')"""
    ),
    "expensive_sessions": Fault(
        """update session_stats set total_cost_usd = 100.01
        where session_id = (select min(session_id) from session_stats where total_steps > 0)"""
    ),
    "large_input_sessions": Fault(
        """update session_stats set total_tokens_in = 1000001
        where session_id = (select min(session_id) from session_stats where total_steps > 0)"""
    ),
    "error_rate": Fault("update tool_calls set status = 'error' where execution_time_ms % 3 = 0"),
    "cost_above_baseline": Fault(
        "update intermediate.int_days_compared set baseline_usd = baseline_usd / 2.1"
    ),
    "recorded_as_estimated": Fault("update message_costs set cost_estimated_usd = cost_estimated_usd * 1.5"),
    # pipeline
    "sources_fresh": Fault(
        f"""update staging.stg_opencode__sources set last_loaded_at = timestamp '{NOW}' - interval 25 hour
        where kind = 'sqlite'"""
    ),
    "sources_readable": Fault(
        "update staging.stg_opencode__sources set status = 'incomplete' where kind = 'sqlite'"
    ),
    "new_rows_today": Fault(
        "".join(
            f"""update staging.stg_opencode__{entity}
            set loaded_at = timestamp '{NOW}' - interval 2 day,
                first_loaded_at = timestamp '{NOW}' - interval 2 day;"""
            for entity in (
                "projects",
                "sessions",
                "messages",
                "parts",
                "todos",
                "session_diffs",
                "session_messages",
            )
        )
    ),
    "volume_trend": Fault(
        """update messages set created_at = created_at - interval 8 day
        where role != 'user' and message_id not in (select max(message_id) from messages group by role)"""
    ),
    "loads_stalled": Fault(
        f"""insert into raw.load_batches (load_batch_id, status, loader_version, started_at)
        values (99, 'running', '1', timestamp '{NOW}' - interval 121 minute)"""
    ),
    "rejected_documents_open": Fault(
        f"""insert into raw.rejected_documents by name
        select source_id, 'parts' as entity, 'part/a/b.json' as origin, 'truncated' as reason,
            'ends too soon' as detail, timestamp '{NOW}' as first_seen_at, timestamp '{NOW}' as last_seen_at,
            1 as load_batch_id
        from raw.sources limit 1"""
    ),
    "warehouse_size": Fault(
        f"""insert into raw.storage_measurements
        values (timestamp '{NOW}' + interval 1 second, 20000000001, 100, 50)"""
    ),
    "disk_free": Fault(
        f"""insert into raw.storage_measurements
        values (timestamp '{NOW}' + interval 1 second, 1000000, 100, 19)"""
    ),
    "backup_age": Fault("update raw.backups set made_at = made_at - interval 7 day"),
    "relations_present": Fault("drop view intermediate.int_messages_unioned"),
    "tests_passed": Fault("update raw.dbt_results set status = 'fail' where status = 'pass'"),
    "retention_window": Fault(
        "update staging.stg_opencode__todos set origin_modified_at = timestamp '2000-01-01'"
    ),
    "budgets": Fault("update budget_status set budget_status = 'over'"),
    # problems
    "problems_unresolved": Fault("update problems set n_resolved = 0"),
    "resolution_confidence": Fault("update problem_resolutions set is_resolved = false"),
    "problems_per_day": Fault("update problem_resolutions set occurred_at = occurred_at + interval 10 day"),
    "dominant_problem": Fault(
        """update problem_resolutions set fingerprint = (select min(fingerprint) from problems)
        where error_id in (select error_id from problem_resolutions order by error_id limit 20)"""
    ),
    "time_to_resolution": Fault("update problem_resolutions set time_to_resolution_ms = 3 * 24 * 3600000"),
}


class Bench:
    """A healthy warehouse, and the compiled SQL of the models that its checks need, in their order."""

    def __init__(self, path: Path, target: Path) -> None:
        self.path = path
        manifest = json.loads((target / "manifest.json").read_text())
        self._models = [
            (node["relation_name"], node["config"]["materialized"], node["compiled_code"])
            for node in _in_order(manifest, "model.opencode_warehouse.health_check_trends")
        ]
        self._build_id = manifest["metadata"]["invocation_id"]
        self._healthy: dict[int, list[tuple[Any, ...]]] = {}
        looking_back = [relation.split(".")[-1].strip('"') for relation, _, _ in self._models[-2:]]
        assert looking_back == ["health_check_history", "health_check_trends"]
        self.connection = self.open(path)

    @staticmethod
    def open(path: Path) -> duckdb.DuckDBPyConnection:
        """Open a copy under the name that the compiled SQL has for it."""
        connection = duckdb.connect(":memory:")
        connection.execute(f"attach '{path}' as opencode")
        connection.execute("use opencode")
        return connection

    @contextmanager
    def trying(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give the connection, and take back all that was done with it."""
        self.connection.execute("begin")
        try:
            yield self.connection
        finally:
            self.connection.execute("rollback")

    def judge(
        self, hours: int, connection: duckdb.DuckDBPyConnection | None = None
    ) -> dict[str, dict[str, Any]]:
        """Build the checks as of so many hours later and return the rows of health_check_trends."""
        connection = connection or self.connection
        for model in self._models:
            self._build(connection, hours, *model)
        return self._trends(connection)

    def judge_healthy(
        self, hours: int, history: Sequence[tuple[Any, ...]]
    ) -> tuple[dict[str, dict[str, Any]], list[tuple[Any, ...]]]:
        """Return the trends so many hours later, after a build with that history, and the whole history.

        What the checks find in a healthy warehouse is found once; only what looks back is built.
        """
        with self.trying() as connection:
            if hours not in self._healthy:
                self.judge(hours)
                self._healthy[hours] = connection.execute("from main.health_check_results").fetchall()
                connection.execute("rollback; begin")
            for table, rows in (
                ("health_check_history", history),
                ("health_check_results", self._healthy[hours]),
            ):
                if table == "health_check_results":
                    connection.execute(f"delete from main.{table}")
                marks = ", ".join("?" * len(rows[0]))
                connection.executemany(f"insert into main.{table} values ({marks})", list(rows))
            for model in self._models[-2:]:
                self._build(connection, hours, *model)
            told = connection.execute(
                "select check_id, status from main.health_check_history order by checked_at"
            ).fetchall()
            return self._trends(connection), told

    def _build(
        self,
        connection: duckdb.DuckDBPyConnection,
        hours: int,
        relation: str,
        materialized: str,
        sql: str,
    ) -> None:
        then = f"{datetime.fromisoformat(NOW) + timedelta(hours=hours):%Y-%m-%d %H:%M:%S.%f}"
        moved = sql.replace(f"'{NOW}'", f"'{then}'").replace(self._build_id, f"build {hours}")
        if materialized == "incremental":
            connection.execute(f"insert into {relation} {moved}")
        else:
            connection.execute(f"create or replace table {relation} as {moved}")

    @staticmethod
    def _trends(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
        rows = connection.execute("select * from main.health_check_trends").fetchall()
        names = [column[0] for column in connection.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return {row["check_id"]: row for row in found}


def _in_order(manifest: dict[str, Any], last: str) -> list[dict[str, Any]]:
    """Return the quality models that a model needs, each after those that it needs itself."""
    found: dict[str, dict[str, Any]] = {}

    def add(name: str) -> None:
        node = manifest["nodes"].get(name)
        if node is None or node["resource_type"] != "model" or "quality" not in node["tags"] or name in found:
            return
        for needed in node["depends_on"]["nodes"]:
            add(needed)
        found[name] = node

    add(last)
    return list(found.values())


@pytest.fixture(scope="module")
def bench(built: Any) -> Iterator[Bench]:
    """A copy of the built sample in which every check passes."""
    warehouse = built
    variables = json.dumps({"as_of": NOW, "retention_days": RETENTION_DAYS})
    warehouse.dbt("compile", "--select", "tag:quality", "--vars", variables)
    copy = warehouse.path.parent / "copy" / warehouse.path.name
    copy.parent.mkdir()
    shutil.copy(warehouse.path, copy)
    made = Bench(copy, warehouse.path.parent / "target")
    with closing(made.connection):
        made.connection.execute("delete from health_check_history")
        made.connection.execute(HEAL)
        checks = made.judge(0)
        assert {name: row["status"] for name, row in checks.items()} == dict.fromkeys(FAULTS, "PASS")
        yield made


@pytest.fixture(scope="module")
def built(sample: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The built sample with the results of its tests, in a copy of its own."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copy(sample.path, folder)
    shutil.copytree(sample.path.parent / "target", folder / "target")
    warehouse = replace(sample, path=folder / sample.path.name)
    warehouse.land_artifacts()
    return warehouse


def test_there_is_a_fault_for_every_check() -> None:
    with SEED.open(newline="") as file:
        assert {row["check_id"] for row in csv.DictReader(file)} == set(FAULTS)


@pytest.mark.parametrize("check_id", FAULTS)
def test_a_check_sees_its_fault_alone_and_its_end(bench: Bench, check_id: str) -> None:
    fault = FAULTS[check_id]

    with bench.trying() as connection:
        connection.execute(fault.sql)
        broken = bench.judge(1)
        history = connection.execute(
            "select * from health_check_history where build_id = 'build 1'"
        ).fetchall()

    assert {name for name, row in broken.items() if row["status"] != "PASS"} == {check_id} | fault.also
    seen = broken[check_id]
    assert seen["status"] == ("FAIL" if seen["severity"] == "error" else "WARN")
    assert seen["previous_status"] == "PASS"
    assert seen["details"]
    assert seen["remedy"]
    assert seen["since"] == seen["checked_at"]
    assert seen["trend"] == "worse"

    healthy, told = bench.judge_healthy(2, history)
    mended = healthy[check_id]

    assert [status for name, status in told if name == check_id] == ["PASS", seen["status"], "PASS"]
    assert (mended["status"], mended["previous_status"]) == ("PASS", seen["status"])
    assert mended["since"] == mended["checked_at"]
    assert mended["n_builds_in_status"] == 1
    assert mended["trend"] == "better"
    assert mended["remedy"] is None


def test_a_missing_backup_warns_and_the_sample_needs_none(bench: Bench) -> None:
    with bench.trying() as connection:
        connection.execute("delete from raw.backups")
        missing = bench.judge(1)["backup_age"]
        connection.execute("update staging.stg_opencode__sources set is_sample = true")
        of_the_sample = bench.judge(2)["backup_age"]
    assert (missing["status"], missing["value"], missing["n_failed"]) == ("WARN", None, 1)
    assert of_the_sample["status"] == "SKIP"


def test_a_short_or_idle_history_has_no_trend(bench: Bench) -> None:
    with bench.trying() as connection:
        connection.execute(
            "update messages set created_at = created_at - interval 8 day where role != 'user'"
        )
        idle = bench.judge(1)
    with bench.trying() as connection:
        connection.execute(
            "delete from messages where created_at < (select max(created_at) - interval 13 day from messages)"
        )
        short = bench.judge(1)
    assert idle["volume_trend"]["status"] == "SKIP"
    assert (short["volume_trend"]["status"], short["problems_per_day"]["status"]) == ("SKIP", "SKIP")


def test_an_integrity_failure_makes_a_build_fail_and_its_history_outlives_a_full_refresh(
    built: Any, tmp_path: Path
) -> None:
    (tmp_path / "opencode.duckdb").write_bytes(built.path.read_bytes())
    warehouse = replace(built, path=tmp_path / "opencode.duckdb")
    [n_before] = warehouse.query("select count(distinct build_id) from health_check_history")[0]
    with closing(duckdb.connect(str(warehouse.path))) as connection:
        connection.execute(FAULTS["duplicate_keys"].sql)
    nulls = ("test_name:not_null", "test_name:never_null")
    output = warehouse.dbt("build", "--select", "tag:quality", "--exclude", *nulls, code=1)
    assert "health check duplicate_keys: 1 of " in output
    assert "Failure in test integrity_checks_pass" in output
    # Also a client that knows no dbt can ask for one check.
    asked = "select status, previous_status, n_builds_in_status from health_check('duplicate_keys')"
    assert warehouse.query(asked) == [("FAIL", "PASS", 1)]
    with closing(duckdb.connect(str(warehouse.path))) as connection:
        connection.execute("create or replace table todos as select distinct * from todos")
    warehouse.dbt("run", "--select", "tag:quality", "--full-refresh")
    assert warehouse.query(asked) == [("PASS", "FAIL", 1)]
    assert warehouse.query(
        "select count(distinct build_id), count(*) / count(distinct check_id) from health_check_history"
    ) == [(n_before + 2, n_before + 2)]


def test_a_failing_check_alerts_once_over_ten_builds_and_once_when_it_is_over(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Sequence[Problem]] = []
    monkeypatch.setattr(channels.Webhook, "send", lambda _, problems: sent.append(problems))
    environ = {"OPENCODE_ALERTS_WEBHOOK_URL": "http://localhost/"}
    copy = tmp_path / "opencode.duckdb"

    def build_and_alert(hours: int) -> None:
        with closing(bench.open(copy)) as connection:
            bench.judge(hours, connection)
        now = datetime.fromisoformat(NOW) + timedelta(hours=hours)
        assert alert(["--warehouse", str(copy)], environ, clock=lambda: now) == 0

    bench.connection.execute("checkpoint")
    shutil.copy(bench.path, copy)
    with closing(duckdb.connect(str(copy))) as connection:
        connection.execute(FAULTS["foreign_keys"].sql)
    for hours in range(1, 11):
        build_and_alert(hours)
    with closing(duckdb.connect(str(copy))) as connection:
        connection.execute("update todos set session_id = source_session_id where session_id = 'ses_gone'")
    for hours in range(11, 14):
        build_and_alert(hours)
    assert [[(problem.check_id, problem.event) for problem in problems] for problems in sent] == [
        [("foreign_keys", "began")],
        [("foreign_keys", "ended")],
    ]

"""The answers that Elementary's code builds its page from, for nodes and results of every kind."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.errors import IngestError
from ingest.raw.dbt_runs import NodeResult, Run, land_run
from ingest.warehouse import open_warehouse, scratch_warehouse
from opencode_warehouse.elementary_page import cli, page
from opencode_warehouse.elementary_page.runner import ArtifactRunner

OURS = "opencode_warehouse"
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def node(unique_id: str, **fields: Any) -> dict[str, Any]:
    """Return a node of a manifest, an entry of its dictionary."""
    kind, package, *_, name = unique_id.split(".")
    if kind == "test":
        name = unique_id.split(".")[2]
    base = {
        "unique_id": unique_id,
        "name": name,
        "alias": name,
        "resource_type": kind,
        "package_name": package,
        "database": "opencode",
        "schema": "main",
        "description": "One row per thing.",
        "original_file_path": f"models/{name}.sql",
        "path": f"{name}.sql",
        "raw_code": "select 1",
        "tags": [],
        "meta": {},
        "config": {"materialized": "table", "severity": "ERROR", "tags": [], "meta": {}},
        "depends_on": {"nodes": [], "macros": []},
    }
    config = base["config"] | fields.pop("config", {})
    return {unique_id: base | fields | {"config": config}}


MODEL, OTHER = f"model.{OURS}.sessions", f"model.{OURS}.messages"
SOURCE = f"source.{OURS}.opencode.sessions"
UNIQUE = f"test.{OURS}.unique_sessions_session_id.0a"
REFERS = f"test.{OURS}.relationships_messages_session_id.0b"
BROAD, NARROW = f"test.{OURS}.all_add_up", f"test.{OURS}.sessions_end"
ON_SOURCE = f"test.{OURS}.source_not_null_opencode_sessions_id.0c"
MANIFEST: dict[str, Any] = {
    "metadata": {"project_name": OURS},
    "nodes": {
        **node(MODEL, config={"meta": {"owner": "ann, bob", "tags": ["meta"]}, "tags": ["core"]}),
        **node(OTHER, config={"group": "billing"}, depends_on={"nodes": [MODEL], "macros": []}),
        **node("model.elementary.dbt_models"),
        **node(f"seed.{OURS}.prices", config={"meta": {"owner": ["cleo"]}}),
        **node(f"snapshot.{OURS}.sessions_before", config={"materialized": "snapshot", "unique_key": "id"}),
        **node(
            UNIQUE,
            description="",
            column_name="session_id",
            test_metadata={"name": "unique", "namespace": None, "kwargs": {"column_name": "session_id"}},
            depends_on={"nodes": [MODEL], "macros": []},
        ),
        **node(
            REFERS,
            description="",
            config={"meta": {"description": "Every message has a session.", "priority": 1}},
            test_metadata={
                "name": "relationships",
                "namespace": None,
                "kwargs": {
                    "column_name": "session_id",
                    "model": "{{ get_where_subquery(ref('messages')) }}",
                    "to": "ref('sessions')",
                },
            },
            depends_on={"nodes": [MODEL, OTHER], "macros": []},
        ),
        **node(BROAD, depends_on={"nodes": [MODEL, OTHER], "macros": []}),
        **node(NARROW, depends_on={"nodes": [MODEL], "macros": []}),
        **node(
            ON_SOURCE,
            test_metadata={
                "name": "not_null",
                "namespace": None,
                "kwargs": {
                    "column_name": "id",
                    "model": "{{ get_where_subquery(source('opencode', 'sessions')) }}",
                },
            },
            depends_on={"nodes": [SOURCE], "macros": []},
        ),
    },
    "sources": node(
        SOURCE,
        identifier="sessions",
        source_name="opencode",
        loaded_at_field="loaded_at",
        relation_name='"opencode"."raw"."sessions"',
        freshness={"warn_after": {"count": 1, "period": "day"}, "error_after": None, "filter": None},
    ),
    "exposures": node(
        f"exposure.{OURS}.page",
        label="A page",
        url=None,
        type="dashboard",
        maturity="high",
        owner={"name": "dana", "email": None},
        depends_on={"nodes": [OTHER], "macros": []},
    ),
    "groups": {
        "group.x.billing": {"name": "billing", "owner": {"name": None, "email": "billing@example.org"}}
    },
}


def result(unique_id: str, status: str = "success", **fields: Any) -> NodeResult:
    """Return a result that took a second and a half."""
    kind, _, name, *_ = unique_id.split(".")
    values = {"started_at": None, "ended_at": None, "execution_ms": 1500, "n_failures": None, "message": None}
    return NodeResult(unique_id, kind, name, status, **{**values, **fields})


def run(name: str, days_ago: float, *results: NodeResult, command: str = "build") -> Run:
    """Return a run of dbt that took a minute."""
    start = NOW - timedelta(days=days_ago)
    end = start + timedelta(minutes=1)
    return Run(name, command, "1.11.16", OURS, None, "a b", start, end, 60_000, False, results)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a warehouse with a history of runs."""
    runs = (
        run("forgotten", 40, result(MODEL), result(UNIQUE, "fail")),
        run("first", 2, result(MODEL), result(OTHER), result(UNIQUE, "pass"), result(REFERS, "pass")),
        run(
            "second",
            1,
            result(MODEL, "error", message="Binder Error: …", execution_ms=100),
            result(OTHER, "skipped"),
            result("model.elementary.dbt_models"),
            result(f"model.{OURS}.gone"),
            result(UNIQUE, "fail", n_failures=3, message="Got 3 results, configured to fail if != 0"),
            result(REFERS, "skipped"),
            result(BROAD, "error", message="Binder Error: …"),
            result(NARROW, "warn", n_failures=1, message="Got 1 result, configured to warn if != 0"),
            result(f"unit_test.{OURS}.sessions.a_case", "pass"),
            result(f"model.{OURS}.nothing", "no-op"),
        ),
        run(
            "fresh",
            0.5,
            result(SOURCE, "error", max_loaded_at=NOW - timedelta(days=3), age_ms=259_200_000),
            command="source freshness",
        ),
    )
    with scratch_warehouse() as connection:
        for item in runs:
            land_run(connection, item, NOW)
        yield connection


@pytest.fixture
def runner(connection: duckdb.DuckDBPyConnection) -> ArtifactRunner:
    """Return the runner over that history."""
    return ArtifactRunner(MANIFEST, connection, NOW.replace(tzinfo=None), 30)


@pytest.fixture
def data(runner: ArtifactRunner) -> dict[str, Any]:
    """Return the data that Elementary's own code makes of it, as the page gets it."""
    found: dict[str, Any] = json.loads(json.dumps(page.report_data(runner, OURS, 30)))
    return found


def ask(runner: ArtifactRunner, macro: str) -> dict[str, dict[str, Any]]:
    """Return the rows of an answer by their ids."""
    return {row["unique_id"]: row for row in json.loads(runner.run_operation(macro_name=macro)[0])}


def test_owners_and_tags_come_from_where_dbt_lets_them_stand(data: dict[str, Any]) -> None:
    owners = {key.split(".", maxsplit=2)[2]: value["owners"] for key, value in data["models"].items()}
    assert owners == {
        "sessions": ["ann", "bob"],
        "messages": ["billing@example.org"],
        "prices": ["cleo"],
        "sessions_before": [],
        "opencode.sessions": [],
        "page": ["dana"],
    }
    assert data["models"][MODEL]["tags"] == ["core", "meta"]
    assert data["models"][SOURCE]["table_name"] == "sessions"


def test_the_last_result_of_a_test_counts_and_a_skipped_one_is_none(data: dict[str, Any]) -> None:
    found = {
        entry["metadata"]["test_unique_id"]: entry
        for entries in data["test_results"].values()
        for entry in entries
    }
    statuses = {key: entry["metadata"]["latest_run_status"] for key, entry in found.items()}
    assert statuses == {UNIQUE: "fail", REFERS: "pass", BROAD: "error", NARROW: "warn", SOURCE: "fail"}
    assert found[UNIQUE]["test_results"]["failed_rows_count"] == 3
    assert found[UNIQUE]["metadata"]["description"] == "No value is there twice."
    assert found[REFERS]["metadata"]["description"] == "Every message has a session."
    assert found[REFERS]["metadata"]["model_unique_id"] == OTHER
    assert found[BROAD]["metadata"]["model_unique_id"] is None
    assert data["test_results_totals"][MODEL]["failures"] == 1


def test_what_is_older_than_the_page_shows_is_left_out(data: dict[str, Any]) -> None:
    [unique] = [entry for entry in data["test_runs"][MODEL] if entry["metadata"]["test_unique_id"] == UNIQUE]
    assert [(item["id"], item["status"]) for item in unique["test_runs"]["invocations"]] == [
        ("first", "pass"),
        ("second", "fail"),
    ]


def test_a_test_that_never_ran_is_listed_without_a_result(runner: ArtifactRunner) -> None:
    rows = ask(runner, "elementary_cli.get_tests")
    assert rows[ON_SOURCE]["latest_run_status"] is None
    assert rows[ON_SOURCE]["model_unique_id"] == SOURCE
    assert (rows[UNIQUE]["latest_run_status"], rows[UNIQUE]["created_at"]) == ("fail", "2026-03-08T12:01:00")
    assert set(ask(runner, "elementary_cli.get_singular_tests")) == {BROAD, NARROW}


def test_model_runs_say_what_became_of_each(data: dict[str, Any]) -> None:
    runs = {entry["unique_id"]: entry for entry in data["model_runs"]}
    assert set(runs) == {MODEL, OTHER}
    assert [item["status"] for item in runs[MODEL]["runs"]] == ["success", "error"]
    assert [item["execution_time"] for item in runs[MODEL]["runs"]] == [1.5, 0]
    assert data["resources_latest_invocation"] == {MODEL: "second", OTHER: "second"}
    assert [(item["invocation_id"], item["selected"]) for item in data["invocations"]] == [("second", "a b")]


def test_the_freshness_of_a_source_is_shown(data: dict[str, Any]) -> None:
    [fresh] = data["test_results"][SOURCE]
    assert fresh["test_results"]["max_loaded_at_time_ago_in_s"] == 259_200
    assert fresh["metadata"]["configuration"]["warn_after"] == {"count": 1, "period": "day"}


def test_lineage_and_coverage(data: dict[str, Any]) -> None:
    assert sorted(map(tuple, data["lineage"]["edges"])) == [(f"exposure.{OURS}.page", OTHER), (OTHER, MODEL)]
    assert data["coverages"] == {
        MODEL: {"table_tests": 1, "column_tests": 1},
        OTHER: {"table_tests": 0, "column_tests": 1},
        SOURCE: {"table_tests": 0, "column_tests": 1},
    }


def test_a_question_that_is_not_known_is_no_empty_answer(runner: ArtifactRunner) -> None:
    with pytest.raises(KeyError):
        runner.run_operation(macro_name="elementary_cli.something_new")
    with pytest.raises(NotImplementedError):
        runner.run()


def test_the_page_takes_data_as_data(data: dict[str, Any]) -> None:
    data["models"][MODEL]["description"] = "</script><script>alert(1)</script>é"
    html = page.with_notice(page.page(data), "<b>off</b>")
    assert "alert(1)" not in html
    assert "&lt;b&gt;off&lt;/b&gt;" in html
    assert "fonts.googleapis.com" not in html.split("<script type=")[0]
    with pytest.raises(ValueError, match="not a page"):
        page.private("<html></html>")


def test_edr_is_given_a_home_of_its_own_and_absolute_paths() -> None:
    environment = cli.edr_environment({"HOME": "/home/dev", "A": "b"}, Path("/w"), Path("/p"), Path("/t"))
    assert environment["HOME"] == "/t/home"
    assert (environment["A"], environment["DO_NOT_TRACK"]) == ("b", "1")
    assert environment["DBT_PACKAGES_FOLDER"] == "/p/dbt_packages"


FAKE_EDR = """#!/bin/sh
while [ $# -gt 0 ]; do
    case "$1" in --file-path) page="$2" ;; --target-path) target="$2" ;; esac
    shift
done
[ -e "$target/fail" ] && exit 1
printf "<script>window.elementaryData = JSON.parse(atob('e30='));</script><!DOCTYPE html>" > "$page"
printf '<html><head><link href="https://example.org"/><script type="module">1</script></head>' >> "$page"
printf '<body></body></html>' >> "$page"
printf '{"models": {}}' > "$target/elementary_output.json"
"""


def test_the_page_of_edr_is_taken_without_what_it_loads_from_the_web(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bin").mkdir()
    edr = tmp_path / "bin" / "edr"
    edr.write_text(FAKE_EDR)
    edr.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python"))
    (tmp_path / "dbt_packages" / "elementary" / "macros" / "edr").mkdir(parents=True)
    warehouse = tmp_path / "opencode.duckdb"
    command = ["--warehouse", str(warehouse), "--project", str(tmp_path)]
    assert cli.main(command) == 2
    assert "There is no warehouse" in capsys.readouterr().err
    with open_warehouse(warehouse):
        pass
    assert cli.main(command) == 2
    assert "Elementary's tables are not in the warehouse yet" in capsys.readouterr().err
    with open_warehouse(warehouse) as connection:
        connection.execute("create schema elementary; create view elementary.alerts as select 1")
    assert cli.main(command) == 0
    html = (tmp_path / "reports" / "elementary.html").read_text()
    assert "example.org" not in html
    assert "Content-Security-Policy" in html
    (tmp_path / "target" / "elementary" / "page.html").unlink()
    (tmp_path / "target" / "elementary" / "fail").touch()
    assert cli.main(command) == 2
    said = capsys.readouterr()
    assert "`edr report` failed" in said.err
    assert "half a minute" in said.err


def test_a_page_that_cannot_be_written_says_so(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    warehouse = tmp_path / "opencode.duckdb"
    with open_warehouse(warehouse) as made:
        land_run(made, run("first", 1, result(MODEL)), NOW)
    with pytest.raises(IngestError, match="dbt build"):
        cli.from_artifacts(warehouse, target)
    (target / "manifest.json").write_text(json.dumps(MANIFEST))
    (tmp_path / "reports").touch()
    assert cli.main(["--warehouse", str(warehouse), "--project", str(tmp_path)]) == 2
    assert "could not be written" in capsys.readouterr().err


def test_the_page_is_of_the_folder_that_dbt_writes_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse = tmp_path / "opencode.duckdb"
    with open_warehouse(warehouse) as made:
        land_run(made, run("first", 1, result(MODEL)), NOW)
    for given in ("elsewhere/dbt", str(tmp_path / "far" / "dbt")):
        monkeypatch.setenv("DBT_TARGET_PATH", given)
        command = ["--warehouse", str(warehouse), "--project", str(tmp_path / "project")]
        target = tmp_path / "project" / given
        assert cli.main(command) == 2
        assert str(target / "manifest.json") in capsys.readouterr().err
        target.mkdir(parents=True)
        (target / "manifest.json").write_text(json.dumps(MANIFEST))
        assert cli.main(command) == 0

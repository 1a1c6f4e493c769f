"""Keeping the results of dbt's runs: what is landed, once, and what is said of artifacts that are none."""

import json
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import IngestError
from ingest.raw.dbt_runs import RESULTS_KEPT, NodeResult, Run, land_run
from ingest.warehouse import scratch_warehouse
from opencode_warehouse.build import artifacts
from opencode_warehouse.cli import main
from tests.ingest.stores import NOW, SECRET, Warehouse

MANIFEST = {
    "metadata": {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
        "project_name": "opencode_warehouse",
    }
}
STARTED = "2026-03-01T10:00:00.5Z"
EXECUTED = [
    {"name": "compile", "started_at": "2026-03-01T10:00:01Z", "completed_at": "2026-03-01T10:00:02Z"},
    {"name": "execute", "started_at": "2026-03-01T10:00:02Z", "completed_at": "2026-03-01T10:00:04.25Z"},
]
RUN_RESULTS: dict[str, Any] = {
    "metadata": {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
        "dbt_version": "1.11.16",
        "generated_at": "2026-03-01T10:00:10Z",
        "invocation_id": "first",
        "invocation_started_at": STARTED,
    },
    "args": {"which": "build", "full_refresh": True, "target": "local", "select": ["sessions", "messages"]},
    "elapsed_time": 9.1234,
    "results": [
        {
            "unique_id": "model.opencode_warehouse.sessions",
            "status": "success",
            "timing": EXECUTED,
            "execution_time": 3.25,
            "message": "OK",
            "failures": None,
        },
        {
            "unique_id": "test.opencode_warehouse.unique_sessions_session_id.0a1b2c",
            "status": "fail",
            "timing": EXECUTED,
            "execution_time": 0.01,
            "message": "Got 3 results, configured to fail if != 0",
            "failures": 3,
        },
        {
            "unique_id": "test.opencode_warehouse.every_step_is_in_one_exchange",
            "status": "skipped",
            "timing": [],
            "execution_time": 0,
            "message": None,
            "failures": None,
        },
        {
            "unique_id": "unit_test.opencode_warehouse.sessions.a_name",
            "status": "pass",
            "timing": EXECUTED,
            "execution_time": 0,
            "message": None,
            "failures": 0,
        },
    ],
}
SOURCES: dict[str, Any] = {
    "metadata": {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json",
        "dbt_version": "1.11.16",
        "generated_at": "2026-03-01T11:00:00Z",
        "invocation_id": "fresh",
    },
    "elapsed_time": 0.5,
    "results": [
        {
            "unique_id": "source.opencode_warehouse.opencode.load_batches",
            "status": "warn",
            "timing": EXECUTED,
            "execution_time": 0.2,
            "max_loaded_at": "2026-02-28T11:00:00+00:00",
            "max_loaded_at_time_ago_in_s": 86400.5,
        },
        {
            "unique_id": "source.opencode_warehouse.opencode.sources",
            "status": "runtime error",
            "timing": [],
            "execution_time": 0,
            "error": f"Conversion Error: Could not convert string '{SECRET}' to INT64",
        },
    ],
}


def write(folder: Path, **files: object) -> Path:
    """Write artifacts by their names without `.json`; text is written as it is."""
    folder.mkdir(exist_ok=True)
    for name, value in {"manifest": MANIFEST, **files}.items():
        text = value if isinstance(value, str) else json.dumps(value)
        (folder / f"{name}.json").write_text(text)
    return folder


def changed(*path: str, to: object) -> dict[str, Any]:
    """Return run results of which one value is another."""
    artifact = deepcopy(RUN_RESULTS)
    place = artifact
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = to
    return artifact


def test_a_run_is_landed_with_its_results(tmp_path: Path, warehouse: Warehouse) -> None:
    target = write(tmp_path / "target", run_results=RUN_RESULTS)
    assert main(["land-artifacts", "--target", str(target), "--warehouse", str(warehouse.path)]) == 0
    assert warehouse.query("select * exclude (landed_at) from raw.dbt_invocations") == [
        (
            "first",
            "build",
            "1.11.16",
            "opencode_warehouse",
            "local",
            "sessions messages",
            datetime(2026, 3, 1, 10, 0, 0, 500_000),  # noqa: DTZ001
            datetime(2026, 3, 1, 10, 0, 10),  # noqa: DTZ001
            9123,
            True,
        )
    ]
    columns = (
        "resource_type, name, status, execution_ms, n_failures, message, epoch_ms(ended_at - started_at)"
    )
    assert warehouse.query(f"select {columns} from raw.dbt_results order by 1, 2") == [
        ("model", "sessions", "success", 3250, None, "OK", 3250),
        ("test", "every_step_is_in_one_exchange", "skipped", 0, None, None, None),
        (
            "test",
            "unique_sessions_session_id",
            "fail",
            10,
            3,
            "Got 3 results, configured to fail if != 0",
            3250,
        ),
        ("unit_test", "a_name", "pass", 0, 0, None, 3250),
    ]


def test_the_freshness_of_sources_is_landed_as_a_run_of_its_own(tmp_path: Path, warehouse: Warehouse) -> None:
    target = write(tmp_path / "target", run_results=RUN_RESULTS, sources=SOURCES)
    assert main(["land-artifacts", "--target", str(target), "--warehouse", str(warehouse.path)]) == 0
    assert warehouse.query("select command from raw.dbt_invocations order by 1") == [
        ("build",),
        ("source freshness",),
    ]
    fields = "name, status, age_ms, max_loaded_at, message"
    of_sources = "where resource_type = 'source' order by 1"
    assert warehouse.query(f"select {fields} from raw.dbt_results {of_sources}") == [
        ("opencode.load_batches", "warn", 86_400_500, datetime(2026, 2, 28, 11), None),  # noqa: DTZ001
        (
            "opencode.sources",
            "runtime error",
            None,
            None,
            "Conversion Error: Could not convert string …",
        ),
    ]


def test_landing_again_changes_nothing(
    tmp_path: Path, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["land-artifacts", "--json", "--warehouse", str(warehouse.path), "--target"]
    target = write(tmp_path / "target", run_results=RUN_RESULTS, sources=SOURCES)
    assert main([*command, str(target)]) == 0
    landed = json.loads(capsys.readouterr().out)
    assert landed == {
        "landed": [{"invocation_id": "first", "results": 4}, {"invocation_id": "fresh", "results": 2}]
    }
    before = warehouse.query("from raw.dbt_invocations"), warehouse.query("from raw.dbt_results")
    assert main([*command, str(target)]) == 0
    assert json.loads(capsys.readouterr().out) == {"landed": []}
    assert (warehouse.query("from raw.dbt_invocations"), warehouse.query("from raw.dbt_results")) == before
    write(target, run_results=changed("metadata", "invocation_id", to="second"))
    assert main([*command, str(target)]) == 0
    assert warehouse.query("select count(distinct invocation_id) from raw.dbt_results") == [(3,)]


def test_a_run_without_nodes_that_ran_is_no_run(tmp_path: Path, warehouse: Warehouse) -> None:
    target = write(tmp_path / "target", run_results=changed("args", "which", to="generate"))
    assert main(["land-artifacts", "--target", str(target), "--warehouse", str(warehouse.path)]) == 0
    assert warehouse.query("from raw.dbt_invocations") == []


def test_results_are_kept_for_ninety_days_and_invocations_for_ever() -> None:
    with scratch_warehouse() as connection:
        for name, age in (
            ("old", RESULTS_KEPT + timedelta(days=1)),
            ("young", RESULTS_KEPT),
            ("new", 0 * RESULTS_KEPT),
        ):
            result = NodeResult("model.p.a", "model", "a", "success", NOW, NOW, 1, None, None)
            run = Run(name, "run", "1", "p", None, None, NOW - age, NOW - age, 1, False, (result,))
            assert land_run(connection, run, NOW)
        kept = connection.execute("select invocation_id from raw.dbt_results order by 1").fetchall()
        assert kept == [("new",), ("young",)]
        assert connection.execute("select count(*) from raw.dbt_invocations").fetchall() == [(3,)]


def test_a_run_lands_whole_or_not_at_all() -> None:
    result = NodeResult("model.p.a", "model", "a", "success", NOW, NOW, 1 << 70, None, None)
    run = Run("broken", "run", "1", "p", None, None, NOW, NOW, 1, False, (result,))
    with scratch_warehouse() as connection:
        with pytest.raises(OverflowError):
            land_run(connection, run, NOW)
        assert connection.execute("from raw.dbt_invocations").fetchall() == []


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"run_results": "{"}, "is not whole"),
        ({"run_results": "[]"}, "is not dbt's run-results"),
        ({"run_results": "{}"}, "is not dbt's run-results"),
        ({"run_results": {"metadata": {"dbt_schema_version": 6}}}, "is not dbt's run-results"),
        ({"run_results": SOURCES}, "is not dbt's run-results"),
        (
            {
                "run_results": changed(
                    "metadata",
                    "dbt_schema_version",
                    to="https://schemas.getdbt.com/dbt/run-results/v99.json",
                )
            },
            "is of version 99",
        ),
        ({"run_results": changed("metadata", "invocation_id", to=None)}, "is not what dbt writes"),
        ({"run_results": changed("results", to=7)}, "is not what dbt writes"),
        ({"run_results": changed("results", to=[{}])}, "'unique_id'"),
        ({"run_results": changed("metadata", "generated_at", to="noon")}, "is not what dbt writes"),
        ({"run_results": RUN_RESULTS, "manifest": "{"}, "manifest.json is not whole"),
        (
            {
                "run_results": RUN_RESULTS,
                "manifest": {"metadata": MANIFEST["metadata"] | {"project_name": "jaffle_shop"}},
            },
            "are of the dbt project jaffle_shop",
        ),
    ],
)
def test_an_artifact_that_is_broken_or_foreign_is_an_error_with_a_remedy(
    tmp_path: Path,
    warehouse: Warehouse,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, object],
    words: str,
) -> None:
    target = write(tmp_path / "target", **files)
    assert main(["land-artifacts", "--target", str(target), "--warehouse", str(warehouse.path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert words in line
    assert "--target" in line or "make setup" in line
    assert not warehouse.path.exists()


def test_a_folder_without_results_is_an_error_with_a_remedy(
    tmp_path: Path, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (tmp_path / "nowhere", write(tmp_path / "only a manifest")):
        assert main(["land-artifacts", "--target", str(folder), "--warehouse", str(warehouse.path)]) == 2
        assert "Run `dbt build`" in capsys.readouterr().err


def test_an_artifact_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    target = write(tmp_path / "target", run_results=RUN_RESULTS)
    (target / "manifest.json").unlink()
    with pytest.raises(IngestError, match=r"manifest\.json cannot be read"):
        artifacts.read_runs(target)


@pytest.mark.parametrize(
    "message",
    [
        f"Runtime Error in model a (models/a.sql)\n  Conversion Error: Could not convert string '{SECRET}'",
        f'Invalid Input Error: Malformed JSON. Input: "{{\\"{SECRET}\\""',
        f'Constraint Error: Duplicate key "id: {SECRET}" violates',
        f"Binder Error: no such column\nLINE 1: select '{SECRET}",
        f"Parser Error: unterminated quoted string at or near \"'{SECRET}",
    ],
)
def test_a_message_does_not_say_what_a_document_holds(message: str) -> None:
    shown = artifacts.without_values(message)
    assert SECRET not in shown
    assert "Error" in shown


@given(st.text(), st.sampled_from("'\""))
def test_no_quoted_text_is_shown(text: str, quote: str) -> None:
    assert artifacts.without_values(f"Error: {quote}{text}{quote} cannot be cast") == "Error: …"

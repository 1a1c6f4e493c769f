"""The project as a newcomer meets it: an empty store, the documentation, a fresh copy."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
import questions

from ingest.warehouse import open_warehouse
from opencode_warehouse.tell import answers

PROJECT = Path(__file__).resolve().parents[2]
NOT_OURS = (
    ".git",
    ".venv",
    "target",
    "dbt_packages",
    "logs",
    "warehouse",
    ".*_cache",
    "__pycache__",
    "*.egg-info",
    ".hypothesis",
    ".coverage*",
)


def test_an_empty_store_builds_and_passes_every_test_unit_tests_included(
    new_warehouse: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "storage").mkdir()
    warehouse = new_warehouse(tmp_path)
    warehouse.load()
    # how full the disk is of the machine that tests is not what is tested
    with closing(duckdb.connect(str(warehouse.path))) as connection:
        connection.execute("update raw.storage_measurements set disk_free_bytes = disk_total_bytes")
    assert "PASS" in warehouse.dbt("build", "--warn-error")
    for table in ("projects", "project_aliases", "sessions", "messages", "parts"):
        assert warehouse.one(f"select count(*) from {table}") == 0
    # Seeds for what a user knows are empty as well.
    for table in ("cost_anomalies", "budget_status", "billing_reconciliation"):
        assert warehouse.one(f"select count(*) from {table}") == 0
    assert warehouse.query("select count(*), count(expected_usd) from spend_forecast") == [(31, 0)]


def test_the_answers_in_the_readme_are_those_of_the_sample(sample: Any) -> None:
    readme = (PROJECT / "README.md").read_text()
    answered = re.findall(r"```sql\n([^`]*)```\n\n((?:\|.*\n)+)", readme)
    assert len(answered) >= 2
    for sql, table in answered:
        lines = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
        rows = sample.query(sql)
        assert lines[2:] == [["" if value is None else str(value) for value in row] for row in rows], sql


def test_the_answers_in_the_docs_are_those_of_the_sample(sample: Any) -> None:
    listed = answers.read_questions(PROJECT / "analyses")
    with open_warehouse(sample.path, read_only=True) as connection:
        found = [answers.answer(question, connection) for question in listed]
    assert (PROJECT / questions.PAGE).read_text() == questions.page(listed, found)
    # What the sample has no row for is shown as such; there are few.
    assert [question.name for question, one in zip(listed, found, strict=True) if not one.rows] == [
        "cost_anomaly_days",
        "budgets_kept",
        "bills_reconciled",
        "expected_spend",
        "mcp_servers",
    ]


def test_every_model_and_column_is_described(sample: Any) -> None:
    warehouse = sample
    warehouse.dbt("docs", "generate")
    target = warehouse.path.parent / "target"
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    catalog = json.loads((target / "catalog.json").read_text())["nodes"]
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model"}
    ours = {key: node for key, node in models.items() if node["package_name"] == "opencode_warehouse"}
    assert len(ours) >= 26
    for key, node in ours.items():
        assert node["description"].startswith("One row per"), key
        described = {name for name, column in node["columns"].items() if column["description"].strip()}
        assert described == set(catalog[key]["columns"]), key
    sources = json.loads((target / "manifest.json").read_text())["sources"]
    for key, source in sources.items():
        if source["package_name"] == "opencode_warehouse":
            assert source["description"].startswith("One row per"), key
            assert all(column["description"] for column in source["columns"].values()), key


@pytest.mark.slow
def test_a_fresh_copy_runs_with_an_empty_home_and_leaves_nothing_behind(tmp_path: Path) -> None:
    copy = tmp_path / "a copy" / "opencode-warehouse"  # with a blank in its path, as on many a Mac
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns(*NOT_OURS))
    home = tmp_path / "home"
    home.mkdir()
    before = tree(copy)
    kept = ("PATH", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    environment = {
        name: value for name, value in os.environ.items() if name in kept or name.startswith("PIP_")
    } | {"HOME": str(home)}
    # What set-up of this checkout has fetched is not fetched again: that takes longer than all the rest.
    pip = [sys.executable, "-m", "pip", "cache", "dir"]
    cache = subprocess.run(pip, capture_output=True, text=True, check=True).stdout.strip()
    environment.setdefault("PIP_CACHE_DIR", cache)

    def run(*command: str, code: int = 0) -> str:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    output = run("make", "run")
    assert "the bundled sample is used instead" in output
    for word in ("sessions", "messages", "tokens", "cost", "Rejected", "Warehouse", "Next"):
        assert word in output
    assert output.splitlines()[-3].endswith("warehouse/reports/data-quality.html")
    assert output.splitlines()[-1].startswith("WARN: nothing fails")
    assert "Released 20" in output
    current = copy / "warehouse" / "current"
    released = current.readlink()
    assert (current / "opencode.duckdb").is_file()
    # dbt alone needs no setting either; what a whole build finds is tested above
    run(".venv/bin/dbt", "build", "--select", "sessions")
    # A test that fails stops neither the checks nor the report, which names it.
    always_fails = copy / "tests" / "nothing_is_ever_right.sql"
    always_fails.write_text("select 1 as wrong\n")
    output = run("make", "run", code=2)
    always_fails.unlink()
    assert "nothing was written" in output
    assert output.splitlines()[-1].startswith("FAIL: 1 of ")
    assert "Not released, as dbt test failed: readers keep the last release." in output
    assert current.readlink() == released
    page = (copy / "warehouse" / "reports" / "data-quality.md").read_text()
    assert "such as nothing_is_ever_right" in page.replace("\\", "")
    assert tree(copy) == before
    assert not list((home).glob("*opencode*"))


def tree(folder: Path) -> set[Path]:
    """Return the files of a copy, but for those that git ignores."""
    ignored = shutil.ignore_patterns(*NOT_OURS)
    found = set()
    for path, folders, files in os.walk(folder):
        skip = ignored(path, [*folders, *files])
        folders[:] = [name for name in folders if name not in skip]
        found |= {
            Path(path, name).relative_to(folder) for name in files if name not in skip and name != ".user.yml"
        }
    return {path for path in found if "__pycache__" not in path.parts}

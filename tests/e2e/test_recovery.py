"""Every procedure of docs/operations.md for when something is broken, as an operator would do it."""

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.releases import current_release, publish
from tests.e2e.conftest import PROJECT, NewWarehouse, Warehouse

FIGURES = """
    select
        (select count(*) from sessions), (select count(*) from parts),
        (select sum(tokens_total) from messages), (select sum(message_cost_usd) from messages)
"""


@pytest.fixture
def built(sample: Warehouse, new_warehouse: NewWarehouse) -> Warehouse:
    """The sample, loaded and built, in a warehouse of this test's own."""
    warehouse = new_warehouse(PROJECT / "sample")
    shutil.copy(sample.path, warehouse.path)
    return warehouse


def command(warehouse: Warehouse, *arguments: str) -> str:
    """Run a command of the loader on a warehouse, which has to succeed, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "ingest", *arguments],
        cwd=PROJECT,
        env=os.environ | {"OPENCODE_STORE": warehouse.store, "OPENCODE_WAREHOUSE": str(warehouse.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def corrupt(path: Path) -> None:
    """Overwrite the head of a file, as a failing disk does."""
    with path.open("r+b") as file:
        file.write(b"\xff" * 8192)


def rows(path: Path, warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Return the figures that a reader of a file gets."""
    return Warehouse(path, warehouse.store, warehouse.parsed).query(FIGURES)


def test_a_corrupt_warehouse_is_restored_from_the_newest_backup(built: Warehouse) -> None:
    figures = built.query(FIGURES)
    command(built, "backup")
    corrupt(built.path)
    with pytest.raises(AssertionError, match=r"is no warehouse that this DuckDB .* can open"):
        built.load()

    command(built, "restore")

    assert built.query(FIGURES) == figures
    assert built.load()["counts"]["written"] == 0


def test_a_corrupt_warehouse_without_a_backup_is_rebuilt_from_the_stores(built: Warehouse) -> None:
    figures = built.query(FIGURES)
    corrupt(built.path)

    aside = built.path.parent / "broken"
    aside.mkdir()
    for file in built.path.parent.glob("opencode.duckdb*"):
        file.rename(aside / file.name)
    built.load()
    built.build_untested("tag:quality")

    assert built.query(FIGURES) == figures


def test_readers_are_served_while_the_warehouse_is_broken_and_restored(built: Warehouse) -> None:
    command(built, "backup")
    publish(built.path)
    served = current_release(built.path)
    assert served is not None
    figures = built.query(FIGURES)
    corrupt(built.path)
    assert rows(served, built) == figures
    command(built, "restore")
    assert rows(served, built) == figures


def test_a_bad_release_is_rolled_back(built: Warehouse) -> None:
    publish(built.path)
    figures = built.query(FIGURES)
    with closing(duckdb.connect(str(built.path))) as connection:
        connection.execute("delete from main.errors; delete from main.parts where is_orphan = false")
    publish(built.path)
    served = current_release(built.path)
    assert served is not None
    assert rows(served, built) != figures

    assert "withdrawn" not in command(built, "releases")
    command(built, "rollback")

    assert rows(served, built) == figures
    assert "withdrawn" in command(built, "releases")

"""Every procedure of docs/operations.md for when something is broken, as an operator would do it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.lock import program, writing
from opencode_warehouse.keep.releases import current_release, publish
from tests.e2e.conftest import DBT, PROJECT, NewWarehouse, Warehouse

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
    """Run a command on a warehouse, which has to succeed, and return what it prints."""
    program = "ingest" if arguments[0] in ("load", "init") else "opencode_warehouse"
    done = subprocess.run(
        [sys.executable, "-m", program, *arguments],
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
    return Warehouse(path, warehouse.store, warehouse.server).query(FIGURES)


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


def killed(warehouse: Warehouse, store: Path) -> None:
    """Kill a load of a store in its midst, holding the lock."""
    code = (
        "import os, signal\n"
        "from ingest.raw import chunks, writer\n"
        "from ingest.cli import main\n"
        "chunks.CHUNK_ROWS, write, done = 100, writer.Writer._write, []\n"
        "def dying(*arguments, is_last):\n"
        "    done.append(write(*arguments, is_last=is_last))\n"
        "    if len(done) == 5: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return done[-1]\n"
        "writer.Writer._write = dying\n"
        "main(['load'])\n"
    )
    environment = {"OPENCODE_STORE": str(store), "OPENCODE_WAREHOUSE": str(warehouse.path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=os.environ | environment | {"OPENCODE_MACHINE": "desk"},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


def test_a_crashed_load_is_completed_by_the_next_and_its_lock_is_taken_over(
    new_warehouse: NewWarehouse, sample: Warehouse
) -> None:
    warehouse = new_warehouse(PROJECT / "sample")
    killed(warehouse, PROJECT / "sample")

    told = command(warehouse, "status")
    assert "ended in the middle; the next load completes what is missing" in told
    assert "a stale lock of" in told
    warehouse.load()

    assert "a stale lock of" not in command(warehouse, "status")
    count = "select count(*), sum(size_bytes) from raw.parts"
    assert warehouse.query(count) == sample.query(count)
    statuses = warehouse.query("select status from raw.load_batches order by load_batch_id")
    assert statuses == [("interrupted",), ("completed",)]


def test_dbt_waits_for_its_turn_or_says_who_has_the_warehouse(
    new_warehouse: NewWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = new_warehouse(PROJECT / "sample")
    warehouse.load()
    seeds = ("seed", "--select", "error_categories")
    with writing(warehouse.path):
        warehouse.environment["OPENCODE_WAIT_S"] = "0.5"
        told = warehouse.dbt(*seeds, code=2)
        assert f"is in use by {program()} (process {os.getpid()}" in told
        assert "Traceback" not in told
        assert "Could not set lock" not in told
    with ThreadPoolExecutor(1) as pool:
        warehouse.environment["OPENCODE_WAIT_S"] = "60"
        with writing(warehouse.path):
            waiting = pool.submit(warehouse.dbt, *seeds)
            time.sleep(4)  # dbt has read the project by then
            assert not waiting.done()
        waiting.result()
    assert warehouse.one("select count(*) from error_categories") > 20


def test_readers_are_served_while_dbt_builds(built: Warehouse) -> None:
    publish(built.path)
    served = current_release(built.path)
    assert served is not None
    figures = rows(served, built)
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(built.dbt, "run", "--select", "+sessions")
        n_reads = 0
        while not building.done():
            assert rows(served, built) == figures
            n_reads += 1
        building.result()
    assert n_reads > 5


def test_a_disk_that_is_full_during_a_build_is_healed_by_the_next(built: Warehouse) -> None:
    publish(built.path)
    served = current_release(built.path)
    assert served is not None
    figures = rows(served, built)
    target = built.path.parent / "target"
    limit = "2000"  # blocks of 512 bytes: less than the file has already
    full = subprocess.run(
        ["sh", "-c", 'ulimit -f "$0"; exec "$@"', limit, str(DBT), "run", "--select", "+sessions"],
        cwd=PROJECT,
        env=os.environ
        | {"OPENCODE_WAREHOUSE": str(built.path), "DBT_PROFILES_DIR": str(PROJECT)}
        | {"DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert full.returncode != 0, full.stdout
    assert "too large" in full.stdout.lower(), full.stdout
    assert rows(served, built) == figures

    built.dbt("run", "--select", "+sessions")
    assert built.query(FIGURES) == figures

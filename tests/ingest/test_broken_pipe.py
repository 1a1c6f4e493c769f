"""Output that nobody reads to its end (`status --json | head -1`): no failure of what was done."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.warehouse import open_warehouse
from tests.ingest.stores import Warehouse, json_tree, message_file, write
from tests.ingest.test_health import TABLES

PROJECT = Path(__file__).resolve().parents[2]
COMMANDS = {
    "status": (0, "-m ingest status"),
    "status --json": (0, "-m ingest status --json"),
    "load, with a rejection": (0, "-m ingest load --rehash"),
    "doctor, with a problem": (1, "-m ingest doctor"),
    "health, with a FAIL": (1, "-m opencode_warehouse health"),
    "health --json": (1, "-m opencode_warehouse health --json"),
    "backup": (0, "-m opencode_warehouse backup"),
    "releases": (0, "-m opencode_warehouse releases"),
    "prune": (0, "-m opencode_warehouse prune --older-than 1"),
    "answer": (0, "-m opencode_warehouse answer"),
    "alert": (1, "-m opencode_warehouse alert --test"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_reader_that_goes_away_is_no_failure(name: str, warehouse: Warehouse, tmp_path: Path) -> None:
    store = json_tree(tmp_path / "store")
    write(message_file(store, "msg_bad"), b'{"role":')
    warehouse.load(store)
    with open_warehouse(warehouse.path) as connection:
        connection.execute(TABLES)
    code, command = COMMANDS[name]
    reads, writes = os.pipe()
    os.close(reads)
    environ = os.environ | {
        "OPENCODE_WAREHOUSE": str(warehouse.path),
        "OPENCODE_STORE": str(store),
        "OPENCODE_ALERTS_SLACK_URL": "http://127.0.0.1:1/",
    }
    with os.fdopen(writes, "wb") as nobody:
        done = subprocess.run(
            [sys.executable, *command.split()],
            stdout=nobody,
            stderr=subprocess.PIPE,
            env=environ,
            check=False,
        )
    assert (done.returncode in (code, 1 if name.startswith("load") else code), done.stderr) == (True, b"")


def test_a_run_goes_on_where_nobody_reads_what_it_says(tmp_path: Path) -> None:
    program = "from ingest import human; [human.say(n) for n in range(3)]; open('done', 'w').close()"
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as nobody:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=nobody, stderr=subprocess.PIPE, cwd=tmp_path, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "done").exists()

"""A run that ends, however it ends, takes the programs along that it started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ingest.stores import Warehouse

RUN = """
import sys
from pathlib import Path
from ingest.lock import writing
from opencode_warehouse.build.pipeline import Outcome, _Build
from ingest.settings import Settings

warehouse = Path(sys.argv[1])
with writing(warehouse):
    one = _Build(Settings((), warehouse, "box", is_default_store=False), Outcome(), print, None)
    one.command("dbt run", [sys.executable, "-c", sys.argv[2], sys.argv[3]])
"""
DBT = """
import os, pathlib, signal, sys, time
{first}
note = pathlib.Path(sys.argv[1])
note.with_suffix(".part").write_text(str(os.getpid()))
note.with_suffix(".part").rename(note)
time.sleep(120)
"""


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not asked for its end yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(what: str, found: Callable[[], bool]) -> None:
    """Wait up to 20 seconds until something is so."""
    for _ in range(400):
        if found():
            return
        time.sleep(0.05)
    pytest.fail(what)


@pytest.mark.parametrize(
    ("number", "first"),
    [
        (signal.SIGKILL, ""),
        (signal.SIGTERM, ""),
        (signal.SIGINT, ""),
        (signal.SIGKILL, "signal.signal(signal.SIGTERM, signal.SIG_IGN)"),
    ],
    ids=["SIGKILL", "SIGTERM", "SIGINT", "a dbt that will not end"],
)
def test_a_run_that_is_killed_takes_its_dbt_along(
    warehouse: Warehouse, tmp_path: Path, number: int, first: str
) -> None:
    warehouse.path.parent.mkdir()
    note = tmp_path / "pid"
    command = [sys.executable, "-c", RUN, str(warehouse.path), DBT.format(first=first), str(note)]
    with subprocess.Popen(command, start_new_session=True) as run:
        wait_for("dbt does not start", note.exists)
        pid = int(note.read_text())
        assert is_alive(pid)
        run.send_signal(number)
        run.wait(20)
        wait_for("dbt is still there", lambda: not is_alive(pid))


def test_the_exit_code_is_that_of_the_program() -> None:
    for code in (0, 1, 2):
        assert run(f"raise SystemExit({code})").returncode == code
    assert run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)").returncode == 128 + signal.SIGKILL


def test_a_program_that_is_asked_to_end_is_ended_through_it() -> None:
    command = [
        sys.executable,
        "-m",
        "opencode_warehouse.build.tether",
        sys.executable,
        "-c",
        DBT_THAT_SAYS_GOODBYE,
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "here\n"
        program.terminate()
        assert program.stdout.read() == "goodbye\n"
    assert program.returncode == 7


DBT_THAT_SAYS_GOODBYE = """
import signal, sys, time

def end(*_):
    print("goodbye", flush=True)
    sys.exit(7)

signal.signal(signal.SIGTERM, end)
print("here", flush=True)
time.sleep(60)
"""


def run(program: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a program of Python through the tether, whose input stays open."""
    command = [sys.executable, "-m", "opencode_warehouse.build.tether", sys.executable, "-c", program]
    reads, writes = os.pipe()
    try:
        return subprocess.run(command, stdin=reads, check=False)
    finally:
        os.close(reads)
        os.close(writes)

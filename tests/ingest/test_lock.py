"""Whoever writes waits for whoever writes already, or says who that is."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.errors import IngestError
from ingest.lock import (
    BusyError,
    Holder,
    Patience,
    holding,
    is_stale,
    lent,
    lock_path,
    program,
    read_holder,
    writing,
)
from ingest.warehouse import open_warehouse

HOLD = """
import sys, time
from pathlib import Path
from ingest.lock import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@contextmanager
def held_elsewhere(warehouse: Path, seconds: float) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lock for some seconds, or until it is killed."""
    command = [sys.executable, "-c", HOLD, str(warehouse), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    return tmp_path / "opencode.duckdb"


def test_a_second_writer_is_refused_and_told_who_the_first_is(warehouse: Path) -> None:
    with held_elsewhere(warehouse, 60) as process:
        named = rf"in use by -c \(process {process.pid}, since 20"
        with pytest.raises(BusyError, match=named) as error, writing(warehouse, Patience(0.1)):
            pytest.fail("two have the lock")
        assert error.value.pid == process.pid
        holder = read_holder(lock_path(warehouse))
        assert holder is not None
        assert holder.pid == process.pid


def test_who_has_just_taken_a_lock_is_named(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with held_elsewhere(warehouse, 60) as process:
        said = lock_path(warehouse).read_bytes()
        lock_path(warehouse).write_bytes(b"")
        monkeypatch.setattr(time, "sleep", lambda seconds: lock_path(warehouse).write_bytes(said))
        with pytest.raises(BusyError, match=f"process {process.pid}"), writing(warehouse, Patience(0)):
            pytest.fail("two have the lock")


def test_a_second_writer_waits_and_says_for_whom(warehouse: Path, caplog: pytest.LogCaptureFixture) -> None:
    with held_elsewhere(warehouse, 0.5) as process, open_warehouse(warehouse, wait_s=30) as connection:
        assert connection.execute("select count(*) from raw.sessions").fetchone() == (0,)
    assert f"process {process.pid}" in caplog.text


def test_a_reader_needs_no_lock(warehouse: Path) -> None:
    with open_warehouse(warehouse):
        pass
    with held_elsewhere(warehouse, 60), open_warehouse(warehouse, read_only=True, wait_s=0):
        pass


def test_the_lock_of_a_killed_process_is_free_and_known_to_be_stale(
    warehouse: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with held_elsewhere(warehouse, 60) as process:
        assert not is_stale(lock_path(warehouse))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert is_stale(lock_path(warehouse))
        with caplog.at_level(logging.WARNING), writing(warehouse, Patience(0)):
            assert not is_stale(lock_path(warehouse))
        assert f"process {process.pid}" in caplog.text
        assert "without letting go" in caplog.text
    assert read_holder(lock_path(warehouse)) is None
    assert not is_stale(lock_path(warehouse))


def test_a_lock_that_is_let_go_of_while_it_is_looked_at_is_not_stale(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter([Holder("dbt build", "box", 1, datetime.now(UTC), "token"), None])
    monkeypatch.setattr("ingest.lock.read_holder", lambda path: next(said))
    assert not is_stale(lock_path(warehouse))
    assert next(said, "asked twice") == "asked twice"


def test_who_has_the_lock_may_take_it_again(warehouse: Path) -> None:
    with writing(warehouse), writing(warehouse), open_warehouse(warehouse, wait_s=0):
        pass
    with writing(warehouse):  # and lets go of it only once
        holder = read_holder(lock_path(warehouse))
    assert holder is not None
    assert holder.pid == os.getpid()


def test_a_process_that_the_holder_starts_may_write(warehouse: Path) -> None:
    command = [sys.executable, "-m", "ingest", "init", "--warehouse", str(warehouse)]
    with writing(warehouse):
        environment = os.environ | {"OPENCODE_WAIT_S": "0"}
        done = subprocess.run(command, env=environment | lent(warehouse), check=False)
        assert done.returncode == 0
        refused = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert refused.returncode == 2
    assert f"in use by {program()} (process {os.getpid()}" in refused.stderr
    with pytest.raises(RuntimeError):
        lent(warehouse)


def test_where_the_disk_has_no_room_for_a_token_nobody_is_given_one(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", refuse)
        with writing(warehouse), pytest.raises(IngestError, match="Make room"):
            lent(warehouse)
    with monkeypatch.context() as full, writing(warehouse):
        assert lent(warehouse)
        full.setattr(os, "pwrite", refuse)
        assert lent(warehouse), "what is written needs no room"


def test_a_note_that_was_lost_is_written_again_and_a_lock_that_was_removed_is_told(warehouse: Path) -> None:
    with writing(warehouse):
        token = lent(warehouse)
        lock_path(warehouse).write_bytes(b"")
        assert lent(warehouse) == token
        holder = read_holder(lock_path(warehouse))
        assert holder is not None
        assert holder.token in token.values()
        lock_path(warehouse).unlink()
        with pytest.raises(IngestError, match="was removed or replaced"):
            lent(warehouse)


def test_a_lock_that_is_a_link_is_not_written_to(warehouse: Path, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("kept")
    lock_path(warehouse).symlink_to(tmp_path / "private")
    with pytest.raises(IngestError, match="cannot be taken"), writing(warehouse):
        pytest.fail("the lock was taken")
    assert (tmp_path / "private").read_text() == "kept"


LEND = """
import os, subprocess, sys
from pathlib import Path
from ingest.lock import lent, writing
warehouse = Path(sys.argv[1])
with writing(warehouse):
    child = [sys.executable, "-c", sys.argv[2], str(warehouse)]
    with subprocess.Popen(child, env=os.environ | lent(warehouse), stdout=sys.stdout) as process:
        process.wait()
"""
BORROW = """
import sys, time
from pathlib import Path
from ingest.lock import writing
print("started", flush=True)
with writing(Path(sys.argv[1])):
    time.sleep(0.05)
"""


def test_the_next_one_may_always_lend_whatever_became_of_a_killed_run_and_its_dbt(warehouse: Path) -> None:
    """A dbt that has outlived its run starts just when the next run takes the lock."""
    for _ in range(15):
        command = [sys.executable, "-c", LEND, str(warehouse), BORROW]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
            assert run.stdout is not None
            assert run.stdout.readline() == "started\n"
            run.send_signal(signal.SIGKILL)
            run.wait()
            with writing(warehouse, Patience(10)):
                for _ in range(20):
                    token = lent(warehouse)
                    holder = read_holder(lock_path(warehouse))
                    assert holder is not None
                    assert (holder.pid, [holder.token]) == (os.getpid(), list(token.values()))
                    time.sleep(0.005)
            assert read_holder(lock_path(warehouse)) is None or is_stale(lock_path(warehouse)) is False


def test_the_token_of_a_holder_that_was_killed_opens_nothing(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_elsewhere(warehouse, 60) as process:
        holder = read_holder(lock_path(warehouse))
        assert holder is not None
        monkeypatch.setenv("OPENCODE_LOCK_TOKEN", holder.token)
        process.kill()
        process.wait()
        with writing(warehouse):  # it is taken, and not only thought to be lent
            command = [sys.executable, "-m", "ingest", "init", "--warehouse", str(warehouse)]
            environ = {name: value for name, value in os.environ.items() if name != "OPENCODE_LOCK_TOKEN"}
            done = subprocess.run(command, env=environ | {"OPENCODE_WAIT_S": "0"}, check=False)
    assert done.returncode == 2


def test_a_token_of_a_lock_that_was_let_go_opens_nothing(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(warehouse):
        monkeypatch.setenv("OPENCODE_LOCK_TOKEN", lent(warehouse)["OPENCODE_LOCK_TOKEN"])
    with held_elsewhere(warehouse, 60), pytest.raises(BusyError), writing(warehouse, Patience(0)):
        pytest.fail("two have the lock")


@pytest.mark.parametrize("given", ["soon", "-1", "nan", "100000"])
def test_how_long_is_waited_is_a_number_of_seconds(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("OPENCODE_WAIT_S", given)
    with pytest.raises(IngestError, match="OPENCODE_WAIT_S must be a number of seconds"), writing(warehouse):
        pytest.fail("the lock was taken")


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    impossible = tmp_path / "file" / "opencode.lock"
    with pytest.raises(IngestError, match="cannot be taken"), holding(impossible, "the thing", Patience(0)):
        pytest.fail("the lock was taken")


def test_patience_says_at_once_that_it_waits_and_then_every_five_seconds(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    patience = Patience(12.0, sleep=lambda seconds: None)
    said = []
    for now in (0.0, 1.0, 4.9, 5.0, 9.9, 10.0, 11.9):
        assert not patience.is_over()
        patience.wait("the thing", "somebody")
        said.append(len(caplog.records))
        assert now == time.monotonic()
    assert said == [1, 1, 1, 2, 2, 3, 3]
    now = 12.0
    assert patience.is_over()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["/venv/bin/opencode-ingest", "--json", "load"], "opencode-ingest load"),
        (["/project/ingest/__main__.py", "watch"], "opencode-ingest watch"),
        (["/project/opencode_warehouse/__main__.py", "run"], "opencode-warehouse run"),
        (["/venv/bin/dbt", "--no-use-colors", "build", "--select", "x"], "dbt build"),
        (["-c", "/secret/place"], "-c"),
    ],
)
def test_a_program_is_known_by_its_name_and_command(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], name: str
) -> None:
    monkeypatch.setattr(sys, "argv", arguments)
    assert program() == name

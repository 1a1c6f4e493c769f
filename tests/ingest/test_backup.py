"""Backups: the same bytes, verified, noted, private; and nothing half-made where something is in the way."""

import errno
import hashlib
import json
import resource
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest import command_line
from ingest.errors import IngestError
from ingest.lock import BusyError
from ingest.warehouse import open_warehouse
from opencode_warehouse.cli import main
from opencode_warehouse.keep import backup, copies
from opencode_warehouse.keep.backup import back_up
from tests.ingest.stores import Warehouse, json_tree, without_rights

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
N_DOCUMENTS = 10


@pytest.fixture
def loaded(warehouse: Warehouse, tmp_path: Path) -> Warehouse:
    """A warehouse of a small history, with a table of a build."""
    warehouse.load(json_tree(tmp_path / "store"))
    with open_warehouse(warehouse.path) as connection:
        connection.execute("create table main.built as select 42 as answer")
        connection.execute("create view main.seen as select answer from opencode.main.built")
    return warehouse


def left(folder: Path) -> set[str]:
    """Return the names of all that lies below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_backup_holds_what_the_warehouse_held_and_is_noted(loaded: Warehouse) -> None:
    made = back_up(loaded.path, clock=lambda: NOW)

    copy = Warehouse(loaded.path.parent / "backups" / "20261122T080000Z" / "opencode.duckdb")
    assert made.path == str(copy.path)
    assert made.n_documents == N_DOCUMENTS
    assert made.size_bytes == copy.path.stat().st_size
    assert made.sha256 == hashlib.sha256(copy.path.read_bytes()).hexdigest()
    assert copy.value("select answer from main.seen") == 42
    for table in ("messages", "parts", "sessions", "load_batches"):
        everything = f"select * from raw.{table} order by all"
        assert copy.query(everything) == loaded.query(everything)
    assert copy.query("select * from raw.backups") == []
    assert loaded.query("select * from raw.backups") == [
        (NOW.replace(tzinfo=None), made.path, made.size_bytes, made.sha256, N_DOCUMENTS)
    ]


def test_what_was_written_last_and_lies_in_the_write_ahead_log_is_in_the_copy(loaded: Warehouse) -> None:
    with open_warehouse(loaded.path) as connection:
        connection.execute("pragma disable_checkpoint_on_shutdown")
        connection.execute("update main.built set answer = 43")
    assert loaded.path.with_name("opencode.duckdb.wal").stat().st_size

    made = back_up(loaded.path)

    assert Warehouse(Path(made.path)).value("select answer from main.built") == 43


def test_only_the_owner_can_read_a_backup(loaded: Warehouse, tmp_path: Path) -> None:
    made = back_up(loaded.path, tmp_path / "disk" / "monday")

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (Path(made.path), *Path(made.path).parents[:2])]
    assert modes == [0o600, 0o700, 0o700]
    assert left(tmp_path / "disk") == {"monday", "monday/manifest.json", "monday/opencode.duckdb"}


def test_nobody_else_can_write_until_the_backup_is_noted(
    loaded: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def record(connection: duckdb.DuckDBPyConnection, *_: object) -> None:
        command = [sys.executable, "-c", f"import duckdb; duckdb.connect({str(loaded.path)!r})"]
        attempts.append(subprocess.run(command, capture_output=True, text=True, check=False).stderr)

    monkeypatch.setattr(backup, "record_backup", record)
    back_up(loaded.path)

    assert "Could not set lock" in attempts[0]


def test_a_warehouse_in_use_is_waited_for(loaded: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(path: Path) -> None:
        raise BusyError(f"The warehouse {path} is in use.", 1)

    monkeypatch.setattr(backup, "open_warehouse", busy)
    with pytest.raises(BusyError, match="in use"):
        back_up(loaded.path)
    assert not (loaded.path.parent / "backups").exists()


def test_without_a_warehouse_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"There is no warehouse at .* to back up"):
        back_up(tmp_path / "w" / "opencode.duckdb")
    assert left(tmp_path) == {"home"}


def test_a_file_that_is_there_stays_as_it_was(loaded: Warehouse, tmp_path: Path) -> None:
    other = tmp_path / "disk" / "opencode.duckdb"
    other.parent.mkdir()
    other.write_text("mine")
    for folder, there in ((other.parent, other), (loaded.path.parent, loaded.path)):
        before = there.read_bytes()
        with pytest.raises(IngestError, match=r"There is a file .* already. Name another folder"):
            back_up(loaded.path, folder)
        assert there.read_bytes() == before
    assert left(other.parent) == {"opencode.duckdb"}
    assert loaded.value("select count(*) from raw.backups") == 0


def test_a_store_is_no_place_for_a_backup(loaded: Warehouse, tmp_path: Path) -> None:
    store = tmp_path / "store"
    before = left(store)
    with pytest.raises(IngestError, match="would lie inside the store"):
        back_up(loaded.path, store / "backups", stores=[store])
    assert left(store) == before


def test_a_disk_without_room_is_told_before_anything_is_copied(
    loaded: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Room:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda path: Room)
    with pytest.raises(IngestError, match=r"needs .* MB, and its disk has 1\.0 kB left"):
        back_up(loaded.path, tmp_path / "disk" / "monday")
    assert not (tmp_path / "disk").exists()


def test_a_disk_that_fills_up_meanwhile_is_told_and_nothing_is_left(
    loaded: Warehouse, tmp_path: Path
) -> None:
    size = loaded.path.stat().st_size
    (tmp_path / "disk").mkdir()
    command = [
        sys.executable,
        "-m",
        "opencode_warehouse",
        "backup",
        "--to",
        str(tmp_path / "disk" / "monday"),
    ]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, resource.RLIM_INFINITY))

    full = subprocess.run(
        [*command, "--warehouse", str(loaded.path)],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )

    assert full.returncode == 2
    assert "could not be written (File too large)" in full.stderr
    assert "Traceback" not in full.stderr
    assert left(tmp_path / "disk") == set()
    assert loaded.value("select count(*) from raw.backups") == 0


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_whatever_ends_the_copy_leaves_what_others_have_put_there(
    loaded: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(_: int) -> None:
        (tmp_path / "disk" / "note").write_text("mine")
        raise error

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises((IngestError, KeyboardInterrupt)):
        back_up(loaded.path, tmp_path / "disk" / "monday")
    assert left(tmp_path / "disk") == {"note"}


def _cut(copy: Path) -> None:
    with copy.open("r+b") as file:
        file.truncate(100)


def _empty(copy: Path) -> None:
    with duckdb.connect(str(copy)) as connection:
        connection.execute(
            "delete from raw.parts where document_id = (select min(document_id) from raw.parts)"
        )


@pytest.mark.parametrize(
    ("damage", "said"), [(_cut, "The copy cannot be opened"), (_empty, "does not hold the documents")]
)
def test_a_copy_that_is_not_the_same_is_removed_and_not_noted(
    loaded: Warehouse, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None], said: str
) -> None:
    copy_whole = copies.copy_file

    def copy_badly(original: Any, copy: Path, progress: Any) -> int:
        n_bytes = copy_whole(original, copy, progress)
        damage(copy)
        return n_bytes

    monkeypatch.setattr(copies, "copy_file", copy_badly)
    with pytest.raises(IngestError, match=said):
        back_up(loaded.path)
    assert not (loaded.path.parent / "backups").exists()
    assert loaded.value("select count(*) from raw.backups") == 0


def test_a_folder_that_may_not_be_written_is_named(open_folder: Path, warehouse: Warehouse) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o500)
    mine = open_folder / "mine"
    mine.mkdir(mode=0o777)
    mine.chmod(0o777)
    with without_rights(open_folder):
        with open_warehouse(mine / "opencode.duckdb"):
            pass
        with pytest.raises(IngestError, match=r"could not be written \(Permission denied\)"):
            back_up(mine / "opencode.duckdb", closed / "monday")


def test_the_command_says_what_it_made(
    loaded: Warehouse,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        command_line, "_QUIET_S", -1.0
    )  # it says where it is at once, where stderr is a terminal
    common = ["backup", "--warehouse", str(loaded.path), "--store", str(tmp_path / "store")]
    assert main(common) == 0
    assert capsys.readouterr().out.startswith(f"Backed up and verified {N_DOCUMENTS} documents (")

    assert main([*common, "--json", "--to", str(tmp_path / "x" / ".." / "disk")]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["path"] == str(tmp_path / "disk" / "opencode.duckdb")
    assert made["n_documents"] == N_DOCUMENTS

    assert main([*common, "--to", str(tmp_path / "store" / "b")]) == 2
    assert "opencode-warehouse: The backup" in capsys.readouterr().err


def test_progress_is_told(loaded: Warehouse) -> None:
    steps: list[str] = []
    back_up(loaded.path, progress=steps.append)
    assert steps[0].startswith("copying: ")
    assert steps[-1] == "verifying the copy"

"""Restoring: verified before anything changes, nothing lost at any moment."""

import hashlib
import json
import resource
import signal
import stat
import subprocess
import sys
import textwrap
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from ingest.errors import IngestError
from ingest.lock import BusyError
from ingest.raw.records import SentAlert, record_alerts
from ingest.warehouse import open_warehouse
from opencode_warehouse.cli import main
from opencode_warehouse.keep import restore as restoring
from opencode_warehouse.keep.backup import back_up
from opencode_warehouse.keep.restore import Restored, restore
from opencode_warehouse.keep.retention import prune
from tests.ingest.stores import Warehouse, json_tree, part, part_file, write

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 8, tzinfo=UTC)
PARTS = "select count(*) from raw.parts"
KILL_POINTS = (
    "copies.copy_file",
    "copies.sha256",
    "restore._settle",
    "restore._verify_contents",
    "restore._keep_present",
    "restore._forget_unfinished",
    "restore._second_name",
    "copies.sync",
    "pathlib.Path.unlink",
    "pathlib.Path.replace",
)


@pytest.fixture
def loaded(warehouse: Warehouse, tmp_path: Path) -> Warehouse:
    """A warehouse with a backup of four parts, and a fifth part that was loaded later."""
    store = json_tree(tmp_path / "store")
    warehouse.load(store)
    back_up(warehouse.path, clock=lambda: NOW)
    write(part_file(store, "prt_new"), part("prt_new", "msg_1"))
    warehouse.load(store)
    assert warehouse.value(PARTS) == 5
    return warehouse


def backup_of(warehouse: Warehouse) -> Path:
    """Return the file of the backup."""
    return warehouse.path.parent / "backups" / "20261122T080000Z" / "opencode.duckdb"


def log_of(warehouse: Warehouse) -> Path:
    """Return the write-ahead log of a warehouse."""
    return warehouse.path.with_name("opencode.duckdb.wal")


def corrupt(warehouse: Warehouse) -> bytes:
    """Overwrite the head of the warehouse and give it a log; return the bytes it has now."""
    with warehouse.path.open("r+b") as file:
        file.write(b"\xff" * 8192)
    log_of(warehouse).write_bytes(b"the log of a broken file")
    return warehouse.path.read_bytes()


def kept(restored: Restored) -> Warehouse:
    """Return the warehouse that was replaced."""
    assert restored.replaced is not None
    return Warehouse(Path(restored.replaced) / "opencode.duckdb")


def test_the_newest_backup_is_put_in_place_and_what_was_there_is_kept(loaded: Warehouse) -> None:
    restored = restore(loaded.path, clock=lambda: LATER)

    assert loaded.documents() == Warehouse(backup_of(loaded)).documents()
    assert restored.sha256 == hashlib.sha256(backup_of(loaded).read_bytes()).hexdigest()
    assert (restored.verified_by, restored.n_documents) == ("manifest", 10)
    assert loaded.value(PARTS) == 4
    assert restored.replaced == str(loaded.path.parent / "replaced" / "20261123T080000Z")
    assert kept(restored).value(PARTS) == 5
    for path in (loaded.path, kept(restored).path, kept(restored).path.parent):
        assert stat.S_IMODE(path.stat().st_mode) in (0o600, 0o700)
    assert {path.name for path in loaded.path.parent.iterdir()} == {
        *("backups", "replaced", "opencode.duckdb", "opencode.lock", "opencode.status.json")
    }
    assert loaded.load(loaded.path.parents[1] / "store").counts.written == 1
    assert loaded.value(PARTS) == 5
    assert kept(restored).value("select max(load_batch_id) from raw.load_batches") == 2


def test_a_corrupt_warehouse_is_replaced_and_kept_with_its_log(loaded: Warehouse) -> None:
    broken = corrupt(loaded)
    restored = restore(loaded.path)
    assert loaded.value(PARTS) == 4
    assert not log_of(loaded).exists()
    assert kept(restored).path.read_bytes() == broken
    assert log_of(kept(restored)).read_bytes() == b"the log of a broken file"


def test_what_a_whole_warehouse_has_in_its_log_is_kept(loaded: Warehouse) -> None:
    with open_warehouse(loaded.path) as connection:
        connection.execute("pragma disable_checkpoint_on_shutdown")
        connection.execute("create table main.late as select 42 as answer")
    assert log_of(loaded).stat().st_size
    restored = restore(loaded.path)
    assert kept(restored).value("select answer from main.late") == 42
    with pytest.raises(duckdb.CatalogException):
        loaded.value("select answer from main.late")


def test_a_warehouse_that_is_gone_is_restored(loaded: Warehouse) -> None:
    loaded.path.unlink()
    restored = restore(loaded.path)
    assert (restored.replaced, loaded.value(PARTS)) == (None, 4)


def test_a_backup_is_named_by_its_folder_or_file_and_may_lie_elsewhere(
    loaded: Warehouse, tmp_path: Path
) -> None:
    made = back_up(loaded.path, tmp_path / "disk" / "monday")
    with open_warehouse(loaded.path) as connection:
        connection.execute("delete from raw.parts")
    for source in (Path(made.path), Path(made.path).parent):
        restore(loaded.path, source)
        assert loaded.value(PARTS) == 5
    assert len(list((loaded.path.parent / "replaced").iterdir())) == 2


def test_the_newest_backup_is_that_which_was_made_last(loaded: Warehouse) -> None:
    newest = back_up(loaded.path, loaded.path.parent / "backups" / "before the move", clock=lambda: LATER)
    assert restore(loaded.path).backup == newest.path


@pytest.mark.parametrize("damage", ["bytes", "length", "manifest"])
def test_a_backup_that_is_not_what_its_manifest_says_is_refused(loaded: Warehouse, damage: str) -> None:
    file, manifest = backup_of(loaded), backup_of(loaded).with_name("manifest.json")
    if damage == "bytes":
        with file.open("r+b") as opened:
            opened.seek(file.stat().st_size - 100)
            opened.write(b"\x00\x01\x02")
    elif damage == "length":
        with file.open("r+b") as opened:
            opened.truncate(file.stat().st_size - 4096)
    else:
        manifest.write_text("{}")
    before = loaded.path.read_bytes()
    with pytest.raises(IngestError, match=r"damaged\. Nothing was changed|manifest .* cannot be read"):
        restore(loaded.path, file, unverified=True)
    assert loaded.path.read_bytes() == before
    assert not (loaded.path.parent / "replaced").exists()


def test_rows_that_the_manifest_does_not_know_are_refused(loaded: Warehouse) -> None:
    manifest = backup_of(loaded).with_name("manifest.json")
    value = json.loads(manifest.read_text())
    value["documents"]["parts"] = 3
    manifest.write_text(json.dumps(value))
    with pytest.raises(IngestError, match="does not hold what its manifest says"):
        restore(loaded.path)
    assert loaded.value(PARTS) == 5


def test_a_backup_without_a_manifest_is_known_to_the_warehouse_or_refused(loaded: Warehouse) -> None:
    backup_of(loaded).with_name("manifest.json").unlink()
    assert restore(loaded.path).verified_by == "warehouse"  # it notes every backup
    assert restore(loaded.path).verified_by == "warehouse"  # and keeps the note
    loaded.path.unlink()
    with pytest.raises(IngestError, match=r"has no manifest.* With --unverified it is taken"):
        restore(loaded.path)
    assert restore(loaded.path, unverified=True).verified_by == "nothing"
    backup_of(loaded).write_text("not a warehouse")
    with pytest.raises(IngestError, match="cannot be restored"):
        restore(loaded.path, unverified=True)
    assert loaded.value(PARTS) == 4


def test_what_cannot_be_restored_is_told(loaded: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="There is no backup at"):
        restore(loaded.path, tmp_path / "nothing")
    with pytest.raises(IngestError, match="is the warehouse itself"):
        restore(loaded.path, loaded.path)
    with pytest.raises(IngestError, match=r"There is no backup in .*\. Name one with FROM="):
        restore(tmp_path / "w" / "opencode.duckdb")
    assert loaded.value(PARTS) == 5


def test_a_warehouse_in_use_is_not_replaced(loaded: Warehouse) -> None:
    program = f"""
        import duckdb, sys
        with duckdb.connect({str(loaded.path)!r}):
            print("open", flush=True)
            sys.stdin.read()
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(BusyError):
            restore(loaded.path, wait_s=0.3)
        process.communicate()
    assert loaded.value(PARTS) == 5


def test_nobody_can_write_between_the_look_and_the_rename(
    loaded: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []
    keep = restoring._keep_present

    def look(warehouse: Path, now: datetime) -> Path | None:
        command = [sys.executable, "-c", f"import duckdb; duckdb.connect({str(warehouse)!r})"]
        attempts.append(subprocess.run(command, capture_output=True, text=True, check=False).stderr)
        return keep(warehouse, now)

    monkeypatch.setattr(restoring, "_keep_present", look)
    restore(loaded.path)
    assert "Could not set lock" in attempts[0]


@pytest.mark.parametrize("state", ["whole", "corrupt"])
@pytest.mark.parametrize("point", KILL_POINTS)
def test_a_kill_at_any_step_loses_nothing_and_restoring_again_completes(
    loaded: Warehouse, point: str, state: str
) -> None:
    old = corrupt(loaded) if state == "corrupt" else loaded.path.read_bytes()
    new = Warehouse(backup_of(loaded)).documents()
    module, _, attribute = point.rpartition(".")
    program = f"""
        import os, pathlib, signal
        from opencode_warehouse.keep import copies, restore

        def die(path=None, *arguments, **named):
            if {attribute!r} != "unlink" or str(path).endswith(".wal"):
                os.kill(os.getpid(), signal.SIGKILL)

        {module}.{attribute} = die
        restore.restore(pathlib.Path({str(loaded.path)!r}))
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert loaded.path.read_bytes() == old or loaded.documents() == new
    if state == "whole":
        assert loaded.value(PARTS) == 5

    restored = restore(loaded.path)

    assert loaded.documents() == new
    assert loaded.value(PARTS) == 4
    assert kept(restored).path.read_bytes() == old
    assert not kept(restored).path.samefile(loaded.path)
    if state == "corrupt":
        logs = list((loaded.path.parent / "replaced").glob("*/opencode.duckdb.wal"))
        assert b"the log of a broken file" in [log.read_bytes() for log in logs]
    assert not list(loaded.path.parent.glob(".opencode*"))


@pytest.mark.parametrize("point", ["pathlib.Path.unlink", "pathlib.Path.replace"])
def test_a_kill_leaves_no_warehouse_without_what_its_log_held(loaded: Warehouse, point: str) -> None:
    with open_warehouse(loaded.path) as connection:
        connection.execute("pragma disable_checkpoint_on_shutdown")
        connection.execute("create table main.late as select 42 as answer")
    module, _, attribute = point.rpartition(".")
    program = f"""
        import os, pathlib, signal
        from opencode_warehouse.keep import restore

        keep = restore._keep_present

        def keep_and_die(*arguments):
            {module}.{attribute} = lambda *_, **named: os.kill(os.getpid(), signal.SIGKILL)
            keep(*arguments)
            pathlib.Path.replace(*arguments)

        restore._keep_present = keep_and_die
        restore.restore(pathlib.Path({str(loaded.path)!r}))
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert loaded.value("select answer from main.late") == 42


def test_a_file_system_without_links_gets_a_copy(loaded: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", refuse)
    assert kept(restore(loaded.path)).value(PARTS) == 5


def test_a_disk_that_fills_up_leaves_the_warehouse_as_it_was(loaded: Warehouse) -> None:
    size = backup_of(loaded).stat().st_size
    before = loaded.path.read_bytes()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, resource.RLIM_INFINITY))

    full = subprocess.run(
        [sys.executable, "-m", "opencode_warehouse", "restore", "--warehouse", str(loaded.path)],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert full.returncode == 2
    assert "could not be restored (File too large). The warehouse is as it was" in full.stderr
    assert loaded.path.read_bytes() == before
    assert not list(loaded.path.parent.glob(".opencode*"))


def test_what_the_warehouse_knows_of_its_backups_and_alerts_is_kept(loaded: Warehouse) -> None:
    second = back_up(loaded.path, loaded.path.parents[1] / "disk", clock=lambda: LATER)
    sent = SentAlert("error_rate", "slack", "began", "WARN", LATER, LATER)
    told = (*astuple(sent)[:4], LATER.replace(tzinfo=None), LATER.replace(tzinfo=None))
    with open_warehouse(loaded.path) as connection:
        record_alerts(connection, [sent])
    paths = "select path from raw.backups order by made_at"
    noted = loaded.query(paths)
    assert len(noted) == 2
    for source in (None, Path(second.path)):  # the first notes neither backup, the second the first one
        assert restore(loaded.path, source).is_known
        assert loaded.query(paths) == noted
        assert loaded.query("from raw.alerts") == [told]


def test_texts_that_were_removed_since_the_backup_are_removed_again(
    loaded: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    with_text = "select count(*) from raw.parts where text_removed_at is null"
    payloads = "select document_id, payload from raw.parts order by all"
    prune(loaded.path, 0, clock=lambda: LATER)
    pruned = loaded.query(payloads)
    for limit_is_known in (True, False):
        if not limit_is_known:  # removed by a version that noted no limit
            with open_warehouse(loaded.path) as connection:
                connection.execute("delete from raw.text_removals")
        restored = restore(loaded.path, backup_of(loaded))
        assert restored.n_texts_removed > 0
        assert loaded.value(with_text) == 0
        assert loaded.query(payloads) == [row for row in pruned if row[0] != "prt_new"]
        assert "had been removed since: they were removed again" in restoring.describe(restored)
    assert loaded.load(loaded.path.parents[1] / "store").counts.written == 1  # and a load brings none back


def test_a_restore_over_a_broken_warehouse_says_what_is_lost(loaded: Warehouse) -> None:
    prune(loaded.path, 0, clock=lambda: LATER)
    corrupt(loaded)
    restored = restore(loaded.path)
    assert (restored.is_known, restored.n_texts_removed) == (False, 0)
    assert "texts that were removed since the backup are here again" in restoring.describe(restored)


def test_the_command_says_what_it_did(loaded: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["restore", "--warehouse", str(loaded.path), "--store", str(loaded.path.parents[1] / "store")]
    assert main(common) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("Restored 10 documents (")
    assert told[0].endswith("its hash is that of its manifest.")
    assert told[1].startswith("What was there before is kept: ")
    assert main([*common, str(backup_of(loaded)), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["backup"] == str(backup_of(loaded))
    assert main([*common, "nowhere"]) == 2
    assert "There is no backup at" in capsys.readouterr().err

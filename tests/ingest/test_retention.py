"""Removing old texts: by age, once, for good, in batches of its own; whole after a kill."""

import json
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.errors import IngestError
from ingest.raw.schema import MIGRATIONS
from ingest.warehouse import open_warehouse
from opencode_warehouse.cli import main
from opencode_warehouse.keep.backup import back_up
from opencode_warehouse.keep.releases import publish
from opencode_warehouse.keep.retention import Pruned, prune
from tests.ingest.stores import Warehouse, database, json_tree, message_file, part_file, write

NOW = datetime(2026, 3, 2, tzinfo=UTC)
OLD, YOUNG = NOW - timedelta(days=40), NOW - timedelta(days=20)
N_CHANGED = 5
"""Three parts, the title of their session, and its todo list."""

SAID = "nobody may read this"
WITH_TEXT = f"select document_id from raw.parts where contains(payload, '{SAID}') order by all"


def text_part(part: str, message: str = "msg_old", **fields: object) -> dict[str, object]:
    """Return a part with a text."""
    return {"id": part, "messageID": message, "sessionID": "ses_1", "type": "text", "text": SAID, **fields}


def ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store whose parts are old or young by their own time, their message's, or that of their file."""
    root = json_tree(tmp_path / "store", n_messages=0, n_parts=0)
    for message, at in (("msg_old", OLD), ("msg_young", YOUNG)):
        value = {"id": message, "sessionID": "ses_1", "role": "user", "time": {"created": ms(at)}}
        write(message_file(root, message), value, at=at)  # type: ignore[arg-type]
    for name, message, fields, changed in (
        ("prt_old", "msg_young", {"time": {"start": ms(OLD)}}, YOUNG),
        ("prt_young", "msg_young", {"time": {"start": ms(YOUNG)}}, YOUNG),
        ("prt_of_old", "msg_old", {}, YOUNG),
        ("prt_of_young", "msg_young", {}, YOUNG),
        ("prt_no_time", "msg_gone", {}, YOUNG),
        ("prt_unchanged", "msg_gone", {"time": {"start": -5}}, OLD),
    ):
        write(part_file(root, name, message), text_part(name, message, **fields), at=changed)  # type: ignore[arg-type]
    return root


@pytest.fixture
def loaded(warehouse: Warehouse, store: Path) -> Warehouse:
    """A warehouse of that store."""
    warehouse.load(store)
    assert len(warehouse.query(WITH_TEXT)) == 6
    return warehouse


def removed(warehouse: Warehouse, days: int = 30, *, dry_run: bool = False) -> Pruned:
    """Remove texts as of a fixed day."""
    return prune(warehouse.path, days, dry_run=dry_run, clock=lambda: NOW)


def test_what_was_written_or_changed_last_before_the_limit_loses_its_text(loaded: Warehouse) -> None:
    hashes = loaded.query("select document_id, payload_hash, size_bytes from raw.parts order by all")
    pruned = removed(loaded)

    young = [("prt_no_time",), ("prt_of_young",), ("prt_young",)]
    assert loaded.query(WITH_TEXT) == young
    marked = "select document_id from raw.parts where text_removed_at is null order by all"
    assert loaded.query(marked) == young
    assert loaded.query("select document_id, payload_hash, size_bytes from raw.parts order by all") == hashes
    assert loaded.query("select distinct load_batch_id from raw.parts order by all") == [(1,), (2,)]
    assert (pruned.batch_id, pruned.n_changed) == (2, N_CHANGED)
    assert pruned.payload_bytes_after != pruned.payload_bytes_before
    batch = "select status, n_written, n_scanned, started_at from raw.load_batches where load_batch_id = 2"
    assert loaded.query(batch) == [("completed", N_CHANGED, 0, NOW.replace(tzinfo=None))]


def test_a_load_brings_nothing_back_but_what_changed(loaded: Warehouse, store: Path) -> None:
    removed(loaded)
    for rehash in (False, True):
        assert loaded.load(store, rehash=rehash).counts.written == 0
    assert ("prt_old",) not in loaded.query(WITH_TEXT)
    write(part_file(store, "prt_old", "msg_young"), text_part("prt_old", "msg_young", synthetic=True))  # type: ignore[arg-type]
    assert loaded.load(store).counts.written == 1
    assert ("prt_old",) in loaded.query(WITH_TEXT)
    assert loaded.value("select text_removed_at from raw.parts where document_id = 'prt_old'") is None


def test_a_second_time_there_is_nothing_to_remove(loaded: Warehouse) -> None:
    removed(loaded)
    again = removed(loaded)
    assert (again.n_documents, again.batch_id) == (0, None)
    assert loaded.value("select count(*) from raw.load_batches") == 2


def test_a_dry_run_counts_and_writes_nothing(loaded: Warehouse) -> None:
    before = loaded.path.read_bytes()
    pruned = removed(loaded, dry_run=True)
    assert pruned.n_changed == N_CHANGED
    assert loaded.path.read_bytes() == before


def test_rows_of_a_database_are_as_old_as_what_they_say(warehouse: Warehouse, tmp_path: Path) -> None:
    path = database(tmp_path / "opencode.db")
    warehouse.load(path)
    assert removed(warehouse, days=0).n_documents > 5
    assert warehouse.value("select count(*) from raw.parts where text_removed_at is null") == 0


def test_a_kill_leaves_whole_chunks_and_the_next_call_goes_on(
    loaded: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = f"""
        import os, pathlib, signal
        from datetime import datetime, UTC
        from opencode_warehouse.keep import retention

        retention.CHUNK_ROWS = 1
        remove, calls = retention.remove_texts, []

        def die(connection, entity, *rest):
            remove(connection, entity, *rest)
            calls.append(entity)
            if calls.count("parts") == 2:
                os.kill(os.getpid(), signal.SIGKILL)

        retention.remove_texts = die
        day = datetime(2026, 3, 2, tzinfo=UTC)
        retention.prune(pathlib.Path({str(loaded.path)!r}), 30, clock=lambda: day)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert killed.returncode == -signal.SIGKILL
    with open_warehouse(loaded.path):
        pass
    assert len(loaded.query(WITH_TEXT)) == 4
    assert removed(loaded).n_changed == 1
    assert len(loaded.query(WITH_TEXT)) == 3
    statuses = loaded.query("select status from raw.load_batches order by load_batch_id")
    assert statuses == [("completed",), ("interrupted",), ("completed",)]


def test_a_warehouse_of_an_older_version_is_migrated(loaded: Warehouse) -> None:
    [version] = [n for n, statements in enumerate(MIGRATIONS, 1) if "text_removed_at" in statements[0]]
    with open_warehouse(loaded.path) as connection:
        connection.execute("alter table raw.parts drop column text_removed_at")
        connection.execute("delete from raw.schema_migrations where version >= ?", [version])
    assert removed(loaded).n_changed == N_CHANGED


def test_without_a_warehouse_nothing_is_removed(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="There is no warehouse at"):
        prune(tmp_path / "opencode.duckdb", 1)


def test_the_command_says_what_it_removed_and_what_still_holds_it(
    loaded: Warehouse, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(loaded.path)
    back_up(loaded.path)
    common = ["prune", "--warehouse", str(loaded.path), "--store", str(store), "--older-than"]
    assert main([*common, "0", "--dry-run"]) == 0
    assert "would be removed" in capsys.readouterr().out
    assert main([*common, "0"]) == 0
    told = capsys.readouterr().out
    assert "The texts of 8 documents from before" in told
    assert "1 release and 1 backup keep the texts that they hold" in told
    assert main([*common, "0"]) == 0
    assert capsys.readouterr().out.startswith("No text is older than ")
    assert main([*common, "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_documents"] == 0
    for wrong in ("", "-1", "a month", "99999"):
        with pytest.raises(SystemExit, match="2"):
            main([*common, wrong])
        assert "a whole number of days is expected" in capsys.readouterr().err

"""What `status` says, also while another program holds the warehouse."""

import os
from pathlib import Path

import duckdb
import orjson
import pytest

from ingest.errors import IngestError
from ingest.lock import program
from ingest.raw.schema import attach, use
from ingest.sync_state import StatusFile, read_status, status_path
from ingest.warehouse import open_warehouse
from opencode_warehouse.tell.status import describe, rows, status
from tests.ingest.stores import Warehouse, json_tree, message_file, write
from tests.ingest.test_warehouse import held

MARTS = """
    create table main.sessions (session_id varchar);
    create table main.parts (part_id varchar, is_fork_copy boolean, is_orphan boolean);
    create table main.messages (is_fork_copy boolean, tokens_total bigint, tokens_input bigint,
        tokens_output bigint, tokens_reasoning bigint, tokens_cache_read bigint, tokens_cache_write bigint,
        cost_recorded_usd decimal(18, 10), tokens_unpriced bigint);
    create table main.load_health (oldest_message_at timestamp, newest_message_at timestamp);
"""


def build(warehouse: Warehouse, *statements: str) -> None:
    """Write to a warehouse as dbt does."""
    with duckdb.connect(":memory:") as connection:
        attach(connection, warehouse.path)
        use(connection)
        for statement in statements:
            connection.execute(statement)


def test_without_a_warehouse_it_says_how_to_get_one(warehouse: Warehouse) -> None:
    with pytest.raises(IngestError, match="Load first"):
        status(warehouse.path)
    assert not warehouse.path.parent.exists()


def test_an_empty_warehouse_says_what_to_do(warehouse: Warehouse) -> None:
    with open_warehouse(warehouse.path):
        pass

    text = describe(status(warehouse.path))

    assert "nothing yet: run `opencode-ingest load`" in text
    assert "nothing: every document could be read" in text


def test_it_tells_what_was_loaded_rejected_and_that_nothing_is_built(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    root = json_tree(tmp_path / "store")
    write(message_file(root, "msg_bad\x1b"), b"")
    warehouse.load(root)
    (root / "storage").rename(tmp_path / "aside")
    (root / "storage").mkdir()
    warehouse.load(root)

    figures = status(warehouse.path)
    text = describe(figures)

    assert f"json    {root} [refused]" in text
    assert "1 projects, 1 sessions, 1 todos, 1 session diffs, 2 messages, 4 parts" in text
    assert "load 2 (completed)" in text
    assert "1 empty: no byte in it" in text
    assert "\x1b" not in text
    assert "not built yet: run `make run`" in text
    assert "Problem: " in text
    assert figures["busy"] is None
    orjson.dumps(figures)


def test_it_tells_the_sample_from_a_history(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.load(tmp_path / "nowhere", fallback=json_tree(tmp_path / "sample"))

    assert "(the bundled sample)" in describe(status(warehouse.path))


def test_it_sums_up_a_built_history(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.load(json_tree(tmp_path / "store"))
    build(warehouse, MARTS)
    assert "empty: no session was found" in describe(status(warehouse.path))

    build(
        warehouse,
        "insert into main.sessions values ('ses_1')",
        "insert into main.parts values ('prt_1', false, false)",
        "insert into main.parts values ('prt_2', true, false), ('prt_3', false, true)",
        "insert into main.messages values (false, 10, 1, 2, 3, 4, 5, 0.25, 7), "
        "(true, 10, 1, 2, 3, 4, 5, 0.25, 7)",
        "insert into main.load_health values ('2026-01-01 10:00', '2026-01-01 10:00')",
    )
    text = describe(status(warehouse.path))

    assert "messages  1 (copies made by forks are counted once)" in text
    assert "parts     1" in text
    assert "1 input, 2 output, 3 reasoning, 4 cache read, 5 cache write" in text
    assert "0.2500 USD" in text
    assert "7 tokens have no known price" in text
    assert "from, to  2026-01-01 10:00 UTC, 2026-01-01 10:00 UTC" in text

    build(warehouse, "update main.messages set cost_recorded_usd = 0")
    assert "cost      unknown; 7 tokens" in describe(status(warehouse.path))
    build(warehouse, "update main.messages set cost_recorded_usd = null")
    assert "cost      unknown" in describe(status(warehouse.path))
    build(warehouse, "alter table main.messages drop column tokens_total")
    assert "not built yet" in describe(status(warehouse.path)), "half a build is none"


def test_while_a_load_holds_the_warehouse_it_says_how_far_that_is(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opencode_warehouse.tell.status.STATUS_WAIT_S", 0.1)
    warehouse.load(json_tree(tmp_path / "store"))
    with held(warehouse.path) as pid:
        file = StatusFile(warehouse.path)
        file.update(force=True, pid=pid, phase="bulk_parts", n_scanned=1234)
        text = describe(status(warehouse.path))
        assert f"(process {pid})" in text
        assert f"bulk_parts since never: {program()} (process {pid}" in text
        assert "1,234 documents looked at" in text

        # What a load said that ended long ago is not what the holder is doing.
        file.update(force=True, pid=os.getpid())
        assert "documents looked at" not in describe(status(warehouse.path))
        assert "ended in the middle" in describe(status(warehouse.path))
        status_path(warehouse.path).write_bytes(b"{}")
        assert "has left its state here" in describe(status(warehouse.path))


def test_two_programs_may_write_the_status_at_the_same_time(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.path.parent.mkdir()
    one = StatusFile(warehouse.path)
    monkeypatch.setattr(os, "getpid", lambda: 12345)
    other = StatusFile(warehouse.path)
    replace = Path.replace

    def replace_later(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", replace)
        other.update(force=True, phase="of the other")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", replace_later)
    one.update(force=True, phase="of the one")
    assert (read_status(warehouse.path) or {})["phase"] == "of the one"


def test_a_full_disk_does_not_end_who_tells_of_it(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    warehouse.path.parent.mkdir()
    status_file = StatusFile(warehouse.path)
    status_file.update(force=True, phase="before")
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", refuse)
        status_file.update(force=True, phase="meanwhile")
    assert (read_status(warehouse.path) or {})["phase"] == "before"
    status_file.update(force=True)
    assert (read_status(warehouse.path) or {})["phase"] == "meanwhile"


def test_a_rejection_for_a_reason_of_a_newer_loader_is_told_all_the_same(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    root = json_tree(tmp_path / "store")
    write(message_file(root, "msg_bad"), b"")
    warehouse.load(root)
    build(warehouse, "update raw.rejected_documents set reason = 'unheard_of'")

    assert "1 unheard_of: cannot be read" in describe(status(warehouse.path))


def test_only_a_list_has_rows() -> None:
    assert rows(None) == []

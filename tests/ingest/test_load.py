"""Loading stores into a warehouse: what is written, what is not, what is refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest

from ingest import load
from ingest.errors import IngestError
from ingest.load import MASS_DELETION
from ingest.load_result import describe
from ingest.raw import rejections
from ingest.raw.documents import ENTITIES, SourceKind
from ingest.raw.json_text import JsonValue
from ingest.sources.discovery import KINDS
from tests.ingest.stores import (
    LONG_AGO,
    NOW,
    Warehouse,
    change,
    database,
    json_tree,
    look,
    message,
    message_file,
    part,
    part_file,
    running_writer,
    session,
    session_file,
    without_rights,
    write,
)

PART = ("msg_ses_1_1", "prt_ses_1_1_1")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with a tree and a database."""
    database(tmp_path / "store" / "opencode.db", wal=True)
    return json_tree(tmp_path / "store")


def part_row(warehouse: Warehouse, part_id: str = PART[1]) -> tuple[object, ...]:
    (row,) = warehouse.query(
        """select payload->>'text', first_loaded_at, loaded_at, load_batch_id, deleted_at
        from raw.parts where document_id = ?""",
        part_id,
    )
    return row


def hour(n: int) -> object:
    return (NOW + timedelta(hours=n)).replace(tzinfo=None)


def test_everything_is_landed_once_and_a_second_load_writes_nothing_and_says_so(
    warehouse: Warehouse, root: Path
) -> None:
    first = warehouse.load(root)
    documents, stamps = warehouse.documents(), warehouse.stamps()
    second = warehouse.load(root)

    assert (first.counts.scanned, first.counts.written, first.counts.unchanged) == (19, 19, 0)
    assert (second.counts.scanned, second.counts.written, second.counts.unchanged) == (19, 0, 19)
    assert "Nothing changed since the last load, nothing was written. 19 unchanged" in describe(second)
    assert warehouse.documents() == documents
    assert warehouse.stamps() == stamps
    assert warehouse.query(
        """select load_batch_id, status, n_scanned, n_written, n_unchanged, n_sources
        from raw.load_batches order by 1"""
    ) == [(1, "completed", 19, 19, 0, 2), (2, "completed", 19, 0, 19, 2)]
    assert warehouse.query(
        "select kind, status, first_loaded_at, last_loaded_at from raw.sources order by 1"
    ) == [
        ("json", "ok", hour(1), hour(2)),
        ("sqlite", "ok", hour(1), hour(2)),
    ]


def test_nothing_in_a_store_changes_when_it_is_loaded(warehouse: Warehouse, root: Path) -> None:
    before = look(root)

    warehouse.load(root)
    warehouse.load(root, rehash=True)

    assert look(root) == before


def test_a_store_may_have_any_name(warehouse: Warehouse, tmp_path: Path) -> None:
    root = json_tree(tmp_path / """it's a "störe"? #1 %41 ;--""")
    database(root / "opencode-a b'c?#%41.db", wal=True)

    assert warehouse.load(root).counts.written == 19
    assert warehouse.load(root).counts.written == 0
    assert warehouse.value("select count(*) from raw.sources where status = 'ok'") == 2


def test_the_phases_of_a_load_are_recorded_in_order(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.load(json_tree(tmp_path / "store"))

    assert warehouse.query("select phase from raw.sync_state order by rowid") == [
        ("init",), ("bulk_sessions",), ("bulk_messages",), ("bulk_parts",), ("idle",),
    ]  # fmt: skip


def test_a_changed_document_replaces_its_older_self_and_keeps_its_first_time(
    warehouse: Warehouse, root: Path
) -> None:
    warehouse.load(root)
    write(part_file(root, PART[1], PART[0]), part(PART[1], PART[0], text="changed"), at=NOW)

    result = warehouse.load(root)

    assert (result.counts.written, result.counts.unchanged) == (1, 18)
    assert part_row(warehouse) == ("changed", hour(1), hour(2), 2, None)


def test_a_document_that_was_only_touched_is_not_written_and_not_read_a_third_time(
    warehouse: Warehouse, root: Path
) -> None:
    warehouse.load(root)
    write(part_file(root, PART[1], PART[0]), part(PART[1], PART[0]), at=NOW)

    assert warehouse.load(root).counts.written == 0
    assert part_row(warehouse) == ("hello", hour(1), hour(2), 2, None), "a build is to learn of its new time"

    write(part_file(root, PART[1], PART[0]), part(PART[1], PART[0], text="other"), at=NOW)
    assert warehouse.load(root).counts.written == 0, "as its time and size are those of the second load"


def test_a_file_replaced_within_the_granularity_of_its_time_is_seen(warehouse: Warehouse, root: Path) -> None:
    path = part_file(root, PART[1], PART[0])
    just_now = NOW + timedelta(hours=1) - timedelta(milliseconds=500)
    write(path, part(PART[1], PART[0], text="first"), at=just_now)
    warehouse.load(root)
    write(path, part(PART[1], PART[0], text="other"), at=just_now)  # as long, at the same time

    assert warehouse.load(root).counts.written == 1
    assert part_row(warehouse)[0] == "other"


def test_a_clock_in_the_future_or_before_1970_hides_no_change(warehouse: Warehouse, root: Path) -> None:
    path = part_file(root, PART[1], PART[0])
    for at in (NOW + timedelta(days=4000), LONG_AGO - timedelta(days=60 * 365)):
        write(path, part(PART[1], PART[0], text="first"), at=at)
        warehouse.load(root)
        write(path, part(PART[1], PART[0], text="other"), at=at)

        assert warehouse.load(root).counts.written == 1
        assert part_row(warehouse)[0] == "other"


def test_rehash_reads_what_bears_its_old_time_and_size(warehouse: Warehouse, root: Path) -> None:
    write(part_file(root, PART[1], PART[0]), part(PART[1], PART[0], text="first"))
    warehouse.load(root)
    write(part_file(root, PART[1], PART[0]), part(PART[1], PART[0], text="other"))

    assert warehouse.load(root).counts.written == 0
    result = warehouse.load(root, rehash=True)
    assert (result.counts.written, result.counts.unchanged) == (1, 18)


def test_rows_that_a_migration_rewrote_without_a_new_time_are_read_again(
    warehouse: Warehouse, root: Path
) -> None:
    warehouse.load(root)
    rewrite = """update part set data = '{"type":"text","text":"rewritten"}' where id = 'prt_1_1'"""
    change(root / "opencode.db", rewrite)
    assert warehouse.load(root).counts.written == 0, "no time says so"

    change(root / "opencode.db", "insert into migration values ('20260202000000_second', 0)")
    assert warehouse.load(root).counts.written == 1
    assert part_row(warehouse, "prt_1_1")[0] == "rewritten"
    assert (
        warehouse.value("select schema_version from raw.sources where kind = 'sqlite'")
        == "20260202000000_second"
    )


def test_a_renamed_session_is_seen_although_opencode_does_not_say_when(
    warehouse: Warehouse, root: Path
) -> None:
    warehouse.load(root)
    change(root / "opencode.db", "update session set title = 'renamed', time_archived = 5")

    assert warehouse.load(root).counts.written == 1
    assert (
        warehouse.value("select payload->>'title' from raw.sessions where source_id like '%:sqlite:%'")
        == "renamed"
    )


def test_a_row_that_vanishes_is_marked_and_not_removed_also_where_another_came(
    warehouse: Warehouse, root: Path
) -> None:
    warehouse.load(root)
    with closing(sqlite3.connect(root / "opencode.db")) as connection:
        connection.execute("delete from part where id = 'prt_1_1'")
        connection.execute(
            "insert into part select 'prt_new', message_id, session_id, 1, 1, data from part limit 1"
        )
        connection.commit()

    result = warehouse.load(root)

    assert (result.counts.deleted, result.counts.written) == (1, 1)
    assert part_row(warehouse, "prt_1_1") == ("hello", hour(1), hour(1), 2, hour(2))
    assert warehouse.load(root).counts.deleted == 0
    assert part_row(warehouse, "prt_1_1")[3:] == (2, hour(2))


def test_a_document_that_returns_is_alive_again_with_its_first_time(warehouse: Warehouse, root: Path) -> None:
    path = part_file(root, PART[1], PART[0])
    content = path.read_bytes()
    warehouse.load(root)
    path.unlink()
    warehouse.load(root)
    write(path, content)

    assert warehouse.load(root).counts.written == 1
    assert part_row(warehouse) == ("hello", hour(1), hour(3), 3, None)


def test_a_session_file_that_is_moved_stays_one_session(warehouse: Warehouse, tmp_path: Path) -> None:
    root = json_tree(tmp_path / "store")
    write(session_file(root, "ses_2", "global"), session("ses_2", projectID="global"))
    warehouse.load(root)
    session_file(root, "ses_2", "global").unlink()
    write(session_file(root, "ses_2"), session("ses_2"), at=NOW)

    result = warehouse.load(root)

    assert (result.counts.written, result.counts.deleted, result.counts.rejected) == (1, 0, 0)
    row = "select payload->>'projectID', origin, deleted_at from raw.sessions where document_id = 'ses_2'"
    assert warehouse.query(row) == [("prj_1", "storage/session/prj_1/ses_2.json", None)]


def test_a_rejected_document_is_tried_again_and_resolved_when_it_parses(
    warehouse: Warehouse, root: Path
) -> None:
    path = write(message_file(root, "msg_bad"), b'{"role":"us')
    origin = "storage/message/ses_1/msg_bad.json"
    first = warehouse.load(root)
    second = warehouse.load(root)

    assert [first.counts.rejected, second.counts.rejected] == [1, 1]
    assert warehouse.rejected() == [("messages", origin, "msg_bad", "truncated", None)]
    assert warehouse.query("select first_seen_at, last_seen_at, position from raw.rejected_documents") == [
        (hour(1), hour(2), 11)
    ]
    assert f"{origin}: truncated at byte 11: ends before its last bracket" in describe(second)

    write(path, b"\xff")
    warehouse.load(root)
    assert warehouse.rejected() == [("messages", origin, "msg_bad", "not_utf8", None)]

    write(path, message("msg_bad"))
    result = warehouse.load(root)
    assert (result.counts.resolved, result.counts.written) == (1, 1)
    assert warehouse.rejected() == []
    assert warehouse.rejected(resolved=True) == [("messages", origin, "msg_bad", "not_utf8", "landed")]


def test_a_rejected_document_that_vanishes_is_resolved_as_such(warehouse: Warehouse, root: Path) -> None:
    path = write(message_file(root, "msg_bad"), b"")
    warehouse.load(root)
    path.unlink()

    assert warehouse.load(root).counts.resolved == 1
    assert warehouse.rejected(resolved=True)[0][-1] == "vanished"


def test_a_landed_document_that_becomes_unreadable_keeps_its_last_good_self(
    warehouse: Warehouse, root: Path
) -> None:
    warehouse.load(root)
    write(part_file(root, PART[1], PART[0]), b'{"type":', at=NOW)
    result = warehouse.load(root)

    assert (result.counts.rejected, result.counts.deleted) == (1, 0)
    assert part_row(warehouse)[0] == "hello"

    write(part_file(root, PART[1], PART[0]), part(PART[1], PART[0]), at=NOW)
    assert warehouse.load(root).counts.resolved == 1, "it is as it was landed"
    assert warehouse.rejected(resolved=True)[0][-1] == "landed"


def test_a_duplicate_stays_rejected_while_its_twin_is_landed(warehouse: Warehouse, root: Path) -> None:
    write(session_file(root, project="global"), session(projectID="global"))

    for _ in range(2):
        assert warehouse.load(root).counts.rejected == 1
        assert warehouse.rejected()[0][1:4] == ("storage/session/global/ses_1.json", "ses_1", "duplicate_id")


def test_a_long_list_of_rejections_is_cut_and_shows_no_control_character(
    warehouse: Warehouse, root: Path
) -> None:
    for n in range(12):
        write(message_file(root, f"msg_\x1b[2J{n:02}"), b"")
    with closing(sqlite3.connect(root / "opencode.db")) as connection:
        connection.execute("insert into message values ('msg_\x1b]0;x\x07', 'ses_1', 1, 1, '')")
        connection.commit()

    text = describe(warehouse.load(root))

    assert text.isprintable() or "\x1b" not in text
    assert "\x07" not in text
    assert "and 3 more: see raw.rejected_documents" in text


@pytest.mark.parametrize("emptied", ["storage", "opencode.db"])
def test_a_store_that_is_suddenly_empty_deletes_nothing_until_it_is_meant(
    warehouse: Warehouse, root: Path, emptied: str
) -> None:
    warehouse.load(root)
    if emptied == "storage":
        (root / "storage").rename(root / "aside")
        (root / "storage").mkdir()
    else:
        change(root / "opencode.db", *(f"delete from {table}" for table in ("session", "message", "part")))
    alive = "select count(*) from raw.parts where deleted_at is null"

    refused = warehouse.load(root)
    assert refused.counts.deleted == 0
    assert "That looks like a store that is not mounted or was replaced" in refused.problems[0]
    assert "--accept-deletions" in refused.problems[0]
    assert warehouse.value(alive) == 8
    assert warehouse.value("select count(*) from raw.sources where status = 'refused'") == 1

    meant = warehouse.load(root, accept_deletions=True)
    assert meant.problems == []
    assert meant.counts.deleted >= 7
    assert warehouse.value(alive) == 4
    assert warehouse.load(root).problems == []


def test_many_deletions_are_refused_from_half_of_a_store_on(warehouse: Warehouse, tmp_path: Path) -> None:
    root = json_tree(tmp_path / "store", n_messages=MASS_DELETION, n_parts=1)
    warehouse.load(root)
    n_landed = 2 * MASS_DELETION + 1
    paths = sorted((root / "storage" / "part").rglob("*.json")) + sorted(
        (root / "storage" / "message").rglob("*.json")
    )
    for path in paths[: n_landed // 2]:
        path.unlink()
    assert warehouse.load(root).counts.deleted == n_landed // 2, "half of them is believed"

    more = json_tree(tmp_path / "store", n_messages=MASS_DELETION, n_parts=1)
    warehouse.load(more)
    for path in paths[: n_landed // 2 + 1]:
        path.unlink()
    refused = warehouse.load(root)
    assert refused.counts.deleted == 0
    assert "no longer holds 101 of the 201" in refused.problems[0]


def test_new_documents_are_landed_although_deletions_are_refused(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    root = json_tree(tmp_path / "store")
    warehouse.load(root)
    (root / "storage").rename(root / "aside")
    json_tree(root, session_id="ses_2")

    result = warehouse.load(root)

    assert result.counts.written == 9
    assert len(result.problems) == 1


def test_a_store_that_is_gone_deletes_nothing_until_it_is_meant(warehouse: Warehouse, root: Path) -> None:
    warehouse.load(root)
    root.rename(root.with_name("elsewhere"))

    with pytest.raises(IngestError, match=r"What was loaded before stays"):
        warehouse.load(root)
    assert warehouse.value("select count(*) from raw.parts where deleted_at is null") == 8

    result = warehouse.load(root, accept_deletions=True)
    assert result.counts.deleted == 19
    assert warehouse.value("select count(*) from raw.parts where deleted_at is null") == 0


def test_a_part_of_a_store_that_is_gone_is_told_until_it_is_meant(warehouse: Warehouse, root: Path) -> None:
    warehouse.load(root)
    (root / "storage").rename(root / "aside")

    for _ in range(2):
        result = warehouse.load(root)
        assert "is no longer there; the 10 documents loaded from it stay as they are" in result.problems[0]
        assert result.counts.deleted == 0
    meant = warehouse.load(root, accept_deletions=True)
    assert (meant.problems, meant.counts.deleted) == ([], 10)
    assert "is marked as deleted" in meant.notes[0]
    assert warehouse.load(root).problems == []

    (root / "aside").rename(root / "storage")
    assert warehouse.load(root).counts.written == 10


def test_a_store_below_another_one_is_not_taken_for_a_lost_part_of_it(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    warehouse.load(json_tree(tmp_path / "all" / "inner"))
    outer = json_tree(tmp_path / "all", session_id="ses_2")

    result = warehouse.load(outer, accept_deletions=True)

    assert (result.counts.deleted, result.problems, result.notes) == (0, [], [])


def test_a_store_that_cannot_be_looked_into_is_told_and_loses_nothing(
    warehouse: Warehouse, open_folder: Path, tmp_path: Path
) -> None:
    closed, other = json_tree(open_folder / "closed"), json_tree(open_folder / "other")
    warehouse = Warehouse(open_folder / "warehouse" / "opencode.duckdb")
    with without_rights(open_folder):
        warehouse.load(closed, other)
        closed.chmod(0)
        result = warehouse.load(closed, other, accept_deletions=True)
        closed.chmod(0o700)

    assert "cannot be looked into (Permission denied)" in result.problems[0]
    assert (result.counts.deleted, result.counts.unchanged) == (0, 10)


def test_a_folder_that_cannot_be_listed_deletes_nothing(warehouse: Warehouse, open_folder: Path) -> None:
    root = json_tree(open_folder / "store")
    warehouse = Warehouse(open_folder / "warehouse" / "opencode.duckdb")
    with without_rights(open_folder):
        warehouse.load(root)
        part_file(root, "x", "msg_ses_1_1").parent.chmod(0)
        message_file(root, "msg_ses_1_2", "ses_1").unlink()
        write(message_file(root, "msg_bad"), b"")
        result = warehouse.load(root, accept_deletions=True)
        write(message_file(root, "msg_bad"), message("msg_bad"))
        mended = warehouse.load(root)

    assert (result.sources[0].status, result.counts.deleted) == ("incomplete", 0)
    assert "msg_ses_1_1 (Permission denied)" in result.problems[0]
    assert mended.counts.resolved == 1, "what was landed in this load is mended, whatever else is missing"
    assert warehouse.rejected(resolved=True)[0][-1] == "landed"


def test_several_stores_load_at_once_and_a_broken_one_does_not_keep_the_others(
    warehouse: Warehouse, root: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken" / "opencode.db"
    broken.parent.mkdir()
    broken.write_bytes(b"SQLite format 3\0" + b"\xff" * 4080)
    exported: JsonValue = {
        "info": session("ses_3"),
        "messages": [{"info": message("msg_3", "ses_3"), "parts": []}],
    }
    export = write(tmp_path / "export.json", exported)

    result = warehouse.load(root, broken.parent, export, tmp_path / "nowhere")

    assert [(one.source.kind, one.status) for one in result.sources] == [
        ("json", "ok"), ("sqlite", "ok"), ("sqlite", "damaged"), ("export", "ok"),
    ]  # fmt: skip
    assert result.counts.written == 21
    assert any("is damaged" in problem for problem in result.problems)
    assert any("Nothing of OpenCode is at" in problem for problem in result.problems)
    assert warehouse.value("select n_sources_failed from raw.load_batches") == 1


def test_the_same_store_named_in_several_ways_is_loaded_once(warehouse: Warehouse, root: Path) -> None:
    result = warehouse.load(root, root, root / "storage", root / "opencode.db")

    assert [one.source.kind for one in result.sources] == ["json", "sqlite"]
    assert result.problems == []
    assert warehouse.load(root / "storage", root).counts.written == 0


def test_two_databases_of_one_store_are_two_sources(warehouse: Warehouse, root: Path) -> None:
    database(root / "opencode-dev.db")
    (root / "opencode-link.db").symlink_to("opencode-dev.db")
    (root / "opencode-folder.db").mkdir()
    (root / "other.db").write_bytes(b"")

    result = warehouse.load(root)

    assert [one.source.root.name for one in result.sources] == ["store", "opencode-dev.db", "opencode.db"]
    assert warehouse.value("select count(*) from raw.sessions") == 3


def test_a_link_to_a_database_of_the_store_is_read_with_its_wal(warehouse: Warehouse, tmp_path: Path) -> None:
    store = tmp_path / "store"
    path = database(store / "large disk" / "opencode.db", wal=True)
    (store / "opencode.db").symlink_to(path)

    with running_writer(
        path, "insert into message select 'msg_new', session_id, 1, 1, data from message limit 1"
    ):
        warehouse.load(store)

    assert warehouse.value("select count(*) from raw.messages where document_id = 'msg_new'") == 1


def test_an_export_file_that_becomes_broken_is_rejected_and_resolved(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    def export(*parts: JsonValue) -> JsonValue:
        return {"info": session(), "messages": [{"info": message(), "parts": [*parts]}]}

    path = write(tmp_path / "export.json", export(part(), part("prt_2")))
    assert warehouse.load(path).counts.written == 4

    write(path, b'{"info":')
    broken = warehouse.load(path)
    assert (broken.counts.deleted, broken.counts.rejected) == (0, 1)

    write(path, export(part()))
    mended = warehouse.load(path)
    assert (mended.counts.resolved, mended.counts.deleted, mended.counts.unchanged) == (1, 1, 3)
    assert warehouse.rejected(resolved=True) == [("exports", "export.json", None, "truncated", "landed")]


def test_the_sample_stands_in_where_there_is_no_history_and_goes_when_there_is_one(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    sample = json_tree(tmp_path / "sample", session_id="ses_sample")
    root = tmp_path / "store"

    first = warehouse.load(root, fallback=sample)
    assert first.is_sample
    assert "the bundled sample is used instead" in describe(first)
    assert warehouse.value("select bool_and(is_sample) from raw.sources") is True
    assert warehouse.load(root, fallback=sample).counts.written == 0

    json_tree(root)
    second = warehouse.load(root, fallback=sample)
    assert not second.is_sample
    assert "The sample's 10 documents made room" in second.notes[0]
    assert warehouse.query("select distinct document_id from raw.sessions") == [("ses_1",)]
    assert warehouse.value("select count(*) from raw.sources where is_sample") == 0

    root.rename(root.with_name("aside"))
    with pytest.raises(IngestError, match=r"What was loaded before stays"):
        warehouse.load(root, fallback=sample)


def test_a_sample_whose_load_was_killed_goes_as_well(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = json_tree(tmp_path / "sample", session_id="ses_sample")
    with monkeypatch.context() as patch:
        patch.setattr(rejections.Rejections, "settle", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            warehouse.load(tmp_path / "store", fallback=sample)
    assert warehouse.value("select count(*) from raw.sessions") == 1
    assert warehouse.query("select status, is_sample from raw.sources") == [("incomplete", True)]

    warehouse.load(json_tree(tmp_path / "store"), fallback=sample)

    assert warehouse.query("select document_id from raw.sessions") == [("ses_1",)]


def test_without_a_store_and_a_usable_sample_nothing_is_loaded(warehouse: Warehouse, tmp_path: Path) -> None:
    for fallback in (None, tmp_path / "no sample"):
        with pytest.raises(IngestError, match=r"Nothing of OpenCode is at .*doctor"):
            warehouse.load(tmp_path / "store", fallback=fallback)


def test_a_dry_run_says_what_a_load_would_write_and_writes_nothing(warehouse: Warehouse, root: Path) -> None:
    first = warehouse.load(root, dry_run=True)
    assert (first.counts.written, warehouse.path.parent.exists()) == (19, False)
    assert "19 documents would be written, 0 would be marked as deleted" in describe(first)

    warehouse.load(root)
    write(part_file(root, PART[1], PART[0]), part(PART[1], PART[0], text="changed"), at=NOW)
    part_file(root, "prt_ses_1_1_2", PART[0]).unlink()
    write(message_file(root, "msg_bad"), b"")
    before = look(warehouse.path.parent)

    dry = warehouse.load(root, dry_run=True)

    assert look(warehouse.path.parent) == before
    real = warehouse.load(root)
    assert dry.counts == real.counts
    assert (real.counts.written, real.counts.deleted, real.counts.rejected) == (1, 1, 1)


def test_a_dry_run_with_a_sample_in_the_warehouse_leaves_it_there(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    sample = json_tree(tmp_path / "sample")
    warehouse.load(tmp_path / "store", fallback=sample)
    before = look(warehouse.path.parent)

    result = warehouse.load(json_tree(tmp_path / "store"), fallback=sample, dry_run=True)

    assert result.notes
    assert look(warehouse.path.parent) == before


def test_the_counts_of_every_source_add_up(warehouse: Warehouse, root: Path) -> None:
    write(message_file(root, "msg_bad"), b"")
    write(message_file(root, "msg_half"), b'{"role":"user","text":"\\ud83d"}')
    warehouse.load(root)
    write(part_file(root, PART[1], PART[0]), part(PART[1], PART[0], text="changed"), at=NOW)

    result = warehouse.load(root)

    for c in (*(one.counts for one in result.sources), result.counts):
        assert c.scanned == c.written + c.unchanged + c.rejected
    assert warehouse.query("select n_surrogates_replaced from raw.load_batches order by load_batch_id") == [
        (1,),
        (0,),
    ]
    assert result.as_json()["counts"] == {
        "scanned": 21, "written": 1, "unchanged": 19, "deleted": 0, "rejected": 1, "resolved": 0,
        "surrogates_replaced": 0, "secrets_masked": {},
    }  # fmt: skip


def test_every_reader_and_every_entity_is_covered_by_what_load_knows() -> None:
    assert {kind.KIND for kind in KINDS} == set(get_args(SourceKind))
    assert set(load.HISTORY) < set(ENTITIES)

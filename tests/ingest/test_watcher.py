"""A watch: what changes is landed soon, what is half written waits, whoever else writes gets a turn."""

import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import pytest
import watchfiles

from ingest import load as loading
from ingest.cli import main
from ingest.errors import IngestError
from ingest.lock import BusyError, program, writing
from ingest.raw.writer import Writer
from ingest.settings import Settings
from ingest.sync_state import read_status
from ingest.warehouse import open_warehouse
from ingest.watch import tree_events, watched_source, watcher
from ingest.watch.watcher import Watcher, WatchOptions
from opencode_warehouse.build import pipeline
from opencode_warehouse.tell.status import describe, status
from tests.ingest.stores import (
    Warehouse,
    change,
    database,
    insert_part,
    json_tree,
    message_file,
    part,
    part_file,
    session,
    session_file,
    write,
)
from tests.ingest.test_lock import held_elsewhere

SOON_S = 30.0
QUICK = WatchOptions(compare_every=1.0)
NEVER = WatchOptions(compare_every=3600.0)
PART = ("prt_ses_1_1_1", "msg_ses_1_1")
TURN = threading.RLock()
"""DuckDB opens a file once in a process: the test and the watch under test take turns."""


def eventually(is_so: Callable[[], object], what: str) -> None:
    """Wait until something is so, which takes a moment, and fail where it never is."""
    until = time.monotonic() + SOON_S
    while not is_so():
        assert time.monotonic() < until, f"never: {what}"
        time.sleep(0.05)


class Watch:
    """A watch in a thread of this process."""

    def __init__(
        self, warehouse: Warehouse, *stores: Path, options: WatchOptions, build: Callable[[], bool]
    ) -> None:
        self.warehouse = warehouse
        self.stop = threading.Event()
        self.error: BaseException | None = None
        settings = Settings(stores, warehouse.path, "box", is_default_store=False)
        self._watcher = Watcher(settings, options, self.stop, build=build)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._watcher.run()
        except BaseException as error:  # noqa: BLE001 - told by the test, which runs in another thread
            self.error = error

    def phase(self) -> object:
        """Return the phase that the status file tells."""
        return (read_status(self.warehouse.path) or {}).get("phase")

    def has(self, sql: str, *parameters: object) -> Callable[[], bool]:
        """Return whether a query has a row; also while the watch writes."""

        def look() -> bool:
            assert self.error is None, self.error
            with TURN, open_warehouse(self.warehouse.path, read_only=True, wait_s=10) as connection:
                return bool(connection.execute(sql, list(parameters)).fetchall())

        return look


@contextmanager
def watching(
    warehouse: Warehouse,
    *stores: Path,
    options: WatchOptions = NEVER,
    build: Callable[[], bool] = lambda: True,
    phase: str = "realtime",
) -> Iterator[Watch]:
    """Watch stores until the block ends."""
    watch = Watch(warehouse, *stores, options=options, build=build)
    try:
        eventually(lambda: watch.error or watch.phase() == phase, f"phase {phase}")
        yield watch
    finally:
        watch.stop.set()
        watch.thread.join(SOON_S)
    assert not watch.thread.is_alive()
    if watch.error is not None:
        raise watch.error


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with a tree and a database."""
    database(tmp_path / "store" / "opencode.db", wal=True)
    return json_tree(tmp_path / "store")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less for what may still change."""
    monkeypatch.setattr(watched_source, "GRACE_S", 1.5)
    monkeypatch.setattr(watched_source, "REST", 1)

    @contextmanager
    def in_turn(*args: object, **kwargs: object) -> Iterator[object]:
        with TURN, open_warehouse(*args, **kwargs) as connection:  # type: ignore[arg-type]
            yield connection

    monkeypatch.setattr("ingest.watch.watcher.open_warehouse", in_turn)


def watch_command(warehouse: Warehouse, root: Path) -> list[str]:
    """Return the command that watches a store."""
    watch = [sys.executable, "-m", "ingest", "watch"]
    return [*watch, "--store", str(root), "--warehouse", str(warehouse.path)]


def with_text(text: str) -> str:
    return f"select 1 from raw.parts where payload ->> '$.text' = '{text}'"


def test_what_changes_in_a_tree_and_in_a_database_is_landed(warehouse: Warehouse, root: Path) -> None:
    with watching(warehouse, root) as watch:
        write(part_file(root, *PART), part(*PART, text="changed"))
        write(message_file(root, "msg_new"), {"role": "user"})
        write(part_file(root, "prt_new", "msg_new"), part("prt_new", "msg_new", text="in a new folder"))
        eventually(watch.has(with_text("changed")), "a file that was rewritten")
        eventually(watch.has(with_text("in a new folder")), "a file in a new folder")
        with closing(sqlite3.connect(root / "opencode.db")) as connection:
            insert_part(
                connection, "prt_row", "msg_1", '{"type":"text","text":"a row"}', at=1_900_000_000_000
            )
            connection.commit()
            eventually(watch.has(with_text("a row")), "a row, still in the log")

    fresh = Warehouse(warehouse.path.parent / "fresh" / "opencode.duckdb")
    fresh.load(root)
    assert warehouse.documents() == fresh.documents()


def test_a_store_may_lie_in_the_root_of_another(warehouse: Warehouse, root: Path) -> None:
    inner = json_tree(root / "archive")
    with watching(warehouse, root, inner) as watch:
        write(part_file(inner, *PART), part(*PART, text="inner"))
        eventually(watch.has(with_text("inner")), "a file of the inner store")


def test_its_phases_are_told_and_committed_in_order(warehouse: Warehouse, root: Path) -> None:
    with watching(warehouse, root):
        pass

    phases = [
        phase for (phase,) in warehouse.query("select phase from raw.sync_state order by entered_at, rowid")
    ]
    assert phases[:4] == ["init", "bulk_sessions", "bulk_messages", "bulk_parts"]
    assert phases[-3:] == ["catching_up", "realtime", "stopped"]
    assert (read_status(warehouse.path) or {})["phase"] == "stopped"
    assert warehouse.value("select max(n_scanned) from raw.sync_state") == 19


def test_what_was_changed_while_the_bulk_was_loaded_is_landed(
    warehouse: Warehouse, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = loading.load

    def load_then_change(*args: object) -> object:
        result = load(*args)  # type: ignore[arg-type]
        write(part_file(root, *PART), part(*PART, text="meanwhile"))
        return result

    monkeypatch.setattr("ingest.watch.watcher.load", load_then_change)
    with watching(warehouse, root) as watch:
        assert watch.has(with_text("meanwhile"))()


def test_a_file_that_is_half_written_waits_for_its_next_version(warehouse: Warehouse, root: Path) -> None:
    with watching(warehouse, root, options=QUICK) as watch:
        part_file(root, *PART).write_bytes(b'{"type":"te')
        write(part_file(root, "prt_other", PART[1]), part("prt_other", PART[1], text="other"))
        eventually(watch.has(with_text("other")), "a file that was written after it")
        write(part_file(root, *PART), part(*PART, text="whole"))
        eventually(watch.has(with_text("whole")), "the whole file")

    assert warehouse.value("select count(*) from raw.rejected_documents") == 0


def test_a_file_that_stays_broken_is_rejected_and_resolved_when_it_is_mended(
    warehouse: Warehouse, root: Path
) -> None:
    with watching(warehouse, root) as watch:
        part_file(root, *PART).write_bytes(b'{"type":"te')
        rejected = (
            "select 1 from raw.rejected_documents where reason = 'truncated' and resolved_at is {} null"
        )
        eventually(watch.has(rejected.format("")), "the rejection")
        write(part_file(root, *PART), part(*PART, text="mended"))
        eventually(watch.has(rejected.format("not")), "its resolution")
        assert watch.has(with_text("mended"))()


def test_a_file_that_is_half_written_may_become_forbidden(
    warehouse: Warehouse, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = os.stat

    def refuse(path: str | Path, **kwargs: bool) -> os.stat_result:
        if Path(path) == part_file(root, *PART):
            raise PermissionError(13, "Permission denied")
        return stat(path, **kwargs)

    with watching(warehouse, root) as watch:
        part_file(root, *PART).write_bytes(b'{"type":"te')
        eventually(lambda: waits_for_a_file(watch), "that it is waited for")
        monkeypatch.setattr(os, "stat", refuse)
        monkeypatch.setattr(os, "lstat", refuse)
        write(part_file(root, "prt_other", PART[1]), part("prt_other", PART[1], text="other"))
        eventually(watch.has(with_text("other")), "another file")


def test_a_broken_file_that_is_gone_is_forgotten(
    warehouse: Warehouse, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_source, "GRACE_S", 0.1)
    with watching(warehouse, root) as watch:
        part_file(root, "prt_broken", PART[1]).write_bytes(b'{"type":"te')
        rejected = (
            "select 1 from raw.rejected_documents where document_id = 'prt_broken' and resolved_at is {}"
        )
        eventually(watch.has(rejected.format("null")), "the rejection")
        part_file(root, "prt_broken", PART[1]).unlink()
        eventually(watch.has(rejected.format("not null")), "its resolution")
        eventually(
            lambda: not any(one._broken for one in watch._watcher._watched.values()), "nothing is kept"
        )


def waits_for_a_file(watch: Watch) -> bool:
    return any(any(watched._waiting()) for watched in watch._watcher._watched.values())


def test_what_is_deleted_is_marked(warehouse: Warehouse, root: Path) -> None:
    deleted = "select 1 from raw.parts where document_id = ? and deleted_at is not null"
    with watching(warehouse, root) as watch:
        part_file(root, *PART).unlink()
        change(root / "opencode.db", "delete from part where id = 'prt_1_1'")
        eventually(watch.has(deleted, PART[0]), "the deletion of a file")
        eventually(watch.has(deleted, "prt_1_1"), "the deletion of a row")
        write(part_file(root, *PART), part(*PART, text="back"))
        eventually(watch.has(with_text("back")), "what is there again")
        assert not watch.has(deleted, PART[0])()


def test_what_the_system_tells_nothing_of_is_found_by_comparing(
    warehouse: Warehouse, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_events.TreeEvents, "_add", lambda self, changes: None)
    with watching(warehouse, root, options=QUICK) as watch:
        write(part_file(root, *PART), part(*PART, text="unheard"))
        eventually(watch.has(with_text("unheard")), "a change without an event")


def test_where_the_system_tells_of_nothing_at_all_that_is_said(
    warehouse: Warehouse, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*args: object, **kwargs: object) -> Iterator[object]:
        raise OSError(28, "OS file watch limit reached")

    monkeypatch.setattr("watchfiles.watch", refuse)
    with watching(warehouse, root) as watch:
        write(part_file(root, *PART), part(*PART, text="looked for"))
        eventually(watch.has(with_text("looked for")), "a change without a listener")
    assert "fs.inotify.max_user_watches" in caplog.text


def test_too_many_changes_to_tell_are_a_reason_to_look_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_events, "MAX_PATHS", 2)
    events = tree_events.TreeEvents([])
    added = watchfiles.Change.added
    events._add({(added, "/a"), (added, "/b")})
    assert events.take() == ({Path("/a"), Path("/b")}, False)
    events._add({(added, "/a"), (added, "/b"), (added, "/c")})
    assert events.take() == (set(), True)
    events._add({(watchfiles.Change.deleted, "/a")})
    assert events.take() == (set(), True)
    assert events.take() == (set(), False)


def test_a_load_by_hand_and_a_watch_do_not_get_in_each_others_way(warehouse: Warehouse, root: Path) -> None:
    with watching(warehouse, root, options=QUICK) as watch:
        for n in range(4):
            write(part_file(root, f"prt_{n}", PART[1]), part(f"prt_{n}", PART[1], text=f"text {n}"))
            command = [sys.executable, "-m", "ingest", "load", "--store", str(root), "--machine", "box"]
            subprocess.run([*command, "--warehouse", str(warehouse.path)], check=True)
            eventually(watch.has(with_text(f"text {n}")), "what both have seen")
        write(part_file(root, *PART), part(*PART, text="after"))
        eventually(watch.has(with_text("after")), "what only the watch has seen")

    assert warehouse.query("select document_id from raw.parts group by all having count(*) > 1") == []


def test_while_another_program_has_the_warehouse_nothing_is_lost(
    warehouse: Warehouse, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with watching(warehouse, root) as watch:
        holder = (
            "import sys, time; from pathlib import Path; from ingest.lock import writing\n"
            "with writing(Path(sys.argv[1])): print(flush=True); time.sleep(2)"
        )
        with subprocess.Popen(
            [sys.executable, "-c", holder, str(warehouse.path)], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            write(part_file(root, *PART), part(*PART, text="later"))
            eventually(lambda: f"process {process.pid}" in caplog.text, "the name of the holder")
        eventually(watch.has(with_text("later")), "what changed meanwhile")
    told = [record for record in caplog.records if f"process {process.pid}" in record.getMessage()]
    assert len(told) == 1, "told once"


def test_what_a_restored_backup_lacks_is_landed_again(
    warehouse: Warehouse, root: Path, tmp_path: Path
) -> None:
    with watching(warehouse, root, options=QUICK) as watch:
        write(part_file(root, *PART), part(*PART, text="in the backup"))
        eventually(watch.has(with_text("in the backup")), "a change")
        with TURN, writing(warehouse.path):
            shutil.copyfile(warehouse.path, tmp_path / "backup")
        write(part_file(root, *PART), part(*PART, text="later"))
        eventually(watch.has(with_text("later")), "a change in the same batch")
        with TURN, writing(warehouse.path):
            (tmp_path / "backup").replace(warehouse.path)
        eventually(watch.has(with_text("later")), "what the backup lacks")


def test_a_warehouse_that_is_removed_is_loaded_anew(warehouse: Warehouse, root: Path) -> None:
    with watching(warehouse, root, options=QUICK) as watch:
        with TURN, writing(warehouse.path):
            warehouse.path.unlink()
        eventually(warehouse.path.exists, "another file")
        eventually(watch.has("select 1 from raw.parts"), "all that there is")


def test_a_second_watch_of_a_warehouse_is_refused(warehouse: Warehouse, root: Path) -> None:
    with watching(warehouse, root):
        done = subprocess.run(watch_command(warehouse, root), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"is in use by {program()} (process {os.getpid()}" in done.stderr


def test_a_store_may_come_go_and_return(
    warehouse: Warehouse, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "store"
    with watching(warehouse, root, phase="init", options=QUICK) as watch:
        eventually(lambda: "Nothing of OpenCode is at" in caplog.text, "that there is nothing")
        json_tree(root)
        eventually(lambda: watch.phase() == "realtime", "the store")
        root.rename(tmp_path / "away")
        eventually(lambda: "is no longer there" in caplog.text, "that it is gone")
        write(part_file(tmp_path / "away", *PART), part(*PART, text="returned"))
        (tmp_path / "away").rename(root)
        eventually(watch.has(with_text("returned")), "what was written elsewhere")
        database(root / "opencode.db")
        eventually(watch.has("select 1 from raw.parts where document_id = 'prt_1_1'"), "a database that came")

    assert warehouse.value("select count(*) from raw.parts where deleted_at is not null") == 0


def test_a_store_that_is_suddenly_empty_deletes_nothing(
    warehouse: Warehouse, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with watching(warehouse, root, options=QUICK) as watch:
        for name in ("session", "message", "part"):
            shutil.rmtree(root / "storage" / name)
        eventually(lambda: "--accept-deletions" in caplog.text, "the refusal")
        refused = "select 1 from raw.sources where status = 'refused'"
        eventually(watch.has(refused), "its record")
        json_tree(root)
        eventually(lambda: not watch.has(refused)(), "that all is well again")

    assert warehouse.value("select count(*) from raw.parts where deleted_at is not null") == 0


def test_a_folder_that_cannot_be_read_is_told_and_deletes_nothing(
    warehouse: Warehouse, root: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbidden = part_file(root, *PART).parent
    scandir = os.scandir

    def refuse(path: str | Path) -> object:
        if Path(path) == forbidden and is_forbidden.is_set():
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    is_forbidden = threading.Event()
    monkeypatch.setattr(os, "scandir", refuse)
    with watching(warehouse, root, options=QUICK) as watch:
        is_forbidden.set()
        eventually(lambda: "cannot be read" in caplog.text, "that it cannot be read")
        eventually(watch.has("select 1 from raw.sources where status = 'incomplete'"), "its record")
        is_forbidden.clear()
        eventually(watch.has("select 1 from raw.sources where kind = 'json' and status = 'ok'"), "its end")

    assert warehouse.value("select count(*) from raw.parts where deleted_at is not null") == 0


def test_a_link_that_leaves_the_store_is_not_followed(
    warehouse: Warehouse, root: Path, tmp_path: Path
) -> None:
    elsewhere = write(
        tmp_path / "elsewhere" / "prt_secret.json", part("prt_secret", "msg_x", text="not ours")
    )
    with watching(warehouse, root) as watch:
        (root / "storage" / "part" / "msg_x").symlink_to(elsewhere.parent)
        part_file(root, "prt_link", PART[1]).symlink_to(elsewhere)
        write(part_file(root, "prt_other", PART[1]), part("prt_other", PART[1], text="ours"))
        eventually(watch.has(with_text("ours")), "a file of the store")
        rejected = "select 1 from raw.rejected_documents where document_id = 'prt_link'"
        eventually(watch.has(rejected), "the rejection of the link")

    assert warehouse.query(with_text("not ours")) == []


def test_commits_go_on_in_one_batch_whose_counts_add_up(
    warehouse: Warehouse, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching(warehouse, root) as watch:
        for n in range(3):
            write(part_file(root, *PART), part(*PART, text=f"text {n}"))
            eventually(watch.has(with_text(f"text {n}")), "a change")
        monkeypatch.setattr(watcher, "BATCH_S", 0.0)
        write(part_file(root, *PART), part(*PART, text="later"))
        eventually(watch.has(with_text("later")), "a change in the next batch")

    batches = warehouse.query("select status, n_written from raw.load_batches order by load_batch_id")
    assert batches == [("completed", 19), ("completed", 3), ("completed", 1)]


def test_a_batch_does_not_go_on_once_somebody_else_has_written_the_warehouse(
    warehouse: Warehouse, root: Path
) -> None:
    with watching(warehouse, root) as watch:
        write(part_file(root, *PART), part(*PART, text="before a build"))
        eventually(watch.has(with_text("before a build")), "a change")
        with TURN, writing(warehouse.path), closing(duckdb.connect(str(warehouse.path))) as build:
            build.execute("create schema staging; create table staging.parts as from raw.parts")
        write(part_file(root, *PART), part(*PART, text="after a build"))
        eventually(watch.has(with_text("after a build")), "a change after a build")
        write(part_file(root, *PART), part(*PART, text="later"))
        eventually(watch.has(with_text("later")), "a change after nobody's build")

    [[built, landed]] = warehouse.query(
        "select (select max(load_batch_id) from staging.parts), (select max(load_batch_id) from raw.parts)"
    )
    assert (built, landed) == (2, 3)


def test_it_builds_when_something_changed_and_again_where_that_failed(
    warehouse: Warehouse, root: Path
) -> None:
    outcomes = [False, True, True]
    built: list[float] = []

    def build() -> bool:
        built.append(time.monotonic())
        return outcomes[len(built) - 1]

    options = WatchOptions(compare_every=3600.0, build_every=0.5)
    with watching(warehouse, root, options=options, build=build) as watch:
        eventually(lambda: len(built) == 2, "a build, and another as it failed")
        time.sleep(1.5)
        assert len(built) == 2, "nothing has changed"
        write(part_file(root, *PART), part(*PART, text="changed"))
        eventually(lambda: len(built) == 3, "a build of what changed")
        assert watch.has(with_text("changed"))()

    batches = warehouse.query("select load_batch_id from raw.load_batches")
    assert len(batches) == 3, "what came after a build is in a batch of its own"


def test_a_build_that_cannot_begin_does_not_end_the_watch(
    warehouse: Warehouse, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failures = [
        BusyError("The warehouse is in use by dbt build.", None),
        IngestError("There is no dbt project."),
    ]
    built: list[float] = []

    def build() -> bool:
        built.append(time.monotonic())
        if len(built) <= len(failures):
            raise failures[len(built) - 1]
        return True

    options = WatchOptions(compare_every=3600.0, build_every=2.0)
    with watching(warehouse, root, options=options, build=build) as watch:
        eventually(lambda: len(built) == 3, "a build")
        write(part_file(root, *PART), part(*PART, text="after"))
        eventually(watch.has(with_text("after")), "a change after it")
    assert built[1] - built[0] < 2.0, "its turn comes soon"
    assert built[2] - built[1] >= 2.0, "it is not tried without end"
    assert all(str(failure) in caplog.text for failure in failures)


def test_while_it_builds_that_is_told(warehouse: Warehouse, root: Path) -> None:
    told: list[str] = []

    def build() -> bool:
        told.append(describe(status(warehouse.path)))
        return True

    options = WatchOptions(compare_every=3600.0, build_every=0.1)
    with watching(warehouse, root, options=options, build=build):
        eventually(lambda: told, "a build")
    assert "what changes waits for a build" in told[0]


def test_a_build_of_a_watch_does_not_wait_without_hearing_that_it_should_end(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCODE_WAIT_S", "5")
    warehouse.path.parent.mkdir()
    began = time.monotonic()
    settings = Settings((), warehouse.path, "box", is_default_store=False)
    with held_elsewhere(warehouse.path, 60), pytest.raises(BusyError, match="in use by"):
        pipeline.build(settings, lambda line: None, threading.Event())
    assert time.monotonic() - began < 5


def test_a_full_disk_passes(
    warehouse: Warehouse, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    is_full = threading.Event()
    commit = Writer._commit

    def refuse(self: Writer) -> None:
        if is_full.is_set():
            raise OSError(28, "No space left on device")
        commit(self)

    monkeypatch.setattr(Writer, "_commit", refuse)
    with watching(warehouse, root) as watch:
        is_full.set()
        write(part_file(root, *PART), part(*PART, text="in the end"))
        eventually(lambda: "No space left on device" in caplog.text, "that the disk is full")
        is_full.clear()
        eventually(watch.has(with_text("in the end")), "the change")
    assert warehouse.query("select status from raw.load_batches where status <> 'completed'") in (
        [],
        [("interrupted",)],
    )


def test_a_migration_of_the_schema_has_all_read_again(warehouse: Warehouse, root: Path) -> None:
    with watching(warehouse, root) as watch:
        change(
            root / "opencode.db",
            """update part set data = '{"type":"text","text":"migrated"}' where id = 'prt_2_2'""",
            "insert into migration values ('20270101000000_second', 0)",
        )
        eventually(watch.has(with_text("migrated")), "a row that was rewritten without a new time")


def test_the_command_watches_until_it_is_asked_to_end(warehouse: Warehouse, root: Path) -> None:
    command = watch_command(warehouse, root)
    with subprocess.Popen([*command, "--log", "json"], stderr=subprocess.PIPE, text=True) as process:
        eventually(lambda: (read_status(warehouse.path) or {}).get("phase") == "realtime", "the watch")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=SOON_S)
    assert process.returncode == 0
    assert '"phase": "realtime"' in said
    assert "hello" not in said, "no text of a document"
    assert warehouse.value("select count(*) from raw.parts") == 8


@pytest.mark.parametrize("holder", ["one that writes", "a client of DuckDB"])
def test_the_end_may_be_asked_for_while_it_waits_for_its_turn(
    warehouse: Warehouse, root: Path, holder: str
) -> None:
    warehouse.load(root)
    command = watch_command(warehouse, root)
    in_use = {
        "one that writes": writing(warehouse.path),
        "a client of DuckDB": open_warehouse(warehouse.path, read_only=True),
    }
    with in_use[holder], subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "waiting for the warehouse" not in process.stderr.readline():
            pass
        process.terminate()
        assert process.wait(SOON_S) == 0


ASKED_TO_END_WHILE_IT_LOOKS = """
import os, signal, threading, time
from ingest.command_line import set_when_asked_to_end

stop = threading.Event()
set_when_asked_to_end(stop)
with stop._cond:  # as stop.wait() and stop.set() have it for a moment
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(os.getpid(), number)
        time.sleep(0.1)
assert stop.wait(10)
"""


def test_the_end_may_be_asked_for_at_any_moment() -> None:
    subprocess.run([sys.executable, "-c", ASKED_TO_END_WHILE_IT_LOOKS], check=True, timeout=30)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, root: Path) -> None:
    (tmp_path / "file").touch()
    settings = Settings((root,), tmp_path / "file" / "x" / "opencode.duckdb", "box", is_default_store=False)
    with pytest.raises(IngestError, match="cannot be made"):
        Watcher(settings, QUICK, threading.Event()).run()


def test_a_session_that_moves_to_another_folder_is_the_same(warehouse: Warehouse, root: Path) -> None:
    with watching(warehouse, root) as watch:
        write(session_file(root, project="prj_2"), session(projectID="prj_2"))
        session_file(root).unlink()
        here = "select 1 from raw.sessions where origin like '%prj_2%' and deleted_at is null"
        eventually(watch.has(here), "the session in its new place")
    assert warehouse.value("select count(*) from raw.sessions where source_id like '%:json:%'") == 1


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> None:
    """Have all that is logged at hand."""
    caplog.set_level(logging.INFO)


def test_the_command_builds_so_often_and_ends_with_its_build(
    warehouse: Warehouse, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Settings] = []

    def build(settings: Settings, say: Callable[[str], object], stop: threading.Event) -> pipeline.Outcome:
        built.append(settings)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(SOON_S)
        return pipeline.Outcome()

    monkeypatch.setattr(pipeline, "build", build)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        arguments = ["--store", str(root), "--warehouse", str(warehouse.path), "--build-every", "0.2"]
        assert main(["watch", *arguments]) == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert [settings.warehouse for settings in built] == [warehouse.path]
    assert warehouse.value("select count(*) from raw.parts") == 8


@pytest.mark.parametrize("given", ["0", "-1", "90000"])
def test_a_time_that_makes_no_sense_is_refused(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["watch", "--build-every", given])
    assert "is not a number of seconds up to a day" in capsys.readouterr().err

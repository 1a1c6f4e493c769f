"""Opening the warehouse file, in turn with other programs."""

import hashlib
import logging
import os
import resource
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from ingest import human, sync_state
from ingest.errors import IngestError
from ingest.lock import BusyError, Patience
from ingest.raw import landed, schema, writer
from ingest.raw.batch import Counts
from ingest.raw.documents import ENTITIES, Document, Rejection
from ingest.raw.landing import Landing
from ingest.raw.schema import CATALOG, MIGRATIONS, ensure_raw, raw_version
from ingest.sources.json_store import JsonTree
from ingest.sync_state import StatusFile, read_status, status_path
from ingest.warehouse import NothingLoadedError, attach_in_turn, open_warehouse, scratch_warehouse
from tests.ingest.stores import NOW, Warehouse, json_tree, line_of, look, without_rights

HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(path: Path) -> Iterator[int]:
    """Let another process hold a warehouse; yield its id."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert line_of(process.stdout) == b"held\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def made(warehouse: Warehouse) -> Path:
    """The path of an empty warehouse."""
    with open_warehouse(warehouse.path):
        pass
    return warehouse.path


def test_a_new_warehouse_and_all_that_lies_beside_it_are_private(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    warehouse.load(json_tree(tmp_path / "store"))

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in warehouse.path.parent.iterdir()}
    assert modes == dict.fromkeys(("opencode.duckdb", "opencode.lock", "opencode.status.json"), 0o600)
    assert stat.S_IMODE(warehouse.path.parent.stat().st_mode) == 0o700


def test_a_warehouse_that_is_open_to_others_is_closed_to_them(made: Path) -> None:
    made.chmod(0o644)
    with open_warehouse(made):
        pass

    assert stat.S_IMODE(made.stat().st_mode) == 0o600


def test_the_schema_is_made_once_and_again_without_harm(made: Path) -> None:
    with open_warehouse(made) as connection:
        assert raw_version(connection) == len(MIGRATIONS)
        ensure_raw(connection, NOW)
        tables = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'opencode' order by 1"
        ).fetchall()
        n = connection.execute("select count(*) from raw.schema_migrations").fetchone()
        for statements in MIGRATIONS:  # each can be repeated
            for statement in statements:
                connection.execute(statement)
    expected = {*ENTITIES, "sources", "load_batches", "rejected_documents", "sync_state", "schema_migrations"}
    expected |= {"query_timings", "storage_measurements", "backups", "alerts"}
    expected |= {"dbt_invocations", "dbt_results", "masking_rules", "text_removals"}
    assert {name for (name,) in tables} == expected
    assert n == (len(MIGRATIONS),)


def test_a_migration_that_is_new_is_applied_and_one_that_fails_is_not_half_applied(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, ("create table raw.more (x int)", "not sql")))
    with pytest.raises(duckdb.ParserException), open_warehouse(made):
        pass
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, ("create table raw.more (x int)",)))
    with open_warehouse(made) as connection:
        assert raw_version(connection) == len(MIGRATIONS) + 1
    monkeypatch.setattr(schema, "MIGRATIONS", MIGRATIONS)
    with pytest.raises(IngestError, match="made by a newer version"), open_warehouse(made):
        pass


def test_reading_needs_a_warehouse_with_something_in_it(warehouse: Warehouse) -> None:
    with pytest.raises(NothingLoadedError, match="There is no warehouse at"):
        open_warehouse(warehouse.path, read_only=True).__enter__()
    warehouse.path.parent.mkdir()
    duckdb.connect(str(warehouse.path)).close()  # as `dbt build` makes it when it comes first
    before = look(warehouse.path.parent)

    with pytest.raises(NothingLoadedError, match="Nothing was loaded into"):
        open_warehouse(warehouse.path, read_only=True).__enter__()
    assert look(warehouse.path.parent) == before


@pytest.mark.parametrize(
    "name", ["a b", "it's", 'quo"te', "per%41cent", "number#1", "ünï", "a;b", "c:d", "{x}"]
)
def test_any_name_of_a_folder_will_do(tmp_path: Path, name: str) -> None:
    warehouse = Warehouse(tmp_path / name / "opencode.duckdb")

    warehouse.load(json_tree(tmp_path / "store"))

    assert warehouse.path.is_file()
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == [
        "opencode.duckdb",
        "opencode.lock",
        "opencode.status.json",
    ]
    assert warehouse.value("select count(*) from raw.parts") == 4


def test_a_busy_warehouse_is_waited_for_and_its_holder_named(
    made: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with held(made) as pid:
        for read_only in (False, True):
            with pytest.raises(BusyError, match=rf"in use by python\S* \(process {pid}\)") as error:
                open_warehouse(made, read_only=read_only, wait_s=0.3).__enter__()
            assert error.value.pid == pid
    waits = [record for record in caplog.records if "waiting for the warehouse" in record.getMessage()]
    assert len(waits) == 2, "it is said, and not at every attempt"


def test_a_warehouse_that_becomes_free_is_opened(made: Path) -> None:
    slept: list[float] = []
    with held(made) as pid:

        def wait(seconds: float) -> None:
            slept.append(seconds)
            os.kill(pid, 9)
            time.sleep(0.2)

        with open_warehouse(made, sleep=wait) as connection:
            assert raw_version(connection) == len(MIGRATIONS)
    assert slept


def test_a_holder_that_is_not_named_is_another_program(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise duckdb.IOException("Could not set lock on file")

    monkeypatch.setattr("ingest.warehouse.attach", refuse)
    with pytest.raises(BusyError, match="in use by another program"):
        open_warehouse(made, wait_s=0).__enter__()


def test_a_file_that_is_no_warehouse_is_told(warehouse: Warehouse) -> None:
    warehouse.path.parent.mkdir()
    warehouse.path.write_bytes(b"<html>" * 1000)
    with pytest.raises(IngestError, match=r"is no warehouse that this DuckDB .* can open"):
        open_warehouse(warehouse.path).__enter__()

    warehouse.path.unlink()
    warehouse.path.mkdir()
    with pytest.raises(IngestError, match="is no warehouse"):
        open_warehouse(warehouse.path).__enter__()


def test_missing_rights_are_told(open_folder: Path, tmp_path: Path) -> None:
    warehouse = Warehouse(open_folder / "w" / "opencode.duckdb")
    with without_rights(open_folder):
        warehouse.load(json_tree(open_folder / "store"))
        warehouse.path.chmod(0)
        with pytest.raises(IngestError, match="no right to read and write it"):
            open_warehouse(warehouse.path).__enter__()
        warehouse.path.unlink()
        warehouse.path.parent.chmod(0o500)
        with pytest.raises(IngestError, match="no right to write to its folder"):
            open_warehouse(warehouse.path).__enter__()
        with pytest.raises(IngestError, match="cannot be made"):
            open_warehouse(warehouse.path.parent / "deeper" / "opencode.duckdb").__enter__()
        warehouse.path.parent.chmod(0)
        with pytest.raises(IngestError, match=r"cannot be reached \(Permission denied\)"):
            open_warehouse(warehouse.path, read_only=True).__enter__()


def test_a_warehouse_keeps_its_small_row_groups_and_its_old_format(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    warehouse.load(json_tree(tmp_path / "store", n_messages=60, n_parts=50))

    groups = "select count(distinct row_group_id) from pragma_storage_info('raw.parts')"
    assert warehouse.value(groups) == 2
    assert "v1.2.0" in str(
        warehouse.value("select tags from duckdb_databases() where database_name = 'opencode'")
    )


def test_times_are_utc_whatever_the_host_says(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with open_warehouse(made) as connection:
        assert connection.execute("select current_setting('timezone')").fetchone() == ("UTC",)


def test_documents_need_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    with scratch_warehouse() as connection, Landing(connection, NOW) as land:
        with pytest.raises(RuntimeError, match=r"begin_source\(\) comes first"):
            land.end_source({}, None, "ok", None)
        assert not landed.has_history(connection)
        assert landed.sources(connection, "box") == []


def test_documents_and_rejections_are_counted() -> None:
    with scratch_warehouse() as connection, Landing(connection, NOW) as land:
        land.batch.begin()
        land.begin_source(JsonTree.at("box", Path("/store")))
        for n in range(5):
            land.put(Document("parts", f"prt_{n}", None, None, b'{"a":1}', "hash", "x", None, 7, False, 0))
        land.put(Rejection("parts", "y", None, "empty", "0 bytes", 0, 0, None))
        counts = land.end_source({"parts": []}, None, "ok", None)

    assert (counts.written, counts.rejected, counts.scanned) == (5, 1, 6)


def test_counts_add_up() -> None:
    counts = Counts(scanned=1, written=2)
    counts.add(Counts(scanned=3, rejected=4))

    assert counts == Counts(scanned=4, written=2, rejected=4)


def test_the_status_file_is_replaced_as_a_whole_and_read_by_others(made: Path) -> None:
    assert read_status(made) is None
    file = StatusFile(made)
    file.update(force=True, phase="init")
    file.update(phase="bulk_parts", n_scanned=7)
    found = read_status(made)
    assert found is not None
    assert (found["phase"], found["pid"]) == ("init", os.getpid()), "written at most twice a second"
    file._written_at -= sync_state.WRITE_INTERVAL_S
    file.update(n_scanned=8)
    found = read_status(made)
    assert found is not None
    assert (found["phase"], found["n_scanned"]) == ("bulk_parts", 8)

    for broken in (b"", b"[]", b'{"a'):
        status_path(made).write_bytes(broken)
        assert read_status(made) is None


def test_an_attached_warehouse_is_the_current_catalog(made: Path) -> None:
    with duckdb.connect(":memory:") as connection:
        attach_in_turn(connection, made, Patience(0), read_only=True)
        assert connection.execute("select current_catalog()").fetchone() == (CATALOG,)


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (4_200, "4.2 kB"),
        (3_100_000, "3.1 MB"),
        (5 * 10**12, "5,000.0 GB"),
    ],
)
def test_sizes_are_told_in_the_unit_that_fits(n: int, text: str) -> None:
    assert human.size(n) == text


def test_words_are_printable_and_counted() -> None:
    assert human.printable("a\x1b[31m\r\n\x9b\u202eb") == "a\ufffd[31m\ufffd\ufffd\ufffd\ufffdb"
    assert (human.count(1, "session"), human.count(1234, "session")) == ("1 session", "1,234 sessions")
    assert human.when(None) == "never"
    assert human.when(NOW) == "2026-03-01 12:00 UTC"
    assert human.table([]) == []
    assert logging.getLogger("ingest.warehouse").name


def test_landing_leaves_the_settings_of_the_connection_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "COMMITS_PER_EMPTYING", 1)
    settings = "select split(current_setting('memory_limit'), ' '), current_setting('threads')"
    with open_warehouse(tmp_path / "opencode.duckdb") as connection:
        (((size, unit), n_threads),) = connection.execute(settings).fetchall()
        with Landing(connection, NOW) as land:
            land.batch.begin()
            land.begin_source(JsonTree.at("box", Path("/store")))
            land.put(Document("parts", "prt_1", None, None, b'{"a":1}', "hash", "x", None, 7, False, 0))
            land.end_source({}, None, "ok", None)
        (((size_after, unit_after), n_threads_after),) = connection.execute(settings).fetchall()
    assert (unit_after, n_threads_after) == (unit, n_threads)
    assert float(size_after) == pytest.approx(float(size), rel=0.05), "DuckDB tells it rounded"


def test_large_documents_are_landed_whatever_the_cache_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their row group is not full, so a checkpoint that comes later has to hold all of it in memory."""
    monkeypatch.setattr(writer, "COMMITS_PER_EMPTYING", 1)
    text = b"".join(hashlib.sha256(b"%d" % n).hexdigest().encode() for n in range(250_000))
    payload = b'{"text":"' + text + b'"}'
    source = JsonTree.at("box", Path("/store"))
    for batch in range(2):
        with (
            open_warehouse(tmp_path / "opencode.duckdb") as connection,
            Landing(connection, NOW, mask=False) as land,
        ):
            land.batch.begin()
            land.begin_source(source)
            for n in range(6):
                one = f"prt_{batch}_{n}"
                land.put(Document("parts", one, None, None, payload, one, "x", None, len(payload), False, 0))
            assert land.end_source({}, None, "ok", None).written == 6
            found = connection.execute("select count(*), sum(strlen(payload)) from raw.parts").fetchall()
            assert found == [(6 * (batch + 1), 6 * (batch + 1) * len(payload))]


@pytest.mark.parametrize("size", [0, 4096, 12288, 100_000, 300_000])
def test_a_disk_that_is_full_when_the_warehouse_is_made_leaves_nothing_that_a_load_refuses(
    warehouse: Warehouse, tmp_path: Path, size: int
) -> None:
    store = json_tree(tmp_path / "store")
    command = [sys.executable, "-m", "ingest", "init", "--warehouse", str(warehouse.path)]
    full = subprocess.run(
        command,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY)),
        # what coverage writes would be too large as well
        env={name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"},
        capture_output=True,
        text=True,
        check=False,
    )
    if full.returncode:
        assert (full.returncode, "Traceback" in full.stderr) == (2, False)
        assert "disk is full. Make room" in full.stderr
        left = {path.name for path in warehouse.path.parent.iterdir()}
        assert left <= {"opencode.lock"}
    assert warehouse.load(store).counts.written > 0


def test_a_kill_while_the_warehouse_is_made_leaves_nothing_that_a_load_refuses(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    program = f"""
        import os, pathlib, signal
        from ingest import warehouse

        warehouse.ensure_raw = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        warehouse.open_warehouse(pathlib.Path({str(warehouse.path)!r})).__enter__()
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert killed.returncode < 0
    assert not warehouse.path.exists()
    assert warehouse.load(json_tree(tmp_path / "store")).counts.written > 0
    assert not list(warehouse.path.parent.glob(".opencode*"))

"""Builds that replace tables do not make the file larger for good."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ingest.errors import IngestError
from ingest.warehouse import open_warehouse
from opencode_warehouse.build.compaction import compact
from tests.ingest.stores import Warehouse, json_tree

BUILD = (
    "create table main.new as select n, md5(n::varchar) as code from range(300000) as t (n)",
    "drop table if exists main.built",
    "alter table main.new rename to built",
)


@pytest.fixture
def built(warehouse: Warehouse, tmp_path: Path) -> Warehouse:
    """A loaded warehouse with a built table, a view, and a function."""
    warehouse.load(json_tree(tmp_path / "store"))
    build(warehouse)
    with open_warehouse(warehouse.path) as connection:
        connection.execute("create view main.text_messages as select count(*) as n from main.built")
        connection.execute("create macro main.health_check(x) as table select x as y")
    return warehouse


def build(warehouse: Warehouse) -> None:
    """Replace the table as dbt does."""
    with open_warehouse(warehouse.path) as connection:
        for statement in BUILD:
            connection.execute(statement)


def test_the_file_does_not_grow_from_run_to_run(built: Warehouse) -> None:
    compact(built.path)
    first = built.path.stat().st_size
    documents = built.documents()
    for _ in range(3):
        build(built)
        assert built.path.stat().st_size > 1.2 * first, "else there is nothing to give back"
        assert compact(built.path) > 0
        assert built.path.stat().st_size <= first
    assert compact(built.path) == 0
    assert built.documents() == documents
    assert built.query("select n from main.text_messages") == [(300_000,)]
    assert built.query("from main.health_check(7)") == [(7,)]
    assert built.path.stat().st_mode & 0o777 == 0o600
    assert not list(built.path.parent.glob(".opencode*"))
    assert built.load(built.path.parents[1] / "store").counts.written == 0


def test_without_room_for_a_copy_the_file_stays(built: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    build(built)
    before = built.path.read_bytes()
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    assert compact(built.path) == 0
    assert built.path.read_bytes() == before


def test_a_copy_that_lacks_something_is_not_put_in_place(
    built: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(built)
    before = built.documents()
    monkeypatch.setattr("opencode_warehouse.build.compaction._contents", lambda _, catalog: catalog)
    with pytest.raises(IngestError, match="does not hold the tables"):
        compact(built.path)
    assert built.documents() == before
    assert not list(built.path.parent.glob(".opencode*"))


@pytest.mark.parametrize("point", ["trust.shut", "os.fsync", "pathlib.Path.replace", "copies.sync"])
def test_a_kill_loses_nothing(built: Warehouse, point: str) -> None:
    build(built)
    before = built.documents()
    program = f"""
        import os, pathlib, signal
        from ingest import trust
        from opencode_warehouse.build import compaction
        from opencode_warehouse.keep import copies

        {point} = lambda *_, **named: os.kill(os.getpid(), signal.SIGKILL)
        compaction.compact(pathlib.Path({str(built.path)!r}))
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert built.documents() == before
    assert built.query("select n from main.text_messages") == [(300_000,)]
    compact(built.path)
    assert built.documents() == before
    assert not list(built.path.parent.glob(".opencode*"))

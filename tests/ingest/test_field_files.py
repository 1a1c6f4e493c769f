"""Files as people really have them, each of which was once refused or believed too much."""

import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ingest.cli import main
from tests.ingest.stores import Warehouse

FIELD = Path(__file__).parents[1] / "fixtures" / "field"
EXPORTS = sorted([*FIELD.glob("export_preamble/*.json"), *FIELD.glob("export_encoding/*.json")])


@pytest.fixture
def databases(tmp_path: Path) -> Path:
    """The folder of the databases, one folder a case."""
    with tarfile.open(FIELD / "databases.tgz") as archive:
        archive.extractall(tmp_path / "databases", filter="data")
    return tmp_path / "databases"


def load(store: Path, warehouse: Warehouse) -> int:
    return main(["load", "--store", str(store), "--warehouse", str(warehouse.path)])


def counts(warehouse: Warehouse) -> dict[str, tuple[Any, ...]]:
    """Return rows, distinct ids and deleted rows of each table of documents that has any."""
    return {
        entity: row
        for entity in ("projects", "sessions", "messages", "parts", "todos")
        if (
            row := warehouse.query(
                f"select count(*), count(distinct document_id), count(deleted_at) from raw.{entity}"
            )[0]
        )[0]
    }


@pytest.mark.parametrize("export", EXPORTS, ids=lambda path: path.stem)
def test_an_export_has_its_session_whatever_stands_around_it(export: Path, warehouse: Warehouse) -> None:
    assert load(export, warehouse) == 0
    assert counts(warehouse)["sessions"] == (1, 1, 0)
    assert counts(warehouse)["messages"][0] >= 2
    assert warehouse.query("select count(*) from raw.rejected_documents") == [(0,)]


def test_a_page_that_went_bad_doubles_and_deletes_nothing(
    databases: Path, warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    store = databases / "opencode.db"
    shutil.copy(databases / "sqlite_silent_page" / "good.db", store)
    assert load(store, warehouse) == 0
    before = counts(warehouse)
    shutil.copy(databases / "sqlite_silent_page" / "bad.db", store)
    assert load(store, warehouse) == 1
    assert counts(warehouse) == before
    assert all(n_rows == n_ids and not n_deleted for n_rows, n_ids, n_deleted in before.values())
    assert warehouse.query("select status from raw.sources") == [("damaged",)]
    assert "damaged" in capsys.readouterr().out


def test_a_bad_database_at_first_is_there_once_and_said_to_be_damaged(
    databases: Path, warehouse: Warehouse
) -> None:
    store = databases / "opencode.db"
    shutil.copy(databases / "sqlite_silent_page" / "bad.db", store)
    assert load(store, warehouse) == 1
    assert all(n_rows == n_ids for n_rows, n_ids, _ in counts(warehouse).values())
    assert warehouse.query("select status from raw.sources") == [("damaged",)]


def test_tables_without_a_rowid_load_twice(databases: Path, warehouse: Warehouse) -> None:
    store = databases / "without_rowid" / "opencode.db"
    assert [load(store, warehouse), load(store, warehouse)] == [0, 0]
    assert warehouse.query("select status from raw.sources") == [("ok",)]
    assert counts(warehouse)["parts"][2] == 0

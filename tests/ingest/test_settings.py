"""Where the stores and the warehouse are."""

import os
from pathlib import Path

import pytest

from ingest.errors import IngestError, SourceError
from ingest.settings import from_environment
from ingest.sources.discovery import find_sources
from ingest.sources.json_store import JsonTree
from ingest.sources.source import Source
from ingest.sources.sqlite_store import Database
from tests.ingest.stores import Warehouse, database, json_tree, without_rights, write


def kinds(sources: list[Source]) -> list[tuple[str, str]]:
    return [(source.kind, source.root.name) for source in sources]


def test_an_argument_wins_over_the_environment_and_that_over_the_default(
    environment: Path, tmp_path: Path
) -> None:
    default = from_environment({"HOME": str(environment)})
    assert default.stores == (environment / ".local/share/opencode",)
    assert default.warehouse == environment / "warehouse/opencode.duckdb"
    assert default.machine
    assert default.is_default_store

    environ = {
        "HOME": str(environment),
        "OPENCODE_STORE": f"/a{os.pathsep}{os.pathsep}/b",
        "OPENCODE_WAREHOUSE": "/w/opencode.duckdb",
        "OPENCODE_MACHINE": "box",
    }
    named = from_environment(environ)
    assert named.stores == (Path("/a"), Path("/b"))
    assert (named.warehouse, named.machine, named.is_default_store) == (
        Path("/w/opencode.duckdb"),
        "box",
        False,
    )

    given = from_environment(
        environ, stores=["/c"], warehouse="/v/opencode.duckdb", machine="other", fallback="s"
    )
    assert given.stores == (Path("/c"),)
    assert (given.warehouse, given.machine) == (Path("/v/opencode.duckdb"), "other")
    assert given.fallback == environment / "s"


def test_how_many_releases_stay_is_a_number_or_told(environment: Path) -> None:
    home = {"HOME": str(environment)}
    assert from_environment(home).releases_keep == 3
    assert from_environment({**home, "OPENCODE_RELEASES_KEEP": "7"}).releases_keep == 7
    for wrong in ("0", "-1", "two", "1.5", "1001", "²"):
        with pytest.raises(IngestError, match="OPENCODE_RELEASES_KEEP must be a whole number from 1 to 1000"):
            from_environment({**home, "OPENCODE_RELEASES_KEEP": wrong})


def test_the_data_root_is_where_xdg_says(environment: Path) -> None:
    assert from_environment({"XDG_DATA_HOME": "/data"}).stores == (Path("/data/opencode"),)
    assert from_environment({}).stores == (environment / ".local/share/opencode",)


def test_the_same_store_has_one_name_however_it_is_written(environment: Path, tmp_path: Path) -> None:
    root = json_tree(tmp_path / "store")
    (tmp_path / "link").symlink_to(root)
    (environment / "mine").symlink_to(root)

    names = [str(root), f"{root}/../store/", str(tmp_path / "link"), "~/mine"]
    found = from_environment({"HOME": str(environment)}, stores=names)

    assert found.stores == (root,)


def test_names_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    for stores, warehouse, machine, words in (
        ([], "/w/warehouse.duckdb", None, "must be called opencode.duckdb"),
        ([], "/w/opencode.db", None, "must be called opencode.duckdb"),
        ([], "/what?/opencode.duckdb", None, "must not hold a question mark"),
        (["~nobody-of-this-name/x"], None, None, "leads nowhere"),
        ([str(tmp_path / "circle")], None, None, "leads nowhere"),
        ([os.fsdecode(b"/caf\xe9")], None, None, "/caf\ufffd is not UTF-8"),
        ([], None, os.fsdecode(b"caf\xe9"), "is not UTF-8"),
        ([str(tmp_path)], str(tmp_path / "w" / "opencode.duckdb"), None, "would lie inside the store"),
    ):
        with pytest.raises(IngestError, match=words):
            from_environment({}, stores=stores, warehouse=warehouse, machine=machine)


def test_a_store_holds_its_tree_and_every_database_and_nothing_else(tmp_path: Path) -> None:
    root = json_tree(tmp_path / "store")
    for name in ("opencode.db", "opencode-dev.db", "opencode-local.db"):
        database(root / name)
    for name in ("opencode.db.bak", "other.db", "my-opencode.db", "opencode.duckdb", "auth.json"):
        write(root / name, b"")

    assert kinds(find_sources([root], "box")) == [
        ("json", "store"),
        ("sqlite", "opencode-dev.db"),
        ("sqlite", "opencode-local.db"),
        ("sqlite", "opencode.db"),
    ]


def test_a_path_may_be_a_root_a_tree_a_database_or_an_export(tmp_path: Path) -> None:
    root = json_tree(tmp_path / "store")
    database(root / "opencode.db")
    odd = database(tmp_path / "history.backup")
    export = write(tmp_path / "export.json", b"{}")

    assert kinds(find_sources([root / "storage"], "box")) == [("json", "store")]
    assert kinds(find_sources([root / "opencode.db"], "box")) == [("sqlite", "opencode.db")]
    assert kinds(find_sources([odd], "box")) == [("sqlite", "history.backup")]
    assert kinds(find_sources([export], "box")) == [("export", "export.json")]
    assert kinds(find_sources([write(tmp_path / "empty.db", b"")], "box")) == [("sqlite", "empty.db")]
    assert find_sources([tmp_path / "nowhere", tmp_path], "box") == []
    assert kinds(find_sources([root, root / "storage", root / "opencode.db"], "box")) == [
        ("json", "store"),
        ("sqlite", "opencode.db"),
    ]


def test_a_source_is_known_by_machine_kind_and_root(tmp_path: Path) -> None:
    (source,) = find_sources([json_tree(tmp_path / "store")], "box", is_sample=True)

    assert source.source_id == f"box:json:{tmp_path}/store"
    assert source.is_sample


def test_a_source_belongs_to_the_store_that_it_would_be_found_in() -> None:
    tree = JsonTree.at("box", Path("/a/b"))
    rows = Database.at("box", Path("/a/b/opencode.db"))

    assert [tree.is_found_in(Path(p)) for p in ("/a/b", "/a/b/storage", "/a", "/a/b/c")] == [
        True,
        True,
        False,
        False,
    ]
    assert [rows.is_found_in(Path(p)) for p in ("/a/b", "/a/b/opencode.db", "/a")] == [True, True, False]


def test_a_database_with_a_name_that_is_not_text_is_told(tmp_path: Path) -> None:
    write(tmp_path / os.fsdecode(b"opencode-\xff.db"), b"")

    with pytest.raises(IngestError, match="is not UTF-8"):
        find_sources([tmp_path], "box")


def test_what_may_not_be_looked_into_is_told_or_left_to_its_reader(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir()
    files = [write(open_folder / "a.db", b"x"), write(open_folder / "a.json", b"x")]
    for path in (closed, *files):
        path.chmod(0)

    with without_rights(open_folder):
        assert [kind for kind, _ in kinds(find_sources(files, "box"))] == ["sqlite", "export"]
        with pytest.raises(SourceError, match="cannot be looked into"):
            find_sources([closed], "box")


def test_without_a_host_name_the_machine_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", str)

    assert from_environment({}).machine == "unknown"


def test_a_database_that_is_a_link_out_of_the_store_is_not_followed_and_told(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    elsewhere = database(tmp_path / "elsewhere" / "opencode.db")
    root = database(tmp_path / "store" / "opencode-inside.db").parent
    (root / "opencode.db").symlink_to(elsewhere)
    (root / "opencode-again.db").symlink_to(root / "opencode-inside.db")

    assert [source.root.name for source in find_sources([root], "box")] == ["opencode-inside.db"]
    result = warehouse.load(root)
    assert result.problems == [
        f"{root / 'opencode.db'} is a link that leaves the store, so it is not followed. Name what it leads "
        "to as a store of its own."
    ]
    assert warehouse.value("select count(*) from raw.sources") == 1

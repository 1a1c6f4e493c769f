"""Grown stores: their totals are exact, they load without a rejection, and they stay what they are."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from dev.bench import stores
from dev.bench.errors import BenchError
from dev.bench.history import Size
from dev.bench.stores import DATABASE, SESSION_DOCUMENTS, Layout, Store
from tests.dev.bench.sizes import SAMPLE, TINY

LAYOUTS: tuple[Layout, ...] = ("json", "sqlite")


def nothing(n: int, total: int) -> None:
    """Take note of progress, to no end."""


def grown(cache: Path, layout: Layout) -> Store:
    """Return a tiny store."""
    return stores.store(cache, SAMPLE, layout, TINY, nothing)


def documents(store: Store, kind: str) -> list[bytes]:
    """Return the JSON of all documents of a kind, from the disk."""
    if store.layout == "json":
        return [path.read_bytes() for path in (store.path / "storage" / kind).rglob("*.json")]
    with closing(sqlite3.connect(store.path / DATABASE)) as connection:
        return [row[0].encode() for row in connection.execute(f"select data from {kind}")]


def load(store: Store, warehouse: Path) -> dict[str, Any]:
    """Load a store by the public command, and return what that says."""
    done = subprocess.run(
        [sys.executable, "-m", "ingest", "load", "--json", "--store", store.path, "--warehouse", warehouse],
        capture_output=True,
        check=True,
        env=os.environ | {"OPENCODE_MACHINE": "desk"},
    )
    result: dict[str, Any] = orjson.loads(done.stdout)
    return result


@pytest.mark.parametrize("layout", LAYOUTS)
def test_totals_are_what_lies_on_the_disk(tmp_path: Path, layout: Layout) -> None:
    store = grown(tmp_path, layout)
    texts = {kind: documents(store, kind) for kind in ("message", "part")}
    assert {kind: len(found) for kind, found in texts.items()} == {
        "message": store.totals.documents["message"],
        "part": store.totals.documents["part"],
    }
    kinds = ("message", "part") if layout == "sqlite" else ("project", "session", "message", "part")
    assert store.totals.n_bytes == sum(len(text) for kind in kinds for text in documents(store, kind))
    steps = [found for found in map(orjson.loads, texts["message"]) if found["role"] == "assistant"]
    assert store.totals.tokens == {
        "input": sum(step["tokens"]["input"] for step in steps),
        "output": sum(step["tokens"]["output"] - step["tokens"]["reasoning"] for step in steps),
        "reasoning": sum(step["tokens"]["reasoning"] for step in steps),
        "cache_read": sum(step["tokens"]["cache"]["read"] for step in steps),
        "cache_write": sum(step["tokens"]["cache"]["write"] for step in steps),
    }
    assert Decimal(store.totals.cost_usd) == sum(Decimal(repr(step["cost"])) for step in steps)


def test_both_layouts_hold_the_same(tmp_path: Path) -> None:
    tree, database = (grown(tmp_path, layout).totals for layout in LAYOUTS)
    assert (tree.documents, tree.tokens, tree.cost_usd) == (
        database.documents,
        database.tokens,
        database.cost_usd,
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_store_loads_whole_and_one_more_session_alone(tmp_path: Path, layout: Layout) -> None:
    store = grown(tmp_path, layout)
    warehouse = tmp_path / "opencode.duckdb"
    first = load(store, warehouse)
    assert first["counts"]["written"] == store.totals.n_documents
    assert (first["counts"]["rejected"], first["problems"]) == (0, [])
    with store.growing() as add:
        for _ in range(5):  # they differ in length
            added = add()
            counts = load(store, warehouse)["counts"]
            assert counts["written"] == added.n_documents == pytest.approx(SESSION_DOCUMENTS, rel=0.05)
            assert (counts["rejected"], counts["deleted"]) == (0, 0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_added_is_taken_out_again(tmp_path: Path, layout: Layout) -> None:
    store = grown(tmp_path, layout)
    before = {kind: sorted(documents(store, kind)) for kind in ("message", "part")}
    with store.growing() as add:
        add()
        add()
        assert len(documents(store, "part")) > len(before["part"])
    assert {kind: sorted(documents(store, kind)) for kind in ("message", "part")} == before


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_a_killed_run_added_is_taken_out_by_the_next(tmp_path: Path, layout: Layout) -> None:
    store = grown(tmp_path, layout)
    n_parts = len(documents(store, "part"))
    killed = store.growing()
    killed.__enter__()()  # and never ended
    assert len(documents(store, "part")) > n_parts
    assert len(documents(grown(tmp_path, layout), "part")) == n_parts


def test_a_store_is_made_once(tmp_path: Path) -> None:
    first = grown(tmp_path, "json")
    told: list[int] = []
    again = stores.store(tmp_path, SAMPLE, "json", TINY, lambda n, total: told.append(n))
    assert again.path == first.path
    assert again.totals == first.totals
    assert told == []


def test_a_store_without_its_mark_is_made_anew(tmp_path: Path) -> None:
    store = grown(tmp_path, "json")
    (store.path / "complete.json").unlink()
    victim = next((store.path / "storage" / "part").rglob("*.json"))
    victim.unlink()
    assert grown(tmp_path, "json").totals == store.totals
    assert victim.exists()


@pytest.mark.parametrize("other", [TINY.times(2), TINY])
def test_another_size_or_seed_is_another_store(tmp_path: Path, other: Size) -> None:
    seed = stores.SEED + (other == TINY)
    store = stores.store(tmp_path, SAMPLE, "sqlite", other, nothing, seed)
    assert store.path != grown(tmp_path, "sqlite").path


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"are needed for .* Make room.*BENCH_CACHE.*SIZE=small"):
        stores.store(tmp_path, SAMPLE, "sqlite", TINY.times(1e9), nothing)
    assert not (tmp_path / "stores").exists()


def test_without_the_sample_nothing_is_grown(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no sample"):
        stores.store(tmp_path, tmp_path / "gone", "json", TINY, nothing)


def test_the_database_has_the_tables_and_indexes_of_opencode(tmp_path: Path) -> None:
    store = grown(tmp_path, "sqlite")
    query = "select type, name from sqlite_master where sql is not null order by 1, 2"
    found = []
    for path in (store.path / DATABASE, SAMPLE / DATABASE):
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
            found.append(connection.execute(query).fetchall())
    assert found[0] == found[1]

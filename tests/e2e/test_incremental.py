"""A warehouse that is built on and on is the one that a full refresh would make of the same documents."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from ingest.warehouse import NothingLoadedError, open_warehouse
from tests.e2e.random_history import RandomHistory
from tests.ingest.stores import message, message_file, part, part_file, session, session_file, write

PROJECT = Path(__file__).resolve().parents[2]
EXTRA = 6
N_HISTORIES = int(os.environ.get("RANDOM_HISTORIES", "1"))
"""How many random histories to go through. With more than one, each round of them is compared."""

ROUNDS = 2 if N_HISTORIES == 1 else 4
FIRST = int(os.environ.get("RANDOM_HISTORIES_FROM", "1"))
# The health checks tell of the builds themselves.
MODELS = ("--exclude", "tag:quality")
OF_BUILDS = {"incremental_builds"}
WHEN_SEEN = {"int_session_documents", "int_session_states"}


def differences(built: Path, refreshed: Path) -> Iterator[str]:
    """Yield a line for each row that is in one of two warehouses alone."""
    with closing(duckdb.connect(":memory:")) as connection:
        connection.execute(f"attach '{built}' as built (read_only)")
        connection.execute(f"attach '{refreshed}' as refreshed (read_only)")
        tables = connection.execute(
            """select schema_name, table_name from duckdb_tables()
            where database_name = 'built' and schema_name in ('staging', 'intermediate', 'main')
            order by all"""
        ).fetchall()
        assert len(tables) > 90
        for schema, table in tables:
            if table in OF_BUILDS:
                continue
            columns = "session_id" if table in WHEN_SEEN else "*"
            where = "where state_hash <> 'gone'" if table in WHEN_SEEN else ""
            one, other = (
                f"select {columns} from {side}.{schema}.{table} {where}" for side in ("built", "refreshed")
            )
            for side, query in (
                ("built", f"{one} except all {other}"),
                ("refreshed", f"{other} except all {one}"),
            ):
                for row in connection.execute(f"select * from ({query}) limit 3").fetchall():
                    yield f"{schema}.{table}, {side} alone: {str(row)[:600]}"


def assert_is_as_refreshed(warehouse: Any, folder: Path) -> None:
    """Compare all tables of a warehouse with those of a full refresh of a copy of it."""
    copy = type(warehouse)(folder / "opencode.duckdb", warehouse.store, warehouse.server)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(warehouse.path, copy.path)
    copy.dbt("run", "--full-refresh", *MODELS)
    found = list(differences(warehouse.path, copy.path))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + N_HISTORIES))
def test_after_random_changes_all_tables_are_those_of_a_full_refresh(
    seed: int, unpacked: Callable[[str], Path], new_warehouse: Callable[..., Any], tmp_path: Path
) -> None:
    history = RandomHistory(
        tmp_path,
        Random(seed),  # noqa: S311 - no secret
        [PROJECT / "sample" / "storage", unpacked("versions/1.0.61") / "opencode" / "storage"],
        [PROJECT / "sample" / "opencode.db", PROJECT / "sample" / "opencode-dev.db"],
    )
    warehouse = new_warehouse()
    warehouse.environment["XDG_DATA_HOME"] = str(tmp_path / "nothing")
    warehouse.load("--fallback", str(PROJECT / "sample"))  # goes when the first documents come
    warehouse.dbt("seed")
    warehouse.dbt("run", *MODELS)
    warehouse.store = os.pathsep.join(map(str, (history.root, history.other)))
    for nth, changes in enumerate(history.rounds(ROUNDS, EXTRA), start=1):
        warehouse.load("--accept-deletions")
        warehouse.dbt("run", *MODELS)
        if nth == ROUNDS or N_HISTORIES > 1:
            print(f"round {nth} of {seed}: {changes}")
            assert_is_as_refreshed(warehouse, tmp_path / f"refreshed-{nth}")


# A model and all before it, which is less than half of them.
SOME = ("--select", "+parts")
MARKS = {
    "staging.stg_opencode__parts": "file_mime",
    "intermediate.int_parts_deduplicated": "part_type",
    "intermediate.int_messages_priced": "price_source",
    "main.messages": "working_directory",
    "main.parts": "content",
}
"""Columns on which nothing hangs: a row that is built anew loses the mark that a test left in it."""


@pytest.fixture(scope="module")
def built(new_warehouse: Callable[..., Any]) -> Any:
    """A warehouse of the sample, of which some models are built. Copied by each test."""
    warehouse = new_warehouse(PROJECT / "sample")
    warehouse.load()
    warehouse.dbt("seed")
    warehouse.dbt("run", *SOME)
    return warehouse


@pytest.fixture
def warehouse(built: Any, tmp_path: Path) -> Any:
    """A warehouse of the sample with a mark in every row of some models."""
    copy = type(built)(tmp_path / "warehouse" / "opencode.duckdb", built.store, built.server)
    copy.path.parent.mkdir()
    shutil.copy(built.path, copy.path)
    change(copy, *(f"update {table} set {column} = 'mark'" for table, column in MARKS.items()))
    return copy


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """A copy of the project, to be edited."""
    folder = tmp_path / "project"
    ignored = shutil.ignore_patterns(".*", "target", "warehouse", "__pycache__", "sample", "fixtures")
    shutil.copytree(PROJECT, folder, ignore=ignored)
    return folder


def change(warehouse: Any, *statements: str) -> None:
    """Run statements on a warehouse."""
    with closing(duckdb.connect(str(warehouse.path))) as connection:
        for statement in statements:
            connection.execute(statement)


def edit(path: Path, old: str, new: str) -> None:
    """Replace what is in a file once."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def built_anew(warehouse: Any) -> set[str]:
    """Return the marked models of which any row was built anew."""
    return {
        table
        for table, column in MARKS.items()
        if warehouse.one(f"select count(*) from {table} where {column} is distinct from 'mark'")
    }


def test_a_build_without_a_change_builds_no_row_anew(warehouse: Any) -> None:
    warehouse.dbt("run", *SOME)
    assert built_anew(warehouse) == set()


def test_a_price_that_changed_prices_what_is_there_anew(warehouse: Any) -> None:
    query = "select count(*) from main.messages where cost_source = 'estimated' and message_cost_usd > 0"
    n_estimated = warehouse.one(query)
    assert n_estimated > 0
    before = warehouse.one("select sum(message_cost_usd) from main.messages where cost_source = 'estimated'")
    prices = [
        f"{kind}_token_cost_per_1k" for kind in ("input", "output", "cache_read", "cache_write", "reasoning")
    ]
    doubled = ", ".join(f"{price} = 2 * {price}" for price in prices)
    change(warehouse, f"update main.model_pricing set {doubled}")
    warehouse.dbt("run", *SOME)
    assert warehouse.one(query) == n_estimated
    after = warehouse.one("select sum(message_cost_usd) from main.messages where cost_source = 'estimated'")
    assert after == 2 * before
    assert "main.messages" in built_anew(warehouse)


def test_a_model_that_was_edited_is_built_anew_with_all_after_it(warehouse: Any, edited: Path) -> None:
    edit(
        edited / "models/intermediate/core/int_messages_priced.sql",
        "select * from estimated",
        "select * from estimated -- edited",
    )
    warehouse.dbt("run", *SOME, "--project-dir", str(edited))
    assert built_anew(warehouse) == {"intermediate.int_messages_priced", "main.messages", "main.parts"}


def test_an_edited_macro_rebuilds_the_models_that_use_it(warehouse: Any, edited: Path) -> None:
    macro = edited / "macros/engine/tokens_usd.sql"
    edit(macro, "{% macro tokens_usd", "{#- a comment -#}\n{% macro tokens_usd")
    macro.write_text(macro.read_text().replace("{%- endmacro %}", "{#- another -#}{%- endmacro %}"))
    warehouse.dbt("run", *SOME, "--project-dir", str(edited))
    assert built_anew(warehouse) == set()

    macro.write_text(macro.read_text().replace("{%- endmacro %}", " + 0{%- endmacro %}"))
    warehouse.dbt("run", *SOME, "--project-dir", str(edited))
    assert built_anew(warehouse) == {"intermediate.int_messages_priced", "main.messages", "main.parts"}


def test_what_was_built_without_what_is_before_it_is_built_again(warehouse: Any, edited: Path) -> None:
    unioned = edited / "models/intermediate/core/int_parts_unioned.sql"
    edit(unioned, "select * from unioned", "select * from unioned where part_type != 'reasoning'")
    warehouse.dbt("run", "--select", "parts", "--project-dir", str(edited))
    assert built_anew(warehouse) == {"main.parts"}
    warehouse.dbt("run", *SOME, "--project-dir", str(edited))
    assert warehouse.one("select count(*) from main.parts where part_type = 'reasoning'") == 0
    assert "intermediate.int_parts_deduplicated" in built_anew(warehouse)


def test_a_model_that_was_left_out_or_failed_has_at_its_next_build_all_that_it_missed(
    warehouse: Any, edited: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(PROJECT / "sample", store)
    warehouse.store = str(store)
    for nth, command in enumerate((("--exclude", "parts"), ("--project-dir", str(edited)))):
        text = f"missed {nth}"
        with closing(sqlite3.connect(store / "opencode.db")) as database:
            [[part_id]] = database.execute(
                'select id from part where data like \'%"type":"text"%\' order by id limit 1 offset ?', [nth]
            )
            data = json.dumps({"type": "text", "text": text})
            database.execute(
                "update part set data = ?, time_updated = time_updated + 1 where id = ?", (data, part_id)
            )
            database.commit()
        warehouse.load()
        if nth:
            edit(
                edited / "models/marts/core/parts.sql",
                "select * from final",
                "select error('broken') from final",
            )
        warehouse.dbt("run", *SOME, *command, code=nth)
        assert warehouse.one("select count(*) from main.parts where content = ?", text) == 0
        warehouse.dbt("run", *SOME)
        assert warehouse.one("select count(*) from main.parts where content = ?", text) == 1


def test_sessions_that_are_gone_are_gone_also_where_their_states_were_built_anew(
    warehouse: Any, unpacked: Callable[[str], Path]
) -> None:
    change(warehouse, "update raw.sources set is_sample = true")
    warehouse.dbt("run", "--select", "int_session_documents", "int_session_states")
    warehouse.store = str(unpacked("versions/1.0.61") / "opencode")
    warehouse.load()
    warehouse.dbt("run", *SOME)
    assert (
        warehouse.one(
            "select count(*) from main.parts where source_id not in (select source_id from raw.sources)"
        )
        == 0
    )
    assert warehouse.one("select count(*) from main.parts") > 100


def test_what_a_watch_commits_within_a_minute_of_a_build_is_in_the_next_build(
    new_warehouse: Callable[..., Any], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    path = write(part_file(store), part())
    write(message_file(store), message())
    write(session_file(store), session())
    warehouse = new_warehouse(store)
    staging = ("run", "--select", "stg_opencode__parts", "stg_opencode__sources")
    command = [
        sys.executable,
        "-m",
        "ingest",
        "watch",
        "--store",
        str(store),
        "--warehouse",
        str(warehouse.path),
    ]
    with subprocess.Popen(
        command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as watch:
        try:
            for text in ("loaded", "in a batch", "in the batch that goes on"):
                write(path, part(text=text), at=datetime.now(UTC))
                until = time.monotonic() + 60
                while not landed_text(warehouse.path, text):
                    assert time.monotonic() < until, f"never landed: {text}"
                    time.sleep(0.2)
                warehouse.dbt(*staging)
                assert warehouse_text(warehouse.path) == text
        finally:
            watch.terminate()


def landed_text(path: Path, text: str) -> bool:
    """Return whether a text is landed; also while the watch writes."""
    query = "select 1 from raw.parts where payload ->> '$.text' = ?"
    try:
        with open_warehouse(path, read_only=True, wait_s=30) as connection:
            return bool(connection.execute(query, [text]).fetchall())
    except NothingLoadedError:
        return False


def warehouse_text(path: Path) -> str:
    """Return the text of the only part in staging."""
    with open_warehouse(path, read_only=True, wait_s=30) as connection:
        [(text,)] = connection.execute("select text_start from staging.stg_opencode__parts").fetchall()
    return str(text)

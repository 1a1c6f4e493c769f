"""Forks are counted once, before and after OpenCode deletes the session they were made from."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

TOTALS = """
    select count(*), sum(tokens_total)::bigint, sum(cost_recorded_usd)
    from messages where not is_fork_copy
"""
COPIED = "select session_id from sessions where is_fork"


def original_of_the_forks(warehouse: Any) -> str:
    """Return the session that the forks of a history were copied from."""
    session_id: str = warehouse.one(
        """
        select distinct originals.session_id
        from messages as copies
        inner join messages as originals
            on copies.created_at = originals.created_at and copies.role = originals.role
                and copies.tokens_total is not distinct from originals.tokens_total
        where copies.is_fork_copy and not originals.is_fork_copy and copies.role = 'assistant'
        """
    )
    return session_id


def delete_session(database: Path, session_id: str) -> None:
    """Delete a session as OpenCode does, with all that hangs on it."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("pragma foreign_keys = on")
        connection.execute("delete from session where id = ?", (session_id,))
        connection.commit()
        assert connection.execute(
            "select count(*) from message where session_id = ?", (session_id,)
        ).fetchone() == (0,)


def test_totals_count_every_copied_message_once(history: Callable[[str], Any]) -> None:
    warehouse = history("1.18.34").warehouse
    assert warehouse.one("select count(*) from messages where is_fork_copy") == 16
    assert warehouse.one("select count(*) from sessions where is_fork") == 2
    # All messages but the 16 copies, which two forks made of 11 messages of one session.
    assert warehouse.query(TOTALS)[0][0] == 779 - 16


def test_totals_stay_when_the_original_is_deleted_after_it_was_loaded(
    history: Callable[[str], Any], new_warehouse: Callable[..., Any], tmp_path: Path
) -> None:
    real = history("1.18.34")
    store = tmp_path / "opencode"
    store.mkdir()
    shutil.copy(real.folder / "opencode.db", store)
    warehouse = new_warehouse(store)
    warehouse.load()
    warehouse.build_untested("tag:quality")
    before = warehouse.query(TOTALS)
    original = original_of_the_forks(warehouse)
    delete_session(store / "opencode.db", original)
    assert warehouse.load()["counts"]["deleted"] > 20
    warehouse.build_by_rules()
    # What was billed was billed: the deleted rows stay, and still own what the forks copied.
    assert warehouse.query(TOTALS) == before
    assert warehouse.one("select deleted_at is not null from sessions where session_id = ?", original)


def test_every_message_counts_once_when_the_original_was_deleted_before_the_first_load(
    history: Callable[[str], Any], new_warehouse: Callable[..., Any], tmp_path: Path
) -> None:
    real = history("1.18.34")
    original = original_of_the_forks(real.warehouse)
    [(own, copied)] = real.warehouse.query(
        "select count(*) filter (where session_id = ?),"
        " count(distinct (role, created_at)) filter (where is_fork_copy) from messages",
        original,
    )
    store = tmp_path / "opencode"
    store.mkdir()
    shutil.copy(real.folder / "opencode.db", store)
    delete_session(store / "opencode.db", original)
    warehouse = new_warehouse(store)
    warehouse.load()
    warehouse.build_by_rules()
    # The forks are the only ones left with the copied messages: the first that has one owns it.
    assert warehouse.one("select count(*) from messages") == 779 - own
    assert warehouse.query(TOTALS)[0][0] == 779 - 16 - own + copied
    owners = "select count(distinct session_id) from messages where is_fork_copy"
    assert warehouse.one(owners) == 1


def test_a_fork_whose_session_file_is_broken_is_a_fork_all_the_same(
    unpacked: Callable[[str], Path], new_warehouse: Callable[..., Any], tmp_path: Path
) -> None:
    store = tmp_path / "opencode"
    shutil.copytree(unpacked("versions/1.1.34") / "opencode", store)
    whole = new_warehouse(store)
    whole.load()
    whole.build_untested("tag:quality")
    for (session_id,) in whole.query("select session_id from sessions where is_fork"):
        next(store.glob(f"storage/session/*/{session_id}.json")).write_bytes(b"{")
    broken = new_warehouse(store)
    assert broken.load(code=1)["counts"]["rejected"] == 3
    broken.build_by_rules()
    assert broken.query(TOTALS) == whole.query(TOTALS)
    assert broken.one("select count(*) from sessions where is_fork and is_inferred") > 0

"""A second load and build of a store that changed, against a fresh warehouse of it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

PUBLISHED = {
    "projects": "project_id, worktree, vcs, created_at",
    "sessions": "* exclude (source_id, load_batch_id, deleted_at)",
    "messages": "* exclude (source_id, load_batch_id, deleted_at)",
    "parts": "* exclude (source_id, load_batch_id, deleted_at)",
    "exchanges": "* exclude (source_id, deleted_at)",
    "errors": "* exclude (source_id, load_batch_id, deleted_at)",
}
BY_SESSION = ("sessions", "exchanges")
TURNS = "select message_id, exchange_id from messages where exchange_id is not null"


def rewrite(path: Path, **changes: object) -> None:
    """Change fields of a JSON document in place, as OpenCode does."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes, indent=2))


def test_a_changed_store_ends_as_a_fresh_load_of_it_but_remembers_what_was_deleted(
    unpacked: Callable[[str], Path], new_warehouse: Callable[..., Any], tmp_path: Path
) -> None:
    store = tmp_path / "opencode"
    shutil.copytree(unpacked("histories/1.1.65") / "storage", store / "storage")
    tree = store / "storage"
    late = tmp_path / "late"
    shutil.copytree(tree / "message", late)
    withheld = sorted(tree.glob("message/*"))[:5]
    for folder in withheld:  # their parts are orphans and their sessions empty until the messages come
        shutil.rmtree(folder)
    warehouse = new_warehouse(store)
    first = warehouse.load()
    warehouse.build_untested("tag:quality")
    assert first["counts"]["rejected"] == 0
    turns = dict(warehouse.query(TURNS))

    for folder in withheld:
        shutil.copytree(late / folder.name, folder)
    renamed = sorted(tree.glob("session/*/*.json"))[0]
    rewrite(renamed, title="Renamed")
    sessions = {path.stem for path in tree.glob("session/*/*.json")}
    untouched = [
        path for path in sorted(tree.glob("message/*")) if path not in withheld and path.name in sessions
    ]
    gone = sorted(untouched[0].glob("*.json"))[-1]
    gone.unlink()
    broken = sorted(untouched[1].glob("*.json"))[0]
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    broken_session = next(tree.glob(f"session/*/{untouched[2].name}.json"))
    whole_session = broken_session.read_bytes()
    broken_session.write_bytes(b"")

    second = warehouse.load(code=1)
    warehouse.build_by_rules()
    assert second["counts"]["deleted"] == 1
    assert sorted(item["reason"] for item in second["rejected"]) == ["empty", "truncated"]
    assert warehouse.one("select title from sessions where session_id = ?", renamed.stem) == "Renamed"
    assert warehouse.one("select deleted_at is not null from messages where message_id = ?", gone.stem)
    # Messages came and went; the turn of every other keeps its id.
    later = dict(warehouse.query(TURNS))
    assert len(later) > len(turns) > 100
    assert {message: later[message] for message in turns} == turns
    # What was landed before its file broke stays as it was.
    assert warehouse.one("select count(*) from messages where message_id = ?", broken.stem) == 1

    fresh = new_warehouse(store)
    fresh.load(code=1)
    fresh.build_untested("tag:quality")
    assert fresh.one("select count(*) from messages where message_id = ?", broken.stem) == 0
    # A session without its document is known by its messages, and its messages are not lost.
    assert fresh.one("select is_inferred from sessions where session_id = ?", broken_session.stem)
    own = "select count(*) from messages where session_id = ?"
    assert fresh.one(own, broken_session.stem) == warehouse.one(own, broken_session.stem) > 0

    broken.write_bytes(whole)
    broken_session.write_bytes(whole_session)
    for mended in (warehouse, fresh):
        assert mended.load()["counts"]["resolved"] == 2
        mended.build_untested("tag:quality")
    rows_gone = warehouse.one("select count(*) from messages where message_id = ?", gone.stem)
    assert rows_gone == 1
    for table, columns in PUBLISHED.items():
        query = f"select {columns} from {table}"
        remembered, loaded_anew = set(warehouse.query(query)), set(fresh.query(query))
        assert len(loaded_anew) > 3
        # What was deleted is remembered: the message, that its parts were no orphans, when its session ended.
        known_only_to_one = {gone.stem, gone.parent.name} if table in BY_SESSION else {gone.stem}
        differing = {row for row in remembered ^ loaded_anew if not known_only_to_one & set(row)}
        assert differing == set(), table


def test_a_second_load_writes_nothing_and_the_build_stays_the_same(
    new_warehouse: Callable[..., Any], unpacked: Callable[[str], Path]
) -> None:
    warehouse = new_warehouse(unpacked("histories/1.1.65__to_1.18.34"))
    warehouse.load()
    warehouse.build_untested("tag:quality")
    query = "select * from messages order by message_id"
    before = warehouse.query(query)
    counts = warehouse.load()["counts"]
    assert (counts["written"], counts["deleted"]) == (0, 0)
    assert counts["unchanged"] == counts["scanned"] == 3772
    warehouse.build_untested("tag:quality")
    assert warehouse.query(query) == before


def test_a_tool_and_a_part_type_that_are_new_are_kept_counted_and_named_by_a_warning(
    unpacked: Callable[[str], Path], new_warehouse: Callable[..., Any], tmp_path: Path
) -> None:
    store = tmp_path / "opencode"
    shutil.copytree(unpacked("histories/1.1.65") / "storage", store / "storage")
    parts = sorted((store / "storage").glob("part/*/*.json"))
    tools = [path for path in parts if json.loads(path.read_text())["type"] == "tool"]
    rewrite(tools[0], tool="frobnicate")
    rewrite(tools[1], type="hologram")
    warehouse = new_warehouse(store)
    warehouse.load()
    selected = ("--select", "+parts", "+tools", "--indirect-selection", "buildable")
    output = warehouse.dbt("build", *selected, "--exclude-resource-type", "unit_test")
    assert "WARN 1 tools_are_of_a_known_family" in output
    assert "new tool: frobnicate" in output
    assert "WARN 1 known_values_parts_part_type" in output
    assert "new parts.part_type: hologram" in output
    assert warehouse.query("select tool_name, tool_family from tools where not is_known") == [
        ("frobnicate", "other")
    ]
    assert warehouse.query("select part_type from parts where part_id = ?", tools[1].stem) == [("hologram",)]
    assert warehouse.one("select count(*) from parts") == len(parts)

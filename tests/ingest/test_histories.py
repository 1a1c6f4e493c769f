"""Real histories of many OpenCode versions: every record arrives, and as often as its maker counted it."""

import json
import shutil
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.ingest.stores import SECRET, Warehouse, change, look

HISTORIES = ["1.1.65", "1.2.27", "1.18.34", "1.18.34-v2api", "1.1.65__to_1.18.34"]
VERSIONS = ["1.0.61", "1.0.185", "1.1.34", "1.2.27", "1.3.0", "1.14.48", "1.18.34"]


def counted(warehouse: Warehouse, kind: str) -> dict[str, object]:
    """Count what the raw tables hold of one kind of store as counts.json does."""

    def tally(sql: str) -> dict[object, object]:
        rows = warehouse.query(f"{sql} and source_id like '%:{kind}:%' group by 1")
        return {row[0]: row[1] for row in rows}

    def total(expression: str, table: str) -> object:
        return warehouse.value(f"select {expression} from raw.{table} where source_id like '%:{kind}:%'")

    return {
        "project": total("count(*)", "projects"),
        "session": total("count(*)", "sessions"),
        "message": total("count(*)", "messages"),
        "part": total("count(*)", "parts"),
        "todo": total("coalesce(sum(json_array_length(payload)), 0)::bigint", "todos"),
        "session_diff": total("count(*)", "session_diffs"),
        "session_message": total("count(*)", "session_messages"),
        "children": total("count(payload->>'parentID')", "sessions"),
        "roles": tally("select payload->>'role', count(*) from raw.messages where true"),
        "part_types": tally("select payload->>'type', count(*) from raw.parts where true"),
        "tools": tally(
            "select (payload->>'tool') || ':' || (payload->>'$.state.status'), count(*) from raw.parts"
            " where payload->>'type' = 'tool'"
        ),
        "finish": tally(
            "select coalesce(payload->>'finish', 'None'), count(*) from raw.messages"
            " where payload->>'role' = 'assistant'"
        ),
        "models": tally(
            "select (payload->>'providerID') || '/' || (payload->>'modelID'), count(*) from raw.messages"
            " where payload->>'role' = 'assistant'"
        ),
    }


@pytest.mark.parametrize("name", HISTORIES)
def test_every_table_role_type_tool_and_model_counts_what_its_maker_counted(
    histories: Path, warehouse: Warehouse, name: str
) -> None:
    root = histories / name
    expected = json.loads((root / "counts.json").read_text())
    expected["session_message"] = expected["storage"].get("session_message", 0)
    for counts in ("storage", "errors"):
        expected.pop(counts)
    kind = expected.pop("kind")
    before = look(root)

    result = warehouse.load(root)

    assert (result.problems, result.rejections) == ([], [])
    assert counted(warehouse, kind) == expected
    assert warehouse.load(root).counts.written == 0
    assert look(root) == before


@pytest.mark.parametrize("name", VERSIONS)
def test_the_data_root_of_every_version_loads_whole(versions: Path, warehouse: Warehouse, name: str) -> None:
    root = versions / name / "opencode"
    expected = json.loads((versions / name / "counts.json").read_text())
    kind = "sqlite" if (root / "opencode.db").exists() else "json"
    before = look(root)

    result = warehouse.load(root)

    assert (result.problems, result.rejections) == ([], [])
    counts = counted(warehouse, kind)
    assert (counts["session"], counts["message"], counts["part"]) == (
        expected["sessions"], expected["messages"], expected["parts"],
    )  # fmt: skip
    assert counts["roles"] == {
        "user": expected["messages"] - expected["assistants"],
        "assistant": expected["assistants"],
    }
    assert warehouse.load(root).counts.written == 0
    assert look(root) == before


@pytest.mark.parametrize("name", ["1.3.0", "1.14.48"])
def test_a_history_that_stands_in_the_wal_alone_is_lost_without_it(
    versions: Path, warehouse: Warehouse, tmp_path: Path, name: str
) -> None:
    root = versions / name / "opencode"
    assert (root / "opencode.db").stat().st_size == 4096
    assert (root / "opencode.db-wal").stat().st_size > 200_000
    shutil.copyfile(root / "opencode.db", tmp_path / "opencode.db")

    result = warehouse.load(tmp_path / "opencode.db")

    assert "is empty" in result.problems[0], "and a copy made so is told"


def test_a_root_that_was_carried_through_four_upgrades_loads_with_both_its_stores(
    versions: Path, warehouse: Warehouse
) -> None:
    result = warehouse.load(versions / "chain" / "opencode")

    assert (result.problems, result.rejections) == ([], [])
    tree, rows = counted(warehouse, "json"), counted(warehouse, "sqlite")
    assert (tree["session"], tree["message"], tree["part"]) == (10, 60, 182)
    assert (rows["session"], rows["message"], rows["part"]) == (13, 83, 249)
    versions_found = warehouse.query("select distinct payload->>'version' from raw.sessions order by 1")
    assert versions_found == [("1.0.61",), ("1.1.34",), ("1.14.48",), ("1.18.34",), ("1.3.0",)]
    # What the upgrade copied is the same record in both, but for what the later version added.
    assert (
        warehouse.value(
            """select count(*) from raw.parts as tree inner join raw.parts as copy using (document_id)
        where tree.source_id like '%:json:%' and copy.source_id like '%:sqlite:%'
            and tree.payload_hash = copy.payload_hash"""
        )
        == Counter(tree)["part"]
    )


def test_many_stores_load_into_one_warehouse(histories: Path, versions: Path, warehouse: Warehouse) -> None:
    stores = [histories / "1.18.34-v2api", *(versions / name / "opencode" for name in (*VERSIONS, "chain"))]
    stores += sorted((histories / "1.18.34" / "export").glob("*.json"))[:3]

    result = warehouse.load(*stores)

    assert result.problems == []
    assert len(result.sources) == 1 + 3 + 2 * 3 + 1 + 2 + 3
    assert warehouse.load(*stores).counts.written == 0


def test_no_secret_of_a_real_schema_reaches_the_warehouse(
    histories: Path, warehouse: Warehouse, tmp_path: Path
) -> None:
    path = tmp_path / "store" / "opencode.db"
    path.parent.mkdir()
    shutil.copyfile(histories / "1.18.34" / "opencode.db", path)
    s = SECRET
    change(
        path,
        f"insert into account values ('{s}', '{s}', '{s}', '{s}', '{s}', 0, 0, 0)",
        f"insert into account_state values (1, '{s}', '{s}')",
        f"insert into control_account values ('{s}', '{s}', '{s}', '{s}', 0, 0, 0, 0)",
        f"insert into credential values ('{s}', '{s}', '{s}', '{s}', '{s}', '{s}', 0, 0, 0)",
        f"insert into session_share select id, '{s}', '{s}', '{s}', 0, 0 from session limit 1",
        f"update event set data = '{s}'",
    )
    warehouse.load(path.parent)

    assert SECRET.encode() not in warehouse.path.read_bytes()
    for table in ("sessions", "messages", "parts", "projects", "sources", "rejected_documents"):
        assert warehouse.value(f"select count(*) from raw.{table} as t where t::varchar like '%{s}%'") == 0
    with closing(warehouse.path.open("rb")) as file:
        assert file.read(16)

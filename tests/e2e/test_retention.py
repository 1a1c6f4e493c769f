"""Old texts are removed from a built warehouse of a real history, and every figure stays."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import NewWarehouse, Warehouse

# What is said, and when it was loaded and checked; everything else in the marts is a figure.
TEXTS = {
    *("content", "title", "tool_args", "tool_result", "metadata_json", "git_diff", "prompt_input"),
    *("prompt_output", "subtask_prompt", "subtask_description"),
}
NOT_OF_THE_HISTORY = {"load_batch_id", "invocation_id", "elementary_unique_id"}
HISTORIES = ("1.1.65__to_1.18.34", "1.18.34-v2api", "1.2.27")


def figures(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all marts with all columns but texts."""
    columns = warehouse.query(
        """select table_name, string_agg('"' || column_name || '"', ', ' order by column_index)
        from duckdb_columns() where database_name = 'opencode' and schema_name = 'main'
            and not list_contains(?, column_name)
        group by table_name order by table_name""",
        sorted(TEXTS | NOT_OF_THE_HISTORY),
    )
    quality = {name for name, *_ in warehouse.query(OF_QUALITY)}
    return {
        table: warehouse.query(f"select {listed} from main.{table} order by all")
        for table, listed in columns
        if table not in quality
    }


OF_QUALITY = """
    select table_name from duckdb_tables() where table_name in (
        'load_health', 'health_check_results', 'health_check_history', 'health_check_trends',
        'build_results', 'query_timings', 'rejected_documents', 'data_completeness')
"""


def texts_of(folder: Path) -> set[str]:
    """Return words that somebody wrote, or a tool printed or was given, in the documents of a history."""
    found: set[str] = set()
    for path in folder.rglob("*.json"):
        if "part" not in path.parts:
            continue
        part = json.loads(path.read_bytes())
        if part.get("type") in ("text", "reasoning"):
            found.add(part["text"])
        if part.get("type") == "tool" and part["state"].get("status") == "completed":
            arguments = part["state"]["input"]
            found |= {arguments[name] for name in ("newString", "oldString", "prompt") if name in arguments}
    return {text.strip() for text in found if len(text.strip()) >= 12}


def where_found(warehouse: Warehouse, texts: set[str]) -> set[tuple[str, str, str]]:
    """Return table and column of each text that stands anywhere in the warehouse, with the text."""
    columns = warehouse.query(
        """select schema_name, table_name, column_name from duckdb_columns()
        where database_name = 'opencode' and data_type = 'VARCHAR' and not internal"""
    )
    found = set()
    for schema, table, column in columns:
        query = f"""select distinct word from (select unnest(?::varchar[]) as word) as words
            where exists (select 1 from {schema}."{table}" where contains("{column}", word))"""
        found |= {(table, column, word) for [word] in warehouse.query(query, sorted(texts))}
    return found


@pytest.mark.parametrize("name", HISTORIES)
def test_figures_stay_texts_go_and_the_next_load_brings_nothing_back(
    unpacked: Callable[[str], Path], new_warehouse: NewWarehouse, name: str
) -> None:
    folder = unpacked(f"histories/{name}")
    warehouse = new_warehouse(folder)
    warehouse.load()
    warehouse.build_untested("tag:quality")
    before = figures(warehouse)
    pruned = warehouse.prune(0)
    assert pruned["n_changed"] > 100
    warehouse.build_by_rules()
    after = figures(warehouse)

    assert after.keys() == before.keys()
    assert len(before) > 20
    for table, rows in before.items():
        assert after[table] == rows, table
    for arguments in ((), ("--rehash",)):
        counts = warehouse.load(*arguments)["counts"]
        assert (counts["written"], counts["deleted"]) == (0, 0)
    assert warehouse.prune(0)["n_documents"] == 0

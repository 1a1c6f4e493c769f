"""Old texts are removed from a built warehouse of a real history, and every figure stays."""

import shutil
from collections.abc import Callable
from contextlib import closing
from typing import Any

import duckdb
import pytest

from tests.e2e.conftest import History, NewWarehouse, Warehouse

# What is said, and in which load it changed last; every other column is a figure.
NO_FIGURES = {
    *("content", "title", "tool_args", "tool_result", "metadata_json", "git_diff", "prompt_input"),
    *("prompt_output", "subtask_prompt", "subtask_description", "load_batch_id"),
    # of what is kept: texts are removed within it
    *("tool_args_bytes", "tool_result_bytes"),
}
OF_LOADS = {
    *("load_health", "health_check_results", "health_check_history", "health_check_trends"),
    *("build_results", "query_timings", "rejected_documents"),
}


def figures(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all marts of the history, with all columns but texts."""
    columns = warehouse.query(
        """select table_name, string_agg('"' || column_name || '"', ', ' order by column_index)
        from duckdb_columns()
        where database_name = 'opencode' and schema_name = 'main'
            and not list_contains(?, column_name) and not list_contains(?, table_name)
        group by table_name""",
        sorted(NO_FIGURES),
        sorted(OF_LOADS),
    )
    return {
        table: warehouse.query(f"select {listed} from main.{table} order by all") for table, listed in columns
    }


def texts_of(warehouse: Warehouse) -> set[str]:
    """Return some of what was said, thought, printed and written, but for what failed calls said."""
    said = warehouse.query(
        """with texts as (
            select content as said from parts where content is not null
            union all
            select unnest(
                json_extract_string(tool_args, ['$.content', '$.newString', '$.oldString', '$.prompt'])
            )
            from tool_calls
            union all
            select tool_result from tool_calls where status = 'success'
            union all
            select title from sessions
        )
        select distinct trim(said) from texts
        where length(trim(said)) > 12 and contains(said, ' ')
            -- lines that OpenCode adds of its own, and sentences of git
            and said not like 'The following tool was executed by the user%'
            and said not like '%Command exited with code%'
            and not regexp_matches(said, '^[[][^]]+ [0-9a-f]{7}[]] |^On branch |^Switched to ')
            and not exists (
                select 1 from tool_calls where status != 'success' and contains(tool_result, trim(said))
            )"""
    )
    return {text for [text] in sorted(said)[:: len(said) // 50 or 1]}


def where_found(warehouse: Warehouse, texts: set[str]) -> set[tuple[str, str]]:
    """Return table and column of all places in the warehouse where one of the texts stands."""
    columns = warehouse.query(
        """select schema_name, table_name, column_name from duckdb_columns()
        where database_name = 'opencode' and data_type in ('VARCHAR', 'JSON') and not internal"""
    )
    found = set()
    with closing(duckdb.connect(str(warehouse.path), read_only=True)) as connection:
        connection.execute("create temp table texts as select unnest(?) as said", [sorted(texts)])
        for schema, table, column in columns:
            values = f'select distinct "{column}" as text_here from "{schema}"."{table}"'
            contained = f"select 1 from ({values}), texts where contains(text_here, said)"
            if connection.execute(f"select exists ({contained})").fetchone() == (True,):
                found.add((table, column))
    return found


@pytest.mark.parametrize("name", ["1.1.65__to_1.18.34", "1.18.34-v2api"])
def test_figures_stay_texts_go_and_the_next_load_brings_nothing_back(
    history: Callable[[str], History], new_warehouse: NewWarehouse, name: str
) -> None:
    built = history(name)
    warehouse = new_warehouse(built.folder)
    shutil.copy(built.warehouse.path, warehouse.path)
    before = figures(warehouse)
    texts = texts_of(warehouse)
    assert len(texts) > 20
    assert ("parts", "content") in where_found(warehouse, texts)

    pruned = warehouse.prune(0)
    warehouse.build_by_rules()

    assert pruned["n_changed"] > 20
    after = figures(warehouse)
    assert after.keys() == before.keys()
    assert len(before) > 30
    for table, rows in before.items():
        assert after[table] == rows, table
    assert where_found(warehouse, texts) == set()
    for arguments in ((), ("--rehash",)):
        counts = warehouse.load(*arguments)["counts"]
        assert (counts["written"], counts["deleted"]) == (0, 0)
    assert warehouse.prune(0)["n_documents"] == 0

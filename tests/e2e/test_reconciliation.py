"""The warehouse agrees with OpenCode and with the billing side, to the token and the cent."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

History = Any
CLASSIC = ("1.1.65", "1.2.27", "1.18.34")
TOKENS = ("input", "output", "reasoning", "cache_read", "cache_write")
MICRO = Decimal("0.000001")


@pytest.mark.parametrize("name", CLASSIC)
def test_sessions_messages_and_parts_are_counted_as_opencode_counts_them(
    history: Callable[[str], History], name: str
) -> None:
    real = history(name)
    counts = real.truth("counts.json")
    query = real.warehouse.query
    for table in ("project", "session", "message", "part"):
        assert query(f"select count(*) from {table}s") == [(counts[table],)], table
    assert dict(query("select role, count(*) from messages group by role")) == counts["roles"]
    assert dict(query("select part_type, count(*) from parts group by part_type")) == counts["part_types"]
    tools = "select tool_name || ':' || status_recorded, count(*) from tool_calls group by 1"
    assert dict(query(tools)) == counts["tools"]
    assert query("select count(*) from todos where is_current") == [(counts["todo"],)]
    assert query("select count(*) from sessions where not is_root") == [(counts["children"],)]
    finished = (
        "select coalesce(finish_reason, 'None'), count(*) from messages where role = 'assistant' group by 1"
    )
    assert dict(query(finished)) == counts["finish"]
    errors = """
        select error_name || case when error_name = 'APIError'
            then ':' || coalesce(error_data->>'$.statusCode', 'None') else '' end, count(*)
        from messages where error_name is not null group by 1"""
    assert dict(query(errors)) == counts["errors"]
    models = "select model_id, count(*) from messages where role = 'assistant' group by 1"
    assert dict(query(models)) == counts["models"]


FOCUSED = {
    "tool": "tool_calls",
    "text": "text_messages",
    "reasoning": "thinking_blocks",
    "step-start": "step_events where event_type = 'step-start'",
    "step-finish": "step_events where event_type = 'step-finish'",
    "patch": "patches",
    "compaction": "compactions",
    "file": "attachments where not is_from_tool",
    "agent": "requested_agents where request_type = 'agent'",
    "subtask": "requested_agents where request_type = 'subtask'",
}


@pytest.mark.parametrize("name", [*CLASSIC, "1.1.65__to_1.18.34"])
def test_every_part_type_tool_and_status_has_its_table_with_its_count(
    history: Callable[[str], History], name: str
) -> None:
    real = history(name)
    counts = real.truth("counts.json")
    # What came with a history speaks of its database alone, where there is one beside a tree.
    of_store = f"source_id like '%:{counts['kind']}:%'"

    def counted(table: str, where: str = "true") -> Any:
        return real.warehouse.one(f"select count(*) from {table} where {of_store} and {where}")

    tables = {part_type: found.partition(" where ")[::2] for part_type, found in FOCUSED.items()}
    found = {part_type: counted(table, where or "true") for part_type, (table, where) in tables.items()}
    assert {part_type: n for part_type, n in found.items() if n} == counts["part_types"]
    tools = (
        f"select tool_name || ':' || status_recorded, count(*) from tool_calls where {of_store} group by 1"
    )
    assert dict(real.warehouse.query(tools)) == counts["tools"]


def test_the_tool_calls_of_v2_sessions_are_those_that_the_interface_lists(
    history: Callable[[str], History],
) -> None:
    real = history("1.18.34-v2api")
    listed: Counter[str] = Counter()
    for page in real.folder.glob("v2_messages_*.json"):
        for row in real.truth(page.name)["data"]:
            for item in row.get("content", []):
                if item["type"] == "tool":
                    listed[f"{item['name']}:{item['state']['status']}"] += 1
    tools = "select tool_name || ':' || status_recorded, count(*) from tool_calls group by 1"
    assert dict(real.warehouse.query(tools)) == dict(listed)


@pytest.mark.parametrize("name", [*CLASSIC, "1.1.65__to_1.18.34", "1.18.34-v2api"])
def test_a_call_took_from_its_start_to_its_end_and_a_step_knows_its_place(
    history: Callable[[str], History], name: str
) -> None:
    query = history(name).warehouse.query
    recorded = """
        select document_id, (payload->>'$.state.time.end')::bigint - (payload->>'$.state.time.start')::bigint
        from raw.parts
        where (payload->>'$.type') = 'tool' and (payload->>'$.state.status') = 'completed'"""
    published = "select part_id, execution_time_ms from tool_calls where status_recorded = 'completed'"
    classic = f"{published} and part_id like 'prt\\_%' escape '\\'"
    assert dict(query(classic)) == dict(query(recorded))
    assert query(f"select count(*) from ({published}) where execution_time_ms is null") == [(0,)]
    assert query("select count(*) from messages where role = 'assistant' and root_path is null") == [(0,)]


@pytest.mark.parametrize("name", CLASSIC)
def test_recorded_tokens_and_cost_add_up_to_opencodes_own_sums(
    history: Callable[[str], History], name: str
) -> None:
    real = history(name)
    sums = real.truth("sums.json")["messages"]
    figures = ", ".join(f"sum(tokens_{kind}_recorded)::bigint" for kind in TOKENS)
    [row] = real.warehouse.query(f"select {figures}, sum(cost_recorded_usd) from messages")
    assert row[:-1] == tuple(sums[kind] for kind in TOKENS)
    assert abs(row[-1] - Decimal(str(sums["cost"]))) < MICRO


@pytest.mark.parametrize("name", CLASSIC)
def test_step_finish_parts_add_up_to_opencodes_own_sums_orphans_included(
    history: Callable[[str], History], name: str
) -> None:
    real = history(name)
    sums = real.truth("sums.json")["step_finish"]
    [row] = real.warehouse.query(
        "select count(*), sum(part_cost_usd) from parts where part_type = 'step-finish'"
    )
    assert row[0] == sums["n"]
    assert abs(row[1] - Decimal(str(sums["cost"]))) < MICRO


@pytest.mark.parametrize("name", CLASSIC)
def test_tokens_add_up_to_what_the_interface_billed_for_every_prompt_that_was_stored_whole(
    history: Callable[[str], History], name: str
) -> None:
    real = history(name)
    whole = [
        prompt
        for prompt in real.truth("reconcile.json")
        if set(prompt["outcomes"]) == {"ok"}
        and prompt["billed"]["requests"] == prompt["stored"]["messages"]
        and prompt["equal"]["input"]
        and prompt["equal"]["cache_read"]
    ]
    assert len(whole) > 50
    for prompt in whole:
        [(tokens_input, generated, cache_read)] = real.warehouse.query(
            "select sum(tokens_input)::bigint, sum(tokens_output + tokens_reasoning)::bigint,"
            " sum(tokens_cache_read)::bigint from messages where parent_message_id = ?",
            prompt["user_message"],
        )
        billed = prompt["billed"]
        # Thinking is part of Anthropic's output; OpenAI-style interfaces bill reasoning inside the output.
        assert (tokens_input, generated, cache_read) == (
            billed["input"],
            billed["output"],
            billed["cache_read"],
        ), prompt


def test_a_json_tree_and_a_database_side_by_side_make_one_history(history: Callable[[str], History]) -> None:
    query = history("1.1.65__to_1.18.34").warehouse.query
    assert query("select count(*) from sessions") == [(144,)]
    assert query("select count(*) from messages") == [(914,)]
    assert query("select count(*) from parts") == [(2574,)]
    [(cost,)] = query("select sum(cost_recorded_usd) from messages")
    assert abs(cost - Decimal("12.553562")) < MICRO
    assert query("select count(*) from parts where is_orphan") == [(28,)]


def test_sessions_of_the_v2_interface_show_their_messages_parts_and_tokens(
    history: Callable[[str], History],
) -> None:
    real = history("1.18.34-v2api")
    query = real.warehouse.query
    pages = sorted(real.folder.glob("v2_messages_*.json"))
    assert len(pages) == 4
    for page in pages:
        session_id = page.stem.removeprefix("v2_messages_")
        rows = {row["id"]: row for row in real.truth(page.name)["data"]}
        kinds = "select message_id, role, created_at from messages where session_id = ?"
        assert {message_id: role for message_id, role, _ in query(kinds, session_id)} == {
            message_id: row["type"] for message_id, row in rows.items()
        }
        for message_id, row in rows.items():
            content = row.get("content", [{"type": "text"}] if row.get("text") else [])
            found = query(
                "select part_type from parts where message_id = ? order by sequence_number", message_id
            )
            assert [part_type for (part_type,) in found] == [item["type"] for item in content]
    main = real.truth("billed_totals.json")["main"]
    [row] = query(
        "select sum(tokens_input)::bigint, sum(tokens_cache_read)::bigint, sum(tokens_cache_write)::bigint,"
        " sum(tokens_output + tokens_reasoning)::bigint from messages"
    )
    assert row == (main["input_fresh"], main["cache_read"], main["cache_write"], main["output"])


def test_a_v2_answer_belongs_to_the_prompt_before_it(history: Callable[[str], History]) -> None:
    query = history("1.18.34-v2api").warehouse.query
    assert query("select count(*) from messages where role = 'assistant' and parent_message_id is null") == [
        (0,)
    ]

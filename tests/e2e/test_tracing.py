"""Turns are those that OpenCode's own records tell of, in every history."""

from collections.abc import Callable
from typing import Any

import pytest

History = Any
ALL = ("1.1.65", "1.2.27", "1.18.34", "1.1.65__to_1.18.34", "1.18.34-v2api")


@pytest.mark.parametrize("name", ALL)
def test_a_turn_is_a_user_message_with_all_answers_that_name_it(
    history: Callable[[str], History], name: str
) -> None:
    query = history(name).warehouse.query
    turns = (
        "select count(*), count(distinct user_message_id), count(*) filter (where is_answered) from exchanges"
    )
    prompts = "select count(*) from messages where role = 'user'"
    [(n_turns, n_prompted, n_answered)] = query(turns)
    assert [(n_turns,)] == [(n_prompted,)] == query(prompts)
    assert 0 < n_answered <= n_turns
    # What an answer names stands in its document, that a fork of 1.0 copied names the original's.
    strays = """
        select messages.message_id
        from messages
        inner join raw.messages as documents on messages.message_id = documents.document_id
        where messages.role = 'assistant' and (documents.payload ->> '$.parentID') != messages.exchange_id"""
    assert query(strays) == []


@pytest.mark.parametrize("name", ALL)
def test_every_part_of_an_answer_is_an_event_of_its_turn(
    history: Callable[[str], History], name: str
) -> None:
    query = history(name).warehouse.query
    counted = {
        "user_prompt": "messages where role = 'user'",
        "step_finish": "messages where role = 'assistant'",
        "tool_call": "tool_calls where not is_orphan",
        "reasoning": "thinking_blocks where not is_orphan",
        "assistant_response": "text_messages where role = 'assistant' and not is_orphan and content != ''",
        "delegation": "delegations where tool_call_id is not null",
        "compaction": "compactions where not is_orphan",
        "error": "errors where not is_orphan",
    }
    events = dict(query("select event_type, count(*) from exchange_traces group by event_type"))
    for event_type, rows in counted.items():
        assert query(f"select count(*) from {rows}") == [(events.get(event_type, 0),)], event_type
    # Every event but a prompt belongs to another, and goes up to the prompt in two steps or three.
    roots = """
        with recursive up as (
            select trace_id, parent_trace_id, 0 as height from exchange_traces
            union all
            select up.trace_id, above.parent_trace_id, height + 1
            from up inner join exchange_traces as above on up.parent_trace_id = above.trace_id
        )
        select max(height), count(*) filter (where parent_trace_id is null) from up"""
    [(height, n_rooted)] = query(roots)
    assert 2 <= height <= 3
    assert [(n_rooted,)] == query("select count(*) from exchange_traces")


def test_sub_agents_are_delegated_to_by_the_call_that_started_them(history: Callable[[str], History]) -> None:
    query = history("1.18.34").warehouse.query
    children = "select count(*) from sessions where parent_session_id is not null"
    linked = """
        select count(*) from delegations inner join sessions on child_session_id = sessions.session_id
        where delegations.session_id = sessions.parent_session_id
            and tool_call_id is not null and call_number = 1"""
    assert query(linked) == query(children) == [(14,)]
    [(own, children_of_own, inclusive)] = query("""
        select
            sum(total_cost_usd) filter (where session_id = root_session_id),
            sum(total_cost_usd) filter (where session_id != root_session_id),
            sum(total_cost_usd_inclusive) filter (where session_id = root_session_id)
        from session_resource_metrics""")
    assert children_of_own > 0
    assert own + children_of_own == inclusive

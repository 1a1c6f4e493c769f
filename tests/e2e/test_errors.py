"""The errors of five real histories, each read by eye: their categories, and what became of them."""

from collections.abc import Callable
from typing import Any

import pytest

History = Any
CATEGORIES = {
    "1.1.65": {
        "aborted": 13,
        "authentication": 4,
        "command_failed": 24,
        "command_not_found": 1,
        "content_policy": 3,
        "context_overflow": 4,
        "file_conflict": 8,
        "file_not_found": 6,
        "file_unreadable": 1,
        "http_client": 1,
        "invalid_request": 6,
        "invalid_tool_input": 12,
        "model_not_found": 2,
        "network": 5,
        "output_length": 3,
        "parse_error": 5,
        "permission": 8,
        "quota_billing": 3,
        "timeout": 1,
        "unknown": 1,
    },
    "1.2.27": {
        "aborted": 18,
        "authentication": 4,
        "command_failed": 24,
        "command_not_found": 1,
        "content_policy": 3,
        "file_conflict": 8,
        "file_not_found": 6,
        "file_unreadable": 1,
        "http_client": 1,
        "invalid_request": 4,
        "invalid_tool_input": 12,
        "model_not_found": 2,
        "network": 5,
        "output_length": 3,
        "parse_error": 5,
        "permission": 8,
        "quota_billing": 3,
        "timeout": 1,
        "unknown": 1,
    },
    "1.18.34": {
        "aborted": 14,
        "authentication": 4,
        "command_failed": 26,
        "command_not_found": 1,
        "content_policy": 3,
        "file_conflict": 8,
        "file_not_found": 18,
        "file_unreadable": 1,
        "http_client": 1,
        "invalid_request": 6,
        "invalid_tool_input": 10,
        "model_not_found": 2,
        "network": 4,
        "output_length": 3,
        "parse_error": 5,
        "permission": 8,
        "quota_billing": 3,
        "timeout": 2,
    },
    "1.1.65__to_1.18.34": {
        "aborted": 13,
        "authentication": 5,
        "command_failed": 29,
        "command_not_found": 1,
        "content_policy": 3,
        "context_overflow": 4,
        "file_conflict": 9,
        "file_not_found": 14,
        "file_unreadable": 1,
        "http_client": 1,
        "invalid_request": 6,
        "invalid_tool_input": 12,
        "model_not_found": 2,
        "network": 6,
        "output_length": 3,
        "parse_error": 5,
        "permission": 8,
        "quota_billing": 3,
        "timeout": 1,
        "unknown": 1,
    },
    "1.18.34-v2api": {
        "authentication": 1,
        "command_failed": 3,
        "invalid_tool_input": 10,
    },
}


@pytest.mark.parametrize("name", CATEGORIES)
def test_every_error_has_the_category_that_a_reader_gives_it(
    history: Callable[[str], History], name: str
) -> None:
    query = history(name).warehouse.query
    assert dict(query("select error_category, count(*) from errors group by 1")) == CATEGORIES[name]


def test_a_stop_and_the_calls_that_it_aborted_are_one_occurrence(history: Callable[[str], History]) -> None:
    query = history("1.1.65").warehouse.query
    consequences = """
        select errors.error_source, errors.error_category, causes.error_source, count(*)
        from errors inner join errors as causes on errors.caused_by_error_id = causes.error_id
        group by all order by all"""
    assert query(consequences) == [("message", "permission", "tool", 1), ("tool", "aborted", "message", 4)]
    aborted = "select sum(occurrences) from problems where error_category = 'aborted'"
    assert query(aborted) == [(9,)]


def test_a_failed_test_run_is_resolved_by_the_run_after_the_edit(history: Callable[[str], History]) -> None:
    query = history("1.1.65").warehouse.query
    runs = """
        select resolution_kind, tools_between, count(*) from problem_resolutions
        where target = 'python3 -m unittest' and is_resolved group by all order by all"""
    assert query(runs) == [("other_tools", "apply_patch, read", 2), ("other_tools", "edit, read", 8)]


def test_the_stored_fields_of_an_error_can_be_filtered(history: Callable[[str], History]) -> None:
    query = history("1.1.65").warehouse.query
    refused = """
        select distinct error_category from errors
        where cast(error_data->>'$.statusCode' as int) = 402 and (error_data->>'$.isRetryable') = 'false'"""
    assert query(refused) == [("quota_billing",)]
    assert query("select distinct error_data->>'$.exit' from errors where exit_code = 127") == [("127",)]


def test_forks_copy_errors_and_problems_count_them_once(
    unpacked: Callable[[str], Any], new_warehouse: Callable[..., Any]
) -> None:
    warehouse = new_warehouse(unpacked("versions/1.0.61") / "opencode")
    warehouse.load()
    warehouse.build_by_rules()
    assert warehouse.query("select count(*), sum(is_fork_copy::int) from errors") == [(12, 6)]
    assert warehouse.one("select sum(occurrences) from problems") == 6

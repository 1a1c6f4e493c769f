"""Inputs as people really have them, each of which was once shown wrong: the value that is right, by name."""

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from opencode_warehouse.pages import cli, page_files
from opencode_warehouse.tell import answers

PROJECT = Path(__file__).resolve().parents[2]
FIELD = PROJECT / "tests" / "fixtures" / "field"
NOW = "2026-11-30T00:00:00"
NOVA = "my-gateway/gpt-9-nova"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def field(new_warehouse: Callable[..., Any]) -> Any:
    """One warehouse of all cases, as of the end of November 2026."""
    stores = [
        *sorted(FIELD.glob("*/*.json")),
        *sorted(FIELD.glob("*/opencode.db")),
    ]
    warehouse = new_warehouse(*stores)
    warehouse.load()
    warehouse.dbt("build", "--exclude-resource-types", "unit_test", "test", "--vars", f"{{as_of: '{NOW}'}}")
    return warehouse


@pytest.fixture(scope="module")
def pages(field: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The report pages in Markdown, by name."""
    copy = tmp_path_factory.mktemp("report") / field.path.name
    shutil.copy(field.path, copy)
    assert cli.main(["--warehouse", str(copy)]) == 0
    names = [file.stem for file in page_files.find([])]
    return {name: (copy.parent / "reports" / f"{name}.md").read_text() for name in names}


def test_an_aborted_step_of_no_tokens_prices_no_other(field: Any) -> None:
    assert field.query(
        "select sum(cost_usd), sum(tokens_unpriced) from daily_usage"
        " where dimension = 'model' and dimension_value = ?",
        NOVA,
    ) == [(None, 40_000_100)]
    assert field.query(
        "select total_cost_usd, total_unpriced_tokens, total_cost_usd_inclusive"
        " from session_resource_metrics inner join sessions using (session_id)"
        " where title = 'unpriced and one aborted step'"
    ) == [(None, 40_000_100, None)]


def test_no_question_answers_with_zero_dollars_what_nobody_can_price(field: Any) -> None:
    n_rows = 0
    for question in answers.read_questions(PROJECT / "analyses"):
        for row in field.query(question.sql):
            answer = dict(zip(question.columns, row, strict=True))
            money = {name: value for name, value in answer.items() if name.endswith("_usd")}
            if NOVA in row:
                assert not [name for name, value in money.items() if value is not None and value == 0], (
                    question
                )
            if money and answer.get("tokens_unpriced"):
                assert all(value is None or value > 0 for value in money.values()) or question.name in {
                    "cost_by_day",  # beside it stands what OpenCode recorded, which is 0
                }, (question, answer)
                n_rows += 1
    assert n_rows > 5


@pytest.mark.parametrize(
    "question", sorted((PROJECT / "analyses").glob("*/*.sql")), ids=lambda path: path.stem
)
def test_every_sum_of_money_says_what_is_unpriced(question: Path) -> None:
    template = question.read_text()
    sums = [part for part in template.split("sum(")[1:] if part.partition(")")[0].endswith("_usd")]
    recorded = {"reverted_work"}  # parts have what OpenCode recorded of a step, and no price
    if sums and question.stem not in recorded:
        assert "known_usd(" in template
        assert "tokens_unpriced" in template


def test_pages_show_unknown_money_as_unknown(pages: dict[str, str]) -> None:
    lines = [line for line in pages["cost"].splitlines() if "gpt-9-nova" in line]
    assert lines
    for line in lines:
        assert "$0.00" not in line
        assert "40\u202f000\u202f100" in line


def test_a_message_from_the_future_moves_no_window(field: Any, pages: dict[str, str]) -> None:
    last_30_days = "select sum(cost_usd) from daily_stats where days_ago < 30"
    assert field.one(last_30_days) == Decimal("40.00")
    assert "| $40.00 |" in pages["cost"].replace("**", "")
    assert "2027" not in pages["data-quality"].partition("## Checks")[0]
    assert field.query("select days_ago from daily_stats where usage_date > date '2026-12-01'") == [(None,)]
    assert field.one("select max(last_used_at) < timestamp '2026-12-01' from models")
    assert field.one("select max(newest_message_at) < timestamp '2026-12-01' from load_health")
    [(status, n_failed, details)] = field.query(
        "select status, n_failed, details from health_check_results where check_id = 'times_within_history'"
    )
    assert (status, n_failed) == ("WARN", 3)  # the session, what was asked and what was answered
    assert "in the future" in details
    # it is kept
    assert field.one("select count(*) from messages where created_at > timestamp '2027-01-01'") == 2


def test_one_windows_project_under_three_spellings_is_one(field: Any) -> None:
    assert field.query(
        "select projects.worktree, projects.display_name, count(*) from sessions"
        " inner join projects using (project_id) where title like 'win %' group by all"
    ) == [("C:/LAB/APP", "APP", 3)]


def test_an_export_is_of_the_project_that_its_steps_name(field: Any) -> None:
    assert field.query(
        "select distinct projects.worktree, projects.display_name from sessions"
        " inner join projects using (project_id) where title not like 'win %'"
    ) == [("/w/repo", "repo")]


def test_mode_is_the_agent_where_nothing_else_is(field: Any) -> None:
    agents = "select distinct agent from messages where session_id in (select session_id from sessions where"
    assert field.query(f"{agents} title = 'mode only') and role = 'assistant'") == [("build",)]


def test_versions_sort_as_versions(field: Any) -> None:
    assert field.query(
        "select version from sessions group by version, version_sort_key order by version_sort_key"
    ) == [("1.0.61",), ("v1.16.0",), ("1.18.1",), ("1.18.34",)]


def test_makers_of_models_go_by_parts_of_their_names(field: Any) -> None:
    assert dict(field.query("select model_id, vendor from models")) | {NOVA: "OpenAI"} == {
        "amazon-bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0": "Anthropic",
        "amazon-bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0": "Anthropic",
        "amazon-bedrock/amazon.nova-pro-v1:0": "Amazon",
        "amazon-bedrock/us.meta.llama3-3-70b-instruct-v1:0": "Meta",
        "amazon-bedrock/openai.gpt-oss-120b-1:0": "OpenAI",
        "sap-ai-core/anthropic--claude-4.5-sonnet": "Anthropic",
        "databricks/databricks-claude-sonnet-4-5": "Anthropic",
        "opencode/mimo-v2.5-free": "Xiaomi",
        "opencode/big-pickle": None,
        "my-gateway/deepseek-v4-flash": "DeepSeek",
        "anthropic/claude-sonnet-4-5": "Anthropic",
        NOVA: "OpenAI",
    }


def test_of_all_priced_names_it_is_known_which_have_no_maker(field: Any) -> None:
    seeded = "select distinct vendor, model_name from model_pricing"
    assert not field.query(
        f"select * from ({seeded}) as seeded inner join intermediate.int_model_vendors_matched as matched"
        " using (model_name) where seeded.vendor is distinct from matched.vendor"
    )
    unknown = [
        name for (name,) in field.query(f"select model_name from ({seeded}) where vendor is null order by 1")
    ]
    listed = (PROJECT / "tests" / "fixtures" / "models_without_vendor.txt").read_text().splitlines()
    assert unknown == listed
    assert len(unknown) < 0.07 * field.one(f"select count(*) from ({seeded})")

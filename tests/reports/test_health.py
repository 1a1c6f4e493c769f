"""The verdict: the worst status decides, and it says since when and of what."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from opencode_warehouse.tell.health import Check, Coverage, judge

WritePage = Callable[..., Any]

AT = datetime(2026, 3, 2, 12, 0)  # noqa: DTZ001 - naive UTC, as stored
COVERAGE = Coverage(3, 40, AT.replace(day=1), AT, AT.replace(hour=13), AT.replace(hour=14), "b1")
CHECK = Check(
    check_id="c", name="C", family="f", question="q", status="PASS", severity="error", value=1.0,
    unit="count", threshold=1.0, direction="at_most", n_checked=1, n_failed=0, details=None, remedy=None,
    checked_at=AT, build_id="b1", since=AT, n_builds_in_status=1, previous_status=None, previous_value=None,
    trend=None, n_builds=1,
)  # fmt: skip


def checks(*statuses: str) -> list[Check]:
    """Return a check for each status; the first of them is so since the 1st, the next since the 2nd, …"""
    return [
        replace(CHECK, status=status, since=AT.replace(day=n)) for n, status in enumerate(statuses, start=1)
    ]


@pytest.mark.parametrize(
    ("statuses", "status", "headline"),
    [
        (["PASS", "FAIL"], "FAIL", "1 of 2 checks fails, since 2026-03-02 12:00 UTC."),
        (["FAIL", "FAIL", "PASS"], "FAIL", "2 of 3 checks fail, the first since 2026-03-01 12:00 UTC."),
        (["WARN", "FAIL", "WARN"], "FAIL", "1 of 3 checks fails and 2 warn, since 2026-03-02 12:00 UTC."),
        (["WARN", "PASS"], "WARN", "nothing fails, 1 of 2 checks warns, since 2026-03-01 12:00 UTC."),
        (["PASS", "PASS", "SKIP"], "PASS", "all 2 checks pass, since 2026-03-02 12:00 UTC."),
        (["PASS"], "PASS", "the only check passes, since 2026-03-01 12:00 UTC."),
        (["SKIP"], "SKIP", "there is nothing to judge yet."),
        ([], "SKIP", "there is nothing to judge yet."),
    ],
)
def test_the_worst_status_is_the_verdict(statuses: list[str], status: str, headline: str) -> None:
    verdict = judge(checks(*statuses), COVERAGE)
    assert (verdict.status, verdict.headline) == (status, headline)


def test_the_verdict_says_which_data_it_is_and_how_old() -> None:
    assert judge(checks("PASS", "SKIP"), COVERAGE).covers == (
        "The data: 3 sessions, 40 messages, 2026-03-01 12:00 UTC to 2026-03-02 12:00 UTC; "
        "loaded 2026-03-02 13:00 UTC, built 2026-03-02 14:00 UTC. 1 check had nothing to look at."
    )


def test_a_load_that_is_not_built_yet_is_told() -> None:
    covers = judge(checks("PASS"), replace(COVERAGE, loaded_at=AT.replace(hour=15))).covers
    assert covers.endswith("built 2026-03-02 14:00 UTC and so without what was loaded last.")


def test_an_empty_warehouse_does_not_pass_but_can_fail() -> None:
    empty = Coverage(0, 0, None, None, None, None, None)
    verdict = judge(checks("PASS"), empty)
    assert verdict.status == "SKIP"
    assert verdict.covers == "The warehouse holds no sessions; never loaded, its build is not dated."
    assert judge(checks("PASS", "FAIL"), empty).status == "FAIL"


def test_the_page_begins_with_the_verdict_and_names_what_is_wrong(write_page: WritePage) -> None:
    written = write_page("# Mine\n\n```verdict\n```\n")
    headline = "nothing fails, 1 of 2 checks warns, since 2026-03-02 12:00 UTC."
    assert (
        f"**! WARN: {headline}**\n\n* Warns: Tokens have a price\n\nThe data: 1 session" in written.markdown
    )
    assert f'<p class="headline">{headline}</p>' in written.html
    assert '<a href="#check-priced">Tokens have a price</a>' in written.html
    assert written.output.splitlines()[-1].startswith(f"WARN: {headline} The data: 1 session, 2 messages, ")


def test_checks_are_shown_by_family_with_the_remedy_of_what_is_wrong(write_page: WritePage) -> None:
    sql = "select *, [0.01, value] as history from health_check_trends order by family"
    written = write_page(f"# Mine\n\n```sql checks\n{sql}\n```\n")
    assert (
        "### Completeness (1 warns)\n\n* **! WARN: Tokens have a price.** Has each token one?"
        in written.markdown
    )
    for fact in (
        "Value: 7.2 %, wanted at most 5 %",
        "Failed: 72 of 1\u202f000",
        "Since: 2026-03-02 12:00 UTC",
        "Trend: worse than before",
        "History: ▁█ (2 values, from 1 % to 7.2 %)",
        "72 of 1000 have none.",
        "What to do: Add it to `own.csv`.",
    ):
        assert f"  * {fact}\n" in written.markdown
    assert "| Sources were read lately | ✓ PASS | 3 h | at most 24 h | 0 of 2 |" in written.markdown
    assert 'id="check-priced"' in written.html
    assert "<strong>What to do:</strong> Add it to <code>own.csv</code>." in written.html
    assert written.html.index("PASS</span> 1 check</summary>") < written.html.index(
        "Sources were read lately"
    )


def test_machines_get_the_same(write_page: WritePage) -> None:
    folder = write_page("# Mine\n").folder
    content = json.loads((folder / "health.json").read_text())
    assert content["verdict"]["status"] == "WARN"
    assert (content["verdict"]["n_checks"], content["verdict"]["n_warn"]) == (2, 1)
    assert content["coverage"]["last_message_at"] == "2026-03-02T11:30:00Z"
    assert content["generated_at"].endswith("Z")
    by_id = {check["check_id"]: check for check in content["checks"]}
    assert by_id["priced"]["value"] == 0.072
    assert by_id["priced"]["since"] == "2026-03-02T12:00:00Z"
    rows = list(csv.DictReader(io.StringIO((folder / "health.csv").read_text())))
    assert [(row["check_id"], row["status"], row["checked_at"]) for row in rows] == [
        ("priced", "WARN", "2026-03-02T12:00:00Z"),
        ("age", "PASS", "2026-03-02T12:00:00Z"),
    ]
    assert rows[1]["remedy"] == ""

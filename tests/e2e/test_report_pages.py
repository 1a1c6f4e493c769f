"""The project's own pages, of an empty warehouse, of the sample, and of one that is out to do harm."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ingest.warehouse import open_warehouse
from opencode_warehouse.pages import cli, page_files

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [file.stem for file in page_files.find([])]
PLANTED = '<img src=x onerror="window.planted=1">\'|`a`</script><script>window.planted=1</script>'

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Report:
    """A warehouse and the folder of its report."""

    warehouse: Path

    @property
    def folder(self) -> Path:
        return self.warehouse.parent / "reports"

    def text(self, name: str) -> str:
        """Return a page in Markdown."""
        return (self.folder / f"{name}.md").read_text(encoding="utf-8")

    def write(self) -> None:
        """Write the project's pages."""
        assert cli.main(["--warehouse", str(self.warehouse)]) == 0


@pytest.fixture(scope="module")
def empty(new_warehouse: Callable[..., Any]) -> Report:
    """The report of a warehouse into which nothing was loaded."""
    warehouse = new_warehouse()
    with open_warehouse(warehouse.path):
        pass
    warehouse.build_untested()
    report = Report(warehouse.path)
    report.write()
    return report


@pytest.fixture(scope="module")
def sample_report(sample: Any, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report of the bundled sample."""
    report = Report(tmp_path_factory.mktemp("sample") / sample.path.name)
    shutil.copy(sample.path, report.warehouse)
    report.write()
    return report


@pytest.fixture(scope="module")
def hostile(sample_report: Report, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report of a history whose titles, names, errors and paths are markup, of several days."""
    warehouse = tmp_path_factory.mktemp("hostile") / "opencode.duckdb"
    shutil.copy(sample_report.warehouse, warehouse)
    with open_warehouse(warehouse) as connection:
        for table, columns in {
            "sessions": ["title", "model_id"],
            "tool_calls": ["tool_name"],
            "problems": ["normalized_text", "tool_name"],
            "daily_usage": ["dimension_value"],
            "projects": ["worktree"],
            "load_health": ["root", "machine", "message"],
            "health_check_trends": ["name", "details", "remedy", "question"],
            "data_completeness": ["column_name"],
        }.items():
            for column in columns:
                connection.execute(f"update {table} set {column} = concat({column}, ' ', ?)", [PLANTED])
        for table in ("daily_stats", "daily_usage"):
            key = ", daily_usage_id || n as daily_usage_id" if table == "daily_usage" else ""
            connection.execute(
                f"insert into {table} by name select * exclude (n) replace (usage_date - n::int as usage_date"
                f"{key}) from {table}, range(1, 20) as days(n) where n not in (3, 4)"
            )
        connection.execute("update health_check_trends set status = 'FAIL' where check_id = 'error_rate'")
        connection.execute(
            "insert into build_results (build_result_id, invocation_id, unique_id, name, status, n_failures,"
            " message, is_failed, is_latest) values ('i:u', 'i', 'u', ?, 'fail', 2, ?, true, true)",
            [PLANTED, PLANTED],
        )
        connection.execute(
            "insert into rejected_documents (rejected_document_id, source_id, entity, origin, reason, detail,"
            " is_open, first_seen_at, last_seen_at, load_batch_id) values"
            " ('r', 's', 'parts', ?, 'truncated', ?, true, '2026-03-01', '2026-03-02', 1)",
            [PLANTED, PLANTED],
        )
    report = Report(warehouse)
    report.write()
    return report


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_warehouse_says_so_in_words(name: str, empty: Report) -> None:
    text = empty.text(name)
    assert "None" not in text.replace("*None.*", "")
    assert "nan" not in text.lower().split()
    verdict = json.loads((empty.folder / "health.json").read_text())["verdict"]
    assert verdict["status"] == "SKIP"
    assert verdict["n_fail"] == verdict["n_warn"] == 0
    for said in {
        "data-quality": [
            "– SKIP: there is nothing to judge yet.",
            "*No store was loaded yet",
            "*Nothing went",
        ],
        "cost": ["Cost to date: **–**", "*No day has a cost yet.*", "*No session has a cost.*"],
    }[name]:
        assert said in text


def test_the_sample_s_figures_are_those_of_the_warehouse(sample_report: Report) -> None:
    text = sample_report.text("data-quality")
    with open_warehouse(sample_report.warehouse, read_only=True) as connection:
        [n_sessions, n_messages] = connection.execute(
            "select (select count(*) from sessions), (select count(*) from messages where not is_fork_copy)"
        ).fetchone() or (0, 0)
        listed = connection.execute("select name, status from health_check_trends").fetchall()
        rejected = connection.execute("select count(*) from rejected_documents where is_open").fetchone()
    assert f"The data: {n_sessions} sessions, {n_messages} messages" in text
    assert n_sessions > 0
    assert rejected == (0,)
    assert "*Every document could be read.*" in text
    signs = {"PASS": "✓ PASS", "FAIL": "✗ FAIL", "WARN": "! WARN", "SKIP": "– SKIP"}
    for name, status in listed:
        assert f"| {name} | {signs[status]} |" in text or f"* **{signs[status]}: {name}.**" in text


def test_the_second_report_counts_what_came_in_since(sample_report: Report, tmp_path: Path) -> None:
    warehouse = tmp_path / "opencode.duckdb"
    shutil.copy(sample_report.warehouse, warehouse)
    report = Report(warehouse)
    report.write()
    assert "This is the first report in this folder" in report.text("data-quality")
    with open_warehouse(warehouse) as connection:
        later = "now()::timestamp + interval 1 hour"
        connection.execute(f"update raw.messages set first_loaded_at = {later}")
        connection.execute(
            f"update raw.sessions set first_loaded_at = {later} where hash(document_id) % 2 = 0"
        )
        [n_sessions] = connection.execute(
            "select count(*) from sessions where hash(session_id) % 2 = 0 and not is_inferred"
        ).fetchone() or (0,)
    report.write()
    text = report.text("data-quality")
    assert "The last report was written on 20" in text
    assert n_sessions > 0
    assert f"* New sessions: **{n_sessions}**" in text
    assert "* Loads: **0**" in text
    assert "* Their cost: **$" in text
    new = text.partition("**New problems**")[2].partition("## ")[0]
    assert new.count("\n| ") > 2


def test_planted_markup_is_text_in_markdown(hostile: Report) -> None:
    text = hostile.text("data-quality") + hostile.text("cost")
    assert text.count("\\<img src=x onerror=") > 20
    assert "✗ fail | 2 |" in text
    assert "<img" not in text.replace("\\<img", "")
    assert "<script" not in text.replace("\\<script", "")


def opened(browser: "Browser", file: Path, width: int, scheme: str) -> tuple["Page", list[str]]:
    """Return a page and the list that whatever goes wrong on it is noted in."""
    wrong: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    address = file.as_uri()

    def note_request(request: "Request") -> None:
        if request.url != address:
            wrong.append(f"request: {request.url}")

    page.on("console", lambda message: wrong.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("request", note_request)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    return page, wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("kind", ["empty", "sample_report", "hostile"])
def test_a_page_opens_without_a_fault(
    kind: str, name: str, width: int, scheme: str, browser: "Browser", request: pytest.FixtureRequest
) -> None:
    report: Report = request.getfixturevalue(kind)
    page, wrong = opened(browser, report.folder / f"{name}.html", width, scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.mouse.move(width / 2, 400)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.body.scrollWidth") <= width
    assert page.evaluate("window.planted") is None
    assert page.locator("canvas").count() == page.locator(".chart").count()
    if kind == "hostile":
        assert page.locator(".chart").count() > 0
        assert page.locator("img").count() == 0
        assert page.locator("main").inner_text().count('<img src=x onerror="window.planted=1">') > 10
    assert wrong == []
    page.context.close()


def test_a_tip_of_a_chart_shows_planted_markup_as_text(hostile: Report, browser: "Browser") -> None:
    page, wrong = opened(browser, hostile.folder / "cost.html", 1280, "light")
    chart = page.locator(".chart").first
    chart.scroll_into_view_if_needed()
    chart.hover()
    page.locator(".tip").first.wait_for()
    assert "<img src=x" in page.locator(".tip").first.inner_text()
    assert page.evaluate("window.planted") is None
    assert wrong == []
    page.context.close()


def test_charts_follow_the_colours_of_the_system(hostile: Report, browser: "Browser") -> None:
    page, wrong = opened(browser, hostile.folder / "data-quality.html", 1280, "light")
    drawn = "document.querySelector('canvas').toDataURL()"
    light = page.evaluate(drawn)
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(100)
    dark = page.evaluate(drawn)
    assert dark != light
    page.emulate_media(color_scheme="light")
    page.wait_for_timeout(100)
    assert page.evaluate(drawn) == light
    assert wrong == []
    page.context.close()


def test_paper_gets_everything_in_light_colours(hostile: Report, browser: "Browser") -> None:
    page, wrong = opened(browser, hostile.folder / "cost.html", 700, "dark")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    assert page.locator(":not(figure) > details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
    assert wrong == []
    page.context.close()


def test_the_browser_would_run_no_other_script(sample_report: Report, browser: "Browser") -> None:
    page, wrong = opened(browser, sample_report.folder / "cost.html", 1280, "light")
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\" onerror=\"window.planted=1\">')"
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.planted") is None
    assert any("Content Security Policy" in one for one in wrong)
    page.context.close()


def test_words_have_the_contrast_that_readers_need(hostile: Report, browser: "Browser") -> None:
    for scheme in ("light", "dark"):
        page, _ = opened(browser, hostile.folder / "data-quality.html", 1280, scheme)
        for name in ("text", "quiet", "link", "bad", "poor", "good", "none"):
            on = ["ground"] if name == "link" else ["ground", "raised"]
            on += [f"{name}-ground"] if name in ("bad", "poor", "good", "none") else []
            on += ["bad-ground", "poor-ground", "good-ground", "none-ground"] if name == "quiet" else []
            for ground in on:
                assert _contrast(_colour(page, name), _colour(page, ground)) >= 4.5, (scheme, name, ground)
        page.context.close()


def _colour(page: "Page", name: str) -> str:
    found: str = page.evaluate(
        f"getComputedStyle(document.documentElement).getPropertyValue('--{name}').trim()"
    )
    return found


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb`, by WCAG 2."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

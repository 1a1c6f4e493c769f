"""What is written of a run: results, the generated part of a page, plots."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from dev.bench import results
from dev.bench.errors import BenchError
from dev.bench.plots import publish, write_plots
from dev.bench.report import BEGIN, END, amount, line_row, markdown, write_page
from tests.dev.bench.sizes import PROJECT


def line(name: str, group: str, **changes: Any) -> dict[str, Any]:
    """Return a line of results."""
    found = {
        "name": name,
        "group": group,
        "what": f"what {name} is",
        "measured": {"unit": "s", "values": [12.0, 10.0, 14.0], "median": 12.0},
        "floor": {"unit": "s", "values": [4.0], "median": 4.0},
        "floor_is": "reading alone",
        "shown": 12.0,
        "value": 3.0,
        "unit": "x",
        "target": 4.0,
        "target_is": "",
        "of_target": 0.75,
        "met": True,
    }
    return found | changes


LINES = [
    line("load-json-masked", "load"),
    line("growth-load", "growth", value=6.0, target=5.5, of_target=1.09, met=False),
    line("build", "build", floor=None, floor_is="", value=12.0, unit="s", target=45.0, of_target=0.27),
]
TOTALS = {
    "documents": {"session": 1, "message": 2},
    "n_bytes": 2_000_000,
    "tokens": {"input": 1, "output": 2, "reasoning": 3, "cache_read": 4, "cache_write": 5},
    "cost_usd": "1.5",
}
RESULTS: results.Results = {
    "format": results.FORMAT,
    "size": "full",
    "machine": {
        "cores": 2,
        "memory_gb": 16.0,
        "cpu": "a CPU",
        "system": "Linux x86_64",
        "file_system": "ext4",
        "python": "3.11.7",
        "packages": {"duckdb": "1.5.6", "dbt-core": "1.11.16"},
        "elementary": "off",
        "date": "2026-11-21",
        "revision": "abc",
    },
    "stores": [{"layout": layout, **TOTALS} for layout in ("json", "sqlite", "sqlite")],
    "lines": LINES,
    "checks": [],
    "phases": {"load": {"bulk_parts": 3.0}, "build": {"staging": 2.0, "tests": 9.0}},
    "peers": [
        {
            "name": "quick 1.0",
            "does": "totals",
            "wall": {"unit": "s", "values": [2.0, 1.0, 3.0]},
            "tokens": {"input": 10, "output": 20, "cache_read": 30, "cache_write": 40},
            "cost_usd": 1.25,
            "note": "",
        },
        {
            "name": "gone 2.0",
            "does": "totals",
            "wall": None,
            "tokens": {},
            "cost_usd": None,
            "note": "not measured: npm is not installed",
        },
    ],
}


def test_only_what_is_between_the_markers_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"by hand\n{BEGIN}\nold\n{END}\n\n## Also by hand\n")
    write_page(page, "new")
    write_page(page, "newer")
    assert page.read_text() == f"by hand\n{BEGIN}\nnewer\n{END}\n\n## Also by hand\n"


@pytest.mark.parametrize("text", ["", f"{BEGIN} alone", f"{END} before {BEGIN}"])
def test_a_page_without_its_markers_is_an_error_and_stays(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(BenchError, match="lacks the markers"):
        write_page(page, "new")
    assert page.read_text() == text


def test_a_row_has_everything_that_a_reader_compares_and_the_command() -> None:
    assert line_row(LINES[0]) == (
        "| what load-json-masked is | 12.0 s | 3 | 4.00 s (reading alone) | 3.00 x | ≤ 4.00 x | yes "
        "| `make bench ONLY=load` |"
    )


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"value": 3.4}, "3.40 x"),  # of each pair, not of the medians
        ({"value": 2.5, "unit": "s"}, "+2.50 s"),
        ({"value": -0.5, "unit": "s"}, "−0.50 s"),
        ({"value": 12.0, "unit": "s"}, "3.00 x"),
    ],
)
def test_a_row_shows_what_is_compared_with_the_target(changes: dict[str, Any], shown: str) -> None:
    assert f"(reading alone) | {shown} | ≤" in line_row(line("x", "incremental", **changes))


def test_a_row_without_a_floor_has_no_ratio() -> None:
    assert line_row(LINES[2]) == (
        "| what build is | 12.0 s | 3 |  |  | ≤ 45.0 s | yes | `make bench ONLY=build` |"
    )


def test_what_a_target_is_made_of_is_said_in_its_words() -> None:
    assert "| ≤ floor + 4 s | **no** |" in line_row(
        line("x", "incremental", target_is="floor + 4 s", met=False)
    )


def test_the_text_says_machine_stores_verdict_and_others() -> None:
    text = markdown(RESULTS, "performance")
    assert "2 cores of a CPU, 16.0 GB" in text
    assert "JSON tree of 3 documents (2.0 MB)" in text
    assert "2 of 3 targets are met." in text
    assert "![How much of each target is used](performance/targets.svg)" in text
    assert "| quick 1.0 | totals | 2.00 s | 10 | 20 | 30 | 40 | 1.250000 |" in text
    assert "| gone 2.0 | totals | not measured: npm is not installed |" in text


@pytest.mark.parametrize(
    ("value", "shown"), [(0.1234, "0.12 s"), (12.34, "12.3 s"), (123.4, "123 s"), (1234.5, "1,234 s")]
)
def test_numbers_have_about_three_digits(value: float, shown: str) -> None:
    assert amount(value, "s") == shown


def test_plots_are_the_same_for_the_same_results_and_have_their_text(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write_plots(tmp_path / folder, RESULTS)
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {"targets.svg", "growth.svg", "phases.svg"}
    for name in names:
        text = (tmp_path / "one" / name).read_text()
        assert text == (tmp_path / "two" / name).read_text()
        assert ElementTree.fromstring(text).tag.endswith("svg")  # noqa: S314 - our own
        assert "prefers-color-scheme: dark" in text
        assert len(text) < 60_000
    targets = (tmp_path / "one" / "targets.svg").read_text()
    assert "load-json-masked" in targets
    assert "109 %" in targets
    assert "bulk parts" in (tmp_path / "one" / "phases.svg").read_text()


def test_the_page_of_the_project_has_its_markers() -> None:
    text = (PROJECT / "docs" / "performance.md").read_text("utf-8")
    assert text.index(BEGIN) < text.index(END)


def test_a_page_is_published_with_its_plots_beside_it(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    page.write_text(f"{BEGIN}{END}")
    publish(page, RESULTS)
    assert "](speed/targets.svg)" in page.read_text()
    assert (tmp_path / "speed" / "targets.svg").exists()


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    results.write(tmp_path / "results.json", RESULTS)
    assert results.read(tmp_path / "results.json") == RESULTS


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "no results at"), ("{", "is not JSON"), ('{"format": 0}', "another release of the bench")],
)
def test_results_that_cannot_be_read_are_an_error_with_the_remedy(
    tmp_path: Path, text: str | None, message: str
) -> None:
    path = tmp_path / "results.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BenchError, match=rf"{message}.*make bench"):
        results.read(path)

"""`make errors-eval`: how well labelled errors are classified, and what it says of files that are none."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[3]
TOOL = PROJECT / "dev" / "tools" / "errors_eval.py"
ERRORS = PROJECT / "tests" / "fixtures" / "errors"
FULL = {"id": "a", "origin": "assistant_message", "error_name": "APIError", "message": "Overloaded"}
# No split may become worse than this: accuracy, macro-average, share of unknown. The splits are told in
# tests/fixtures/README.md.
FLOORS = {
    "labelled.jsonl": {
        "all": (0.99, 0.99, 0.01),
        "train": (0.99, 0.99, 0.01),
        "held_back": (0.99, 0.99, 0.01),
    },
    "collected.jsonl": {
        "all": (0.985, 0.98, 0.01),
        "first": (0.99, 0.99, 0.01),
        "fourth": (0.90, 0.90, 0.04),
        "twelfth": (0.97, 0.97, 0.02),
        "thirteenth": (0.99, 0.99, 0.01),
        "fourteenth": (0.99, 0.99, 0.01),
        "held_back": (0.95, 0.89, 0.02),
        "held_back_2": (0.88, 0.91, 0.02),
    },
}


def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the tool; it has to end with this code."""
    environment = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"}
    done = subprocess.run(
        [sys.executable, str(TOOL), *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def lines(folder: Path, *rows: object) -> Path:
    """Write a file of JSON lines; text is written as it is."""
    path = folder / "errors.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", FLOORS)
def test_labelled_errors_are_classified_as_well_as_they_were(name: str) -> None:
    figures: dict[str, dict[str, Any]] = json.loads(run(ERRORS / name, "--json").stdout)
    for split, (accuracy, macro_average, unknown) in FLOORS[name].items():
        assert figures[split]["accuracy"] >= accuracy, split
        assert figures[split]["macro_average"] >= macro_average, split
        assert figures[split]["unknown"] <= unknown, split


@pytest.mark.slow
def test_splits_other_right_answers_and_odd_rows_are_understood(tmp_path: Path) -> None:
    path = lines(
        tmp_path,
        FULL | {"label": "provider_unavailable", "split": "train"},
        FULL | {"label": "timeout", "alt": "provider_unavailable", "split": "train"},
        FULL | {"label": "timeout", "alt": ["network", "provider_unavailable"], "split": "held_back"},
        FULL | {"label": "timeout", "split": "held_back"},
        "",
        # nothing but a label; a message that is no text; a line separator that JSON allows within a text
        {"label": "unknown"},
        {"label": "parse_error", "message": {"text": "Unexpected end of JSON input"}, "status_code": "none"},
        '{"label": "network", "message": "a\u2028b: socket hang up"}',
    )
    figures = json.loads(run(path, "--json").stdout)
    assert figures["train"] == {"n": 2, "accuracy": 1.0, "macro_average": 1.0, "unknown": 0.0}
    assert figures["held_back"]["accuracy"] == 0.5
    assert figures["all"]["n"] == 7
    assert figures["all"]["accuracy"] == 6 / 7
    printed = run(path, "--wrong").stdout
    assert "timeout              provider_unavailable 1, timeout 2" in printed
    assert "line 4: timeout, found provider_unavailable by text_overloaded" in printed


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("{bad", "line 2 is not JSON"),
        ("[]", "line 2 is not a JSON object"),
        ({"message": "x"}, "line 2 has no label that is a category"),
        ({"label": "no such"}, "line 2 has no label that is a category: 'no such'"),
    ],
)
def test_a_line_that_is_no_labelled_error_is_named(tmp_path: Path, row: object, complaint: str) -> None:
    done = run(lines(tmp_path, FULL | {"label": "timeout"}, row), code=2)
    assert complaint in done.stderr


def test_a_file_that_is_not_there_or_empty_is_named(tmp_path: Path) -> None:
    assert "there is no such file" in run(tmp_path / "none.jsonl", code=2).stderr
    assert "it holds no errors" in run(lines(tmp_path, ""), code=2).stderr

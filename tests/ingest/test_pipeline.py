"""What a run says of the programs that it starts, and what it keeps to itself."""

import sys
import threading

import pytest

from ingest.lock import writing
from ingest.settings import Settings
from opencode_warehouse.build.dbt_output import without_quotes
from opencode_warehouse.build.pipeline import Outcome, _Build, build
from tests.ingest.stores import Warehouse

DBT = """
print("10:00:00  Completed with 1 error")
print("10:00:00    Database Error in model parts (models/parts.sql)")
print("  Conversion Error: Could not convert string 'what I said,")
print("  in two lines \\x1b[31m' to INT32")
print("10:00:01    compiled code at target/run/parts.sql")
print("10:00:02  WARN health check error_rate: see `make health` \\x1b[31m")
"""


def said_of(warehouse: Warehouse, stop: threading.Event | None) -> list[str]:
    """Return what is said of a dbt that failed."""
    warehouse.path.parent.mkdir(exist_ok=True)
    settings = Settings((), warehouse.path, "box", is_default_store=False)
    said: list[str] = []
    outcome = Outcome()
    with writing(warehouse.path):
        one = _Build(settings, outcome, said.append, stop)
        one.command("dbt run", [sys.executable, "-c", f"{DBT}\nraise SystemExit(1)"], is_dbt=True)
    assert outcome.failed == ["dbt run"]
    return said


def test_no_control_character_of_what_dbt_quotes_is_said(warehouse: Warehouse) -> None:
    said = said_of(warehouse, None)
    assert "  in two lines \ufffd[31m' to INT32" in said
    assert "\x1b" not in "".join(said)


def test_a_watch_does_not_log_what_dbt_quotes(warehouse: Warehouse) -> None:
    assert said_of(warehouse, threading.Event()) == [
        "10:00:00  Completed with 1 error",
        "10:00:00    Database Error in model parts (models/parts.sql)",
        "  Conversion Error: Could not convert string …",
        "10:00:01    compiled code at target/run/parts.sql",
        "10:00:02  WARN health check error_rate: see `make health` \ufffd[31m",
    ]


def test_a_build_that_was_ended_says_nothing_of_steps_that_it_does_not_take(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    monkeypatch.setattr(_Build, "dbt", lambda *_: stop.set())
    warehouse.path.parent.mkdir()
    said: list[str] = []
    build(Settings((), warehouse.path, "box", is_default_store=False), said.append, stop)
    assert said == ["Run 2/5: building the tables (dbt seed, dbt run)"]


def test_what_stands_between_two_messages_is_kept() -> None:
    lines = ["10:00:00  one 'a", "b", "10:00:01  two", "  three"]
    assert list(without_quotes(lines)) == ["10:00:00  one …", "10:00:01  two", "  three"]

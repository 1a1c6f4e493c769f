"""The checks on a terminal: a table, what was found, and the verdict."""

import json
from pathlib import Path

import pytest

from ingest.warehouse import open_warehouse
from opencode_warehouse.cli import main
from opencode_warehouse.tell.health import amount

TABLES = """
    create table main.sessions as select 'ses_1' as session_id;
    create table main.messages as select timestamp '2026-05-01' as created_at, false as is_fork_copy;
    create table main.load_health as
    select timestamp '2026-05-01' as oldest_message_at, timestamp '2026-05-01' as newest_message_at;
    create table main.health_check_trends as
    select check_id, check_id as name, family, 'Does it hold?' as question, status, severity,
        value::double as value, unit, threshold::double as threshold, direction,
        10 as n_checked, 3 as n_failed, details, remedy,
        timestamp '2026-05-02 08:00' as checked_at, 'b1' as build_id, timestamp '2026-05-01 08:00' as since,
        2 as n_builds_in_status, 'PASS' as previous_status, 0::double as previous_value, 'worse' as trend,
        3 as n_builds
    from (values
        ('foreign_keys', 'integrity', 'FAIL', 'error', 3.0, 'count', 0.0, 'at_most',
            '3 rows \x1b[2J.', 'Mend.'),
        ('error_rate', 'plausibility', 'WARN', 'warn', 0.3, 'share', 0.1, 'at_most', 'Too many.', 'Look.'),
        ('errors_classified', 'completeness', 'PASS', 'warn', 1.0, 'share', 0.95, 'at_least', null, null),
        ('budgets', 'pipeline', 'SKIP', 'warn', null, 'count', 0.0, 'at_most', 'Not checked: none.', null)
    ) as t (check_id, family, status, severity, value, unit, threshold, direction, details, remedy)
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "opencode.duckdb"
    with open_warehouse(path) as connection:
        connection.execute(TABLES)
    return path


def test_the_checks_are_a_table_with_what_to_do_below_and_the_verdict_last(
    warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["health", "--warehouse", str(warehouse)]) == 1
    printed = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert lines[:8] == [
        "status check value threshold since (UTC)",
        "completeness",
        "PASS errors_classified 100.0 % ≥ 95.0 % 2026-05-01 08:00",
        "integrity",
        "FAIL foreign_keys 3 ≤ 0 2026-05-01 08:00",
        "pipeline",
        "SKIP budgets - ≤ 0 2026-05-01 08:00",
        "plausibility",
    ]
    assert "FAIL foreign_keys: 3 rows \ufffd[2J." in printed  # no escape of a terminal gets through
    assert (
        printed.index("FAIL foreign_keys: 3 rows")
        < printed.index("Mend.")
        < printed.index("WARN error_rate: Too")
    )
    assert "FAIL: 1 of 3 checks fails and 1 warns, since 2026-05-01 08:00 UTC." in " ".join(lines)


def test_a_warning_is_no_failure_and_programs_get_json(
    warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_warehouse(warehouse) as connection:
        connection.execute("update main.health_check_trends set status = 'PASS' where status = 'FAIL'")
    assert main(["health", "--warehouse", str(warehouse), "--json"]) == 0
    found = {check["check_id"]: check["status"] for check in json.loads(capsys.readouterr().out)}
    assert found == {
        "errors_classified": "PASS", "foreign_keys": "PASS", "budgets": "SKIP", "error_rate": "WARN",
    }  # fmt: skip


def test_without_checks_the_remedy_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_warehouse(tmp_path / "opencode.duckdb"):
        pass
    assert main(["health", "--warehouse", str(tmp_path / "opencode.duckdb")]) == 2
    assert "The health checks are not built yet. Build them: `make run`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "ms", "-"),
        (0.9519, "share", "95.2 %"),
        (1204.0, "count", "1,204"),
        (12.345, "ms", "12.3 ms"),
        (2.104, "ratio", "2.10 times"),
        (43_300_000.0, "bytes", "43.3 MB"),
    ],
)
def test_an_amount_is_shown_in_its_unit(value: float | None, unit: str, text: str) -> None:
    assert amount(value, unit) == text

"""What the health checks of the last build found: as a table on a terminal, and in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

import duckdb
from rich.table import Table
from rich.text import Text

from ingest import words
from ingest.errors import IngestError
from ingest.warehouse import open_warehouse

STYLES = {"PASS": "green", "WARN": "yellow", "FAIL": "bold red", "SKIP": "dim"}
"""Every status, from the best to the worst but for SKIP, which says nothing."""

NAMES_IN_VERDICT = 3


@dataclass(frozen=True, slots=True)
class Check:
    """A row of health_check_trends: value and threshold in `unit`, times in UTC without a zone."""

    check_id: str
    name: str
    family: str
    question: str
    status: str
    previous_status: str | None
    severity: str
    value: float | None
    threshold: float
    unit: str
    direction: str
    n_checked: int
    n_failed: int | None
    details: str | None
    remedy: str | None
    trend: str | None
    checked_at: datetime
    since: datetime
    build_id: str


def read_checks(warehouse: Path) -> list[Check]:
    """Return the checks as the last build found them, by family and as the seed lists them.

    Raises IngestError where there is no warehouse, or its quality models are not built.
    """
    with open_warehouse(warehouse, read_only=True) as connection:
        return checks_of(connection, warehouse)


def checks_of(connection: duckdb.DuckDBPyConnection, warehouse: Path) -> list[Check]:
    """Return the checks of an open warehouse; see read_checks."""
    columns = ", ".join(f"trends.{field.name}" for field in fields(Check))
    try:
        found = connection.execute(
            f"""select {columns}
            from main.health_check_trends as trends
            left join main.health_checks as checks on trends.check_id = checks.check_id
            order by checks.rowid"""
        ).fetchall()
    except (duckdb.CatalogException, duckdb.BinderException):
        raise IngestError(
            f"The health checks of {warehouse} are not built yet. Build them: `make run`, or `make health` "
            "where the other tables are there."
        ) from None
    return [Check(*row) for row in found]


def verdict(checks: Sequence[Check]) -> str:
    """Return one sentence that says whether the figures can be trusted."""
    by_status = {status: [check for check in checks if check.status == status] for status in STYLES}
    n_passed, n_skipped = len(by_status["PASS"]), len(by_status["SKIP"])
    failed, warned = by_status["FAIL"], by_status["WARN"]
    if failed:
        also = f"; {_count(warned, 'warns', 'warn')} as well" if warned else ""
        return f"FAIL: do not trust these figures. {_count(failed, 'fails', 'fail')}: {_names(failed)}{also}."
    if warned:
        counted = _count(warned, "warns", "warn")
        return f"WARN: the figures can be used, but look at this. {counted}: {_names(warned)}."
    if not any(check.n_checked for check in checks if check.check_id == "nothing_lost"):
        return "SKIP: nothing was loaded yet, so there is nothing to judge."
    return f"PASS: {words.count(n_passed, 'check')} passed, {n_skipped} had nothing to look at."


def _count(checks: Sequence[Check], one: str, several: str) -> str:
    return f"{words.count(len(checks), 'check')} {one if len(checks) == 1 else several}"


def _names(checks: Sequence[Check]) -> str:
    named = ", ".join(check.check_id for check in checks[:NAMES_IN_VERDICT])
    n_more = len(checks) - NAMES_IN_VERDICT
    return f"{named} and {n_more} more" if n_more > 0 else named


def table(checks: Sequence[Check]) -> Table:
    """Return the checks as a table, family by family."""
    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for title in ("status", "check", "value", "threshold", "since (UTC)"):
        shown.add_column(title, justify="right" if title in ("value", "threshold") else "left", no_wrap=True)
    family = ""
    for check in checks:
        if check.family != family:
            family = check.family
            shown.add_row("", Text(family, style="bold underline"))
        sign = "≥" if check.direction == "at_least" else "≤"
        shown.add_row(
            Text(check.status, style=STYLES[check.status]),
            check.check_id,
            amount(check.value, check.unit),
            f"{sign} {amount(check.threshold, check.unit)}",
            f"{check.since:%Y-%m-%d %H:%M}",
        )
    return shown


def findings(checks: Sequence[Check]) -> Text:
    """Return what was found by the checks that did not pass, and what to do, the worst first."""
    text = Text()
    for status in ("FAIL", "WARN"):
        for check in checks:
            if check.status == status:
                text.append(f"{status} ", style=STYLES[status])
                text.append(f"{check.check_id}: ", style="bold")
                text.append(words.printable(check.details or check.question))
                text.append(f"\n     {words.printable(check.remedy or '')}\n", style="italic")
    return text


def amount(value: float | None, unit: str) -> str:
    """Return a value of a check as a person reads it: `95.2 %`, `12.5 ms`, `1,204` (`-` where unknown)."""
    if value is None:
        return "-"
    if unit == "share":
        return f"{value:.1%}".replace("%", " %")
    if unit == "bytes":
        return words.size(round(value))
    if unit == "count":
        return f"{value:,.0f}"
    if unit == "ratio":
        return f"{value:.2f} times"
    return f"{value:,.1f} {unit}"

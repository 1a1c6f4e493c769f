"""What the health checks of the last build found: one by one, as a verdict, and as a table on a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from rich.table import Table
from rich.text import Text

from ingest import human
from ingest.errors import IngestError
from ingest.warehouse import open_warehouse

ORDER = ("FAIL", "WARN", "PASS", "SKIP")
"""Every status, from bad to good; what was skipped says nothing about the data."""

STYLES = {"PASS": "green", "WARN": "yellow", "FAIL": "bold red", "SKIP": "dim"}


@dataclass(frozen=True, slots=True)
class Check:
    """A row of health_check_trends: value and threshold in `unit`, times in UTC without a zone."""

    check_id: str
    name: str
    family: str
    question: str
    status: str
    severity: str
    value: float | None
    unit: str
    threshold: float
    direction: str
    n_checked: int
    n_failed: int | None
    details: str | None
    remedy: str | None
    checked_at: datetime
    build_id: str
    since: datetime
    n_builds_in_status: int
    previous_status: str | None
    previous_value: float | None
    trend: str | None
    n_builds: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the data is: how much, from when to when, when it was loaded and built (UTC)."""

    n_sessions: int
    n_messages: int
    first_message_at: datetime | None
    last_message_at: datetime | None
    loaded_at: datetime | None
    built_at: datetime | None
    build_id: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The worst status of all checks, in words. `named` lists the checks (check_id, name) behind it."""

    status: str
    headline: str
    covers: str
    named: list[tuple[str, list[tuple[str, str]]]]
    since: datetime | None
    n_checks: int
    n_fail: int
    n_warn: int
    n_pass: int
    n_skip: int

    @property
    def sentence(self) -> str:
        """The verdict in one line: `FAIL: 2 of 34 checks fail …`."""
        return f"{self.status}: {self.headline} {self.covers}"


@dataclass(frozen=True, slots=True)
class Health:
    """The verdict, what it is about, and the checks it is made of."""

    verdict: Verdict
    coverage: Coverage
    checks: list[Check]


def read_health(warehouse: Path) -> Health:
    """Return verdict, coverage and checks of a warehouse.

    Raises IngestError where there is no warehouse, or its checks are not built.
    """
    with open_warehouse(warehouse, read_only=True) as connection:
        return health_of(connection)


def health_of(connection: duckdb.DuckDBPyConnection) -> Health:
    """Return verdict, coverage and checks of an open warehouse; see read_health."""
    checks = checks_of(connection)
    coverage = _coverage(connection, checks)
    return Health(judge(checks, coverage), coverage, checks)


def checks_of(connection: duckdb.DuckDBPyConnection) -> list[Check]:
    """Return the checks of an open warehouse, by family; see read_health."""
    columns = ", ".join(field.name for field in fields(Check))
    try:
        found = connection.execute(
            f"select {columns} from main.health_check_trends order by family, check_id"
        ).fetchall()
    except duckdb.CatalogException:
        raise IngestError(
            "The health checks are not built yet. Build them: `make run`, or `make health` where the other "
            "tables are there."
        ) from None
    return [Check(*row) for row in found]


def _coverage(connection: duckdb.DuckDBPyConnection, checks: Sequence[Check]) -> Coverage:
    def one(sql: str) -> tuple[Any, ...]:
        return connection.execute(sql).fetchone() or (None, None, None)

    [n_sessions] = one("select count(*) from sessions")
    [n_messages] = one("select count(*) from messages where not is_fork_copy")
    first, last = one("select min(oldest_message_at), max(newest_message_at) from load_health")
    [loaded_at] = one("select max(ended_at) from raw.load_batches")
    newest = max(checks, key=lambda check: check.checked_at, default=None)
    return Coverage(
        n_sessions,
        n_messages,
        first,
        last,
        loaded_at,
        newest.checked_at if newest else None,
        newest.build_id if newest else None,
    )


def judge(checks: Sequence[Check], coverage: Coverage) -> Verdict:
    """Return the worst status, and a sentence each for what is wrong and what the data is."""
    by_status = {status: [check for check in checks if check.status == status] for status in ORDER}
    status = next((status for status in ORDER if by_status[status]), "SKIP")
    if status == "PASS" and not coverage.n_sessions:  # checks of the machinery pass; of data there is none
        status = "SKIP"
    starts = [check.since for check in by_status[status]]
    # What is wrong is so since the first of it; all is well only since the last became so.
    since = (max if status == "PASS" else min)(starts, default=None)
    n_fail, n_warn, n_pass, n_skip = (len(by_status[status]) for status in ORDER)
    return Verdict(
        status=status,
        headline=_headline(status, n_fail, n_warn, n_pass, since),
        covers=_covers(coverage, n_skip),
        named=[
            (word, [(check.check_id, check.name) for check in by_status[key]])
            for key, word in (("FAIL", "Fails:"), ("WARN", "Warns:"))
            if by_status[key]
        ],
        since=since,
        n_checks=len(checks),
        n_fail=n_fail,
        n_warn=n_warn,
        n_pass=n_pass,
        n_skip=n_skip,
    )


def _headline(status: str, n_fail: int, n_warn: int, n_pass: int, since: datetime | None) -> str:
    n_run = n_fail + n_warn + n_pass
    checks = human.count(n_run, "check")
    fail = f"{n_fail} of {checks} {'fails' if n_fail == 1 else 'fail'}"
    warn = f"{'warns' if n_warn == 1 else 'warn'}"
    if status == "FAIL":
        said = f"{fail} and {n_warn} {warn}" if n_warn else fail
    elif status == "WARN":
        said = f"nothing fails, {n_warn} of {checks} {warn}"
    elif status == "PASS":
        said = "the only check passes" if n_run == 1 else f"all {checks} pass"
    else:
        return "there is nothing to judge yet."
    if since:
        is_first = (n_fail if status == "FAIL" else n_warn) > 1 and status != "PASS"
        said += f", {'the first ' if is_first else ''}since {human.when(since)}"
    return f"{said}."


def _covers(coverage: Coverage, n_skip: int) -> str:
    """Return which data it is, how old, and what could not be checked in it."""
    if not coverage.n_sessions:
        said = "The warehouse holds no sessions"
    else:
        said = (
            f"The data: {human.count(coverage.n_sessions, 'session')}, "
            f"{human.count(coverage.n_messages, 'message')}, "
            f"{human.when(coverage.first_message_at)} to {human.when(coverage.last_message_at)}"
        )
    loaded = f"loaded {human.when(coverage.loaded_at)}" if coverage.loaded_at else "never loaded"
    built = f"built {human.when(coverage.built_at)}" if coverage.built_at else "its build is not dated"
    if coverage.loaded_at and coverage.built_at and coverage.loaded_at > coverage.built_at:
        built += " and so without what was loaded last"
    skipped = f" {human.count(n_skip, 'check')} had nothing to look at." if n_skip else ""
    return f"{said}; {loaded}, {built}.{skipped}"


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
                text.append(human.printable(check.details or check.question or ""))
                text.append(f"\n     {human.printable(check.remedy or '')}\n", style="italic")
    return text


def amount(value: float | None, unit: str) -> str:
    """Return a value of a check as a person reads it: `95.2 %`, `12.5 ms`, `1,204` (`-` where unknown)."""
    if value is None:
        return "-"
    if unit == "share":
        return f"{value:.1%}".replace("%", " %")
    if unit == "bytes":
        return human.size(round(value))
    if unit == "count":
        return f"{value:,.0f}"
    if unit == "ratio":
        return f"{value:.2f} times"
    return f"{value:,.1f} {unit}"

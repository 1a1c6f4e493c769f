"""The verdict on the data, and its form for machines: health.json and health.csv."""

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson

from ingest.words import count, printable
from reports.figures import shown
from reports.queries import require_tables

log = logging.getLogger(__name__)

JSON, CSV = "health.json", "health.csv"
# From bad to good; what was skipped says nothing about the data.
ORDER = ("FAIL", "WARN", "PASS", "SKIP")
_NEEDED = ("health_check_trends", "sessions", "messages")


@dataclass(frozen=True, slots=True)
class Check:
    """A row of health_check_trends; times are UTC."""

    check_id: str
    name: str
    family: str
    question: str | None
    status: str
    severity: str | None
    value: float | None
    unit: str | None
    threshold: float | None
    direction: str | None
    n_checked: int | None
    n_failed: int | None
    details: str | None
    remedy: str | None
    checked_at: datetime | None
    build_id: str | None
    since: datetime | None
    n_builds_in_status: int | None
    previous_status: str | None
    previous_value: float | None
    trend: str | None
    n_builds: int | None


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


@dataclass(frozen=True, slots=True)
class LastReport:
    """What the last report in the folder said; no time and no checks where there is none."""

    generated_at: datetime | None = None
    checks: tuple[tuple[str, str, str, float | None], ...] = ()


def read(connection: duckdb.DuckDBPyConnection) -> Health:
    """Return verdict, coverage and checks. Raises IngestError where the warehouse was not built."""
    require_tables(connection, *_NEEDED)
    names = ", ".join(field.name for field in fields(Check))
    sql = f"select {names} from health_check_trends order by family, check_id"  # noqa: S608 - names of Check
    rows = connection.execute(sql).fetchall()
    checks = [Check(*row) for row in rows]
    coverage = _coverage(connection, checks)
    return Health(judge(checks, coverage), coverage, checks)


def _coverage(connection: duckdb.DuckDBPyConnection, checks: Sequence[Check]) -> Coverage:
    def one(sql: str) -> tuple[Any, ...]:
        return connection.execute(sql).fetchone() or (None, None, None)

    [n_sessions] = one("select count(*) from sessions")
    n_messages, first, last = one(
        "select count(*), min(created_at), max(created_at) from messages where not is_fork_copy"
    )
    [loaded_at] = one("select max(ended_at) from raw.load_batches")
    newest = max((check for check in checks if check.checked_at), key=_checked_at, default=None)
    return Coverage(
        n_sessions,
        n_messages,
        first,
        last,
        loaded_at,
        newest.checked_at if newest else None,
        newest.build_id if newest else None,
    )


def _checked_at(check: Check) -> datetime:
    return check.checked_at or datetime.min  # noqa: DTZ901 - compared with naive UTC, as stored


def judge(checks: Sequence[Check], coverage: Coverage) -> Verdict:
    """Return the worst status, and a sentence each for what is wrong and what the data is."""
    by_status = {status: [check for check in checks if check.status == status] for status in ORDER}
    status = next((status for status in ORDER if by_status[status]), "SKIP")
    if status == "PASS" and not coverage.n_sessions:  # checks of the machinery pass; of data there is none
        status = "SKIP"
    starts = [check.since for check in by_status[status] if check.since]
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
    checks = count(n_run, "check")
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
        said += f", {'the first ' if is_first else ''}since {shown(since)} UTC"
    return f"{said}."


def _covers(coverage: Coverage, n_skip: int) -> str:
    """Return which data it is, how old, and what could not be checked in it."""
    if not coverage.n_sessions:
        said = "The warehouse holds no sessions"
    else:
        said = (
            f"The data: {count(coverage.n_sessions, 'session')}, {count(coverage.n_messages, 'message')}, "
            f"{shown(coverage.first_message_at)} to {shown(coverage.last_message_at)} UTC"
        )
    loaded = f"loaded {shown(coverage.loaded_at)} UTC" if coverage.loaded_at else "never loaded"
    built = f"built {shown(coverage.built_at)} UTC" if coverage.built_at else "its build is not dated"
    if coverage.loaded_at and coverage.built_at and coverage.loaded_at > coverage.built_at:
        built += " and so without what was loaded last"
    skipped = f" {count(n_skip, 'check')} had nothing to look at." if n_skip else ""
    return f"{said}; {loaded}, {built}.{skipped}"


def as_json(health: Health, generated_at: datetime) -> bytes:
    """Return the machine form: generated_at, verdict, coverage and checks; times ISO 8601 in UTC."""
    verdict = asdict(health.verdict) | {"sentence": health.verdict.sentence}
    content = {
        "generated_at": generated_at,
        "verdict": verdict,
        "coverage": asdict(health.coverage),
        "checks": [asdict(check) for check in health.checks],
    }
    return orjson.dumps(
        content,
        option=orjson.OPT_INDENT_2 | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE,
    )


def as_csv(health: Health) -> bytes:
    """Return one line a check, under a line of names; null is empty, times ISO 8601 in UTC."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Check)], lineterminator="\n")
    writer.writeheader()
    for check in health.checks:
        values = asdict(check)
        times = {key: f"{value.isoformat()}Z" for key, value in values.items() if isinstance(value, datetime)}
        writer.writerow(values | times)
    return text.getvalue().encode()


def last_report(folder: Path) -> LastReport:
    """Return what the last report's health.json says; one that cannot be read warns and counts as none."""
    file = folder / JSON
    try:
        content = orjson.loads(file.read_bytes())
        generated_at = datetime.fromisoformat(content["generated_at"])
        checks = tuple(
            (str(check["check_id"]), str(check["name"]), str(check["status"]), _number(check["value"]))
            for check in content["checks"]
        )
    except FileNotFoundError:
        return LastReport()
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        log.warning(
            "%s cannot be read (%s): this counts as the first report", printable(file), type(error).__name__
        )
        return LastReport()
    return LastReport(generated_at.astimezone(UTC).replace(tzinfo=None), checks)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None

"""Which problems began and which ended, for one channel: the checks beside what the channel was told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from opencode_warehouse.tell.health import Check

BEGAN, ENDED = "began", "ended"
LEVELS = ("WARN", "FAIL")
"""From which status on a channel is told of a check; FAIL leaves out warnings."""

STALE_AFTER = timedelta(hours=26)
STALE_ID = "health_checks_made"
"""A problem of its own: where no build finishes, no check can say so. A day and two hours of grace."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A check that broke its threshold, or did until now; `since` in UTC without a zone."""

    check_id: str
    name: str
    status: str
    event: str
    since: datetime
    details: str
    remedy: str


def changes(checks: Sequence[Check], told: dict[str, str], level: str, now: datetime) -> list[Problem]:
    """Return what a channel is to be told: problems that began, worst first, then those that ended.

    `told` is the last event that was sent of each check. A check that had nothing to look at ends no
    problem: it is not known to be over. Nor does a check that was taken out of the seed stay open.
    """
    bad = LEVELS[LEVELS.index(level) :]
    is_open = {check_id for check_id, event in told.items() if event == BEGAN}
    stale = _stale(checks, now)
    began = [
        _problem(check, BEGAN) for check in checks if check.status in bad and check.check_id not in is_open
    ]
    if stale is not None and STALE_ID not in is_open:
        began.append(stale)
    began.sort(key=lambda problem: LEVELS.index(problem.status), reverse=True)
    by_id = {check.check_id: check for check in checks}
    ended = []
    for check_id in sorted(is_open - {STALE_ID}):
        check = by_id.get(check_id)
        if check is None:
            ended.append(_gone(check_id, now))
        elif check.status not in (*bad, "SKIP"):
            ended.append(_problem(check, ENDED))
    if stale is None and STALE_ID in is_open and checks:
        newest = max(check.checked_at for check in checks)
        ended.append(Problem(STALE_ID, "Checks are made", "PASS", ENDED, newest, "They were made again.", ""))
    return began + ended


def _problem(check: Check, event: str) -> Problem:
    return Problem(
        check.check_id,
        check.name,
        check.status,
        event,
        check.since,
        check.details or check.question,
        (check.remedy or "") if event == BEGAN else "",
    )


def _gone(check_id: str, now: datetime) -> Problem:
    return Problem(check_id, check_id, "SKIP", ENDED, now, "The check is no longer made.", "")


def _stale(checks: Sequence[Check], now: datetime) -> Problem | None:
    newest = max((check.checked_at for check in checks), default=None)
    if newest is None or now - newest <= STALE_AFTER:
        return None
    return Problem(
        STALE_ID,
        "Checks are made",
        "FAIL",
        BEGAN,
        newest,
        f"No health check was made since {newest:%Y-%m-%d %H:%M} UTC, so nobody knows what holds.",
        "Look at the output of the daily job, and run `make run` by hand.",
    )


def subject(problems: Iterable[Problem]) -> str:
    """Return a line such as `FAIL: foreign_keys, and 2 more; ended: error_rate`."""
    listed = list(problems)
    began = [problem for problem in listed if problem.event == BEGAN]
    ended = [problem for problem in listed if problem.event == ENDED]
    parts = []
    if began:
        parts.append(f"{began[0].status}: {_names(began)}")
    if ended:
        parts.append(f"ended: {_names(ended)}")
    return "; ".join(parts)


def _names(problems: Sequence[Problem]) -> str:
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return f"{problems[0].check_id}{more}"

"""The verdict and the checks for machines (health.json, health.csv), and what the last of these said."""

import csv
import io
import logging
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import orjson

from ingest.human import printable
from opencode_warehouse.tell.health import Check, Health

log = logging.getLogger(__name__)

JSON, CSV = "health.json", "health.csv"


@dataclass(frozen=True, slots=True)
class LastReport:
    """What the last report in the folder said; no time and no checks where there is none."""

    generated_at: datetime | None = None
    checks: tuple[tuple[str, str, str, float | None], ...] = ()


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

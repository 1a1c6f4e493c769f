"""Write docs/validation-rules.md from seeds/health_checks.csv, or check it against it."""

import argparse
import csv
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from data_dictionary import grid, one_line

from ingest import human

PROJECT = Path(__file__).resolve().parents[2]
SEED = Path("seeds/health_checks.csv")
PAGE = Path("docs/validation-rules.md")
GENERATED = f"<!-- Written by `make dictionary` from {SEED}. Edit that instead. -->"

# In the order of the page: what each family is about.
FAMILIES = {
    "integrity": "Whether figures can be added up: no row doubled, lost, or without what it refers to.",
    "completeness": "Whether what should be known is known, as a share of the rows that could know it.",
    "plausibility": "Whether amounts are such as they can be. What is unusual need not be wrong.",
    "pipeline": "Whether loads, builds, disk, backups and limits of your own are as they should be.",
    "performance": "Whether the queries that dashboards ask at every click are answered in time.",
    "problems": "Whether the agents get over what goes wrong.",
}
# Of a severity: the status of a broken check, and what it does. dbt gates on one family alone.
GATE = ("integrity", "error")
BROKEN = {"error": "FAIL: it is told, and no build stops.", "warn": "WARN: it is told, and no build stops."}
BROKEN_GATE = "FAIL, and `dbt build` fails: the figures are wrong."
PER_UNIT = {"ratio": "times", "count": ""}

HEAD = """\
# Validation rules

After every build {n_checks} health checks ask whether the figures can be trusted. Each is a row of
[`{seed}`](../{seed}): the thresholds below are what the warehouse goes by, and yours to change.

## What a result means

| status | means |
|---|---|
| PASS | the value is on the right side of its threshold |
| WARN | it is not, and the severity is `warn`: figures are there, somebody should look |
| FAIL | it is not, and the severity is `error` |
| SKIP | there was nothing to look at: neither good nor bad |

A FAIL of the family integrity fails `dbt build` (the test `integrity_checks_pass`), and with it `make run`.
Any other FAIL, and every WARN, is told: by `make run`, the report and `make alert`, and by dbt as a warning
(`other_health_checks_pass`). `make health` ends with an error as long as any check is a FAIL.

"Of data" counts back from the newest message, not from today: a history of last year is judged like a
living one.

## Where the results are

| where | what |
|---|---|
| `health_check_results` | the last build: status, value, threshold, rows looked at, rows that broke it |
| `health_check_history` | every build that was judged; a full refresh keeps it |
| `health_check_trends` | the last build beside those before: since when, better or worse |
| `select * from health_check('foreign_keys')` | one check, from any client |
| `make health` | makes the checks anew on the tables as they are, and shows them |
| `data-quality.html`, `health.json`, `health.csv` | the report ([reports.md](reports.md)) |

## Changing a rule

*A threshold or a severity* is a cell of the seed: shares from 0 to 1, other values in their unit;
`error` or `warn`. Then

```console
$ .venv/bin/dbt seed --select health_checks
$ make health
$ make dictionary        # this page
```

What was judged before keeps its verdict in the history. Say in `why` what the new threshold rests on.

*A new check* is three things, and tests say which is missing:

1. a row of the seed, with a question, a threshold and its reason, and what to do;
2. a measure in `models/intermediate/health/int_health_<family>_measured.sql`, by the macro
   `health_measure`: the rows it looks at and those that break it, or a value;
3. a fault in `tests/e2e/test_health_checks.py`: SQL that breaks this rule and no other. The check has to
   see it, and its end."""


def read_checks(seed: Path) -> list[dict[str, str]]:
    """Return the rows of the seed. Raises OSError where it cannot be read."""
    with seed.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def place(check: dict[str, str]) -> int:
    """Return where a check's family comes on the page: those that are new, last."""
    return [*FAMILIES, check["family"]].index(check["family"])


def bound(check: dict[str, str]) -> str:
    """Return the threshold in words: `at least 95 %`, `at most 20.0 GB`, `at most 0 (none)`."""
    threshold, unit = float(check["threshold"]), check["unit"]
    if check["direction"] == "at_most" and unit == "count" and not threshold:
        return "at most 0 (none)"
    if check["direction"] == "at_least" and unit == "share" and threshold == 1:
        return "all (100 %)"
    if unit == "share":
        amount = f"{threshold * 100:.4g} %"
    elif unit == "bytes":
        amount = human.size(round(threshold))
    else:
        amount = f"{threshold:,g} {PER_UNIT.get(unit, unit)}".strip()
    return f"{check['direction'].replace('_', ' ')} {amount}"


def broken(check: dict[str, str]) -> str:
    """Return the status of the check where it breaks, and what that does."""
    return BROKEN_GATE if (check["family"], check["severity"]) == GATE else BROKEN[check["severity"]]


def rule(check: dict[str, str]) -> str:
    """Return the section of a check."""
    lines = {
        "Threshold": bound(check),
        "If it breaks": broken(check),
        "Why": check["why"],
        "Skipped when": f"{check['nothing_to_check']}.",
        "What to do": check["remedy"],
    }
    listed = "\n".join(f"* {title}: {one_line(text)}" for title, text in lines.items())
    return f"### {check['check_id']}\n\n{one_line(check['question'])}\n\n{listed}"


def page(checks: Sequence[dict[str, str]]) -> str:
    """Return the page: what holds for all checks, then each, by family and in the order of the seed."""
    blocks = [GENERATED, HEAD.format(n_checks=len(checks), seed=SEED.as_posix())]
    ordered = sorted(checks, key=lambda check: (place(check), check["family"]))
    for family, members in groupby(ordered, key=lambda check: check["family"]):
        listed = list(members)
        rows = (
            (
                f"[{check['check_id']}](#{check['check_id']})",
                check["name"],
                bound(check),
                broken(check).partition(":")[0].partition(",")[0],
            )
            for check in listed
        )
        blocks += [f"## {family.capitalize()}", FAMILIES.get(family, "")]
        blocks.append(grid(("check", "holds", "threshold", "else"), *rows))
        blocks += map(rule, listed)
    return "\n\n".join(filter(None, blocks)) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or check it: exit code 1 where it is stale, 2 where the seed cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the page is stale")
    parser.add_argument("--project", type=Path, default=PROJECT, help="the dbt project's folder")
    options = parser.parse_args(arguments)
    try:
        text = page(read_checks(options.project / SEED))
    except (OSError, KeyError, ValueError) as error:
        sys.stderr.write(f"error: {SEED} cannot be used ({type(error).__name__}: {error}). Mend it.\n")
        return 2
    path = options.project / PAGE
    if not options.check:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    elif not path.is_file() or path.read_text("utf-8") != text:
        sys.stderr.write(f"error: {PAGE} is not what {SEED} says. Renew it: make dictionary\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a run measured, as one JSON document."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from dev.bench.checks import Check
from dev.bench.errors import BenchError
from dev.bench.lab import Lab
from dev.bench.measure import Figure
from dev.bench.peers import Peer
from dev.bench.report_lines import Line

Results: TypeAlias = dict[str, Any]
FORMAT = 1


def collect(
    lab: Lab,
    machine: dict[str, object],
    lines: Sequence[Line],
    checks: Sequence[Check],
    peers: Sequence[Peer],
) -> Results:
    """Return what a whole run measured in JSON types."""
    stores = [lab.store("json"), lab.store("sqlite"), lab.store("sqlite", "five")]
    return {
        "format": FORMAT,
        "size": lab.plan.name,
        "machine": machine,
        "stores": [{"layout": store.layout, **asdict(store.totals)} for store in stores],
        "lines": [_line(line) for line in lines],
        "checks": [asdict(check) | {"met": check.met} for check in checks],
        "phases": {"load": lab.load_phases, "build": lab.builds("one").seconds_by_layer},
        "peers": [asdict(peer) for peer in peers],
    }


def _line(line: Line) -> dict[str, object]:
    return asdict(line) | {
        "measured": _figure(line.measured),
        "floor": None if line.floor is None else _figure(line.floor),
        "shown": round(line.shown, 4),
        "value": round(line.value, 4),
        "target": round(line.target, 4),
        "of_target": round(line.of_target, 4),
        "met": line.met,
    }


def _figure(figure: Figure) -> dict[str, object]:
    return {"unit": figure.unit, "values": list(figure.values), "median": round(figure.median, 4)}


def write(path: Path, results: Results) -> None:
    """Write results, in an order that a diff can show."""
    path.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def read(path: Path) -> Results:
    """Return results that were written. Raises BenchError where there are none of this format."""
    try:
        results: Results = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise BenchError(f"There are no results at {path} yet: run `make bench`.") from None
    except orjson.JSONDecodeError as error:
        raise BenchError(f"{path} is not JSON ({error}): run `make bench` anew.") from None
    if results.get("format") != FORMAT:
        raise BenchError(f"{path} is of another release of the bench: run `make bench` anew.")
    return results

"""The generated part of docs/performance.md: tables and plots of one run."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dev.bench.errors import BenchError
from dev.bench.peers import TOKENS
from dev.bench.results import Results
from ingest import human

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_LAYOUTS = {"json": "JSON tree", "sqlite": "SQLite"}
PLOTS = (
    ("targets", "How much of each target is used"),
    ("growth", "Five times the history"),
    ("phases", "Where the time goes"),
)


def write_page(page: Path, generated: str) -> None:
    """Put text between the markers of a page. Raises BenchError where they are not there."""
    text = page.read_text("utf-8") if page.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"{page} lacks the markers {BEGIN} and {END}: put them where the tables belong.")
    page.write_text(f"{before}{BEGIN}\n{generated}\n{END}{after}", "utf-8")


def markdown(results: Results, plots: str) -> str:
    """Return tables and links to the plots, which lie in the folder `plots` beside the page."""
    return "\n\n".join(
        [
            _machine(results),
            f"![{PLOTS[0][1]}]({plots}/{PLOTS[0][0]}.svg)",
            _lines(results["lines"]),
            *(f"![{title}]({plots}/{name}.svg)" for name, title in PLOTS[1:]),
            *([_peers(results["peers"])] if results["peers"] else []),
        ]
    )


def _machine(results: Results) -> str:
    machine = results["machine"]
    packages = machine["packages"]
    stores = results["stores"]
    held = ", ".join(
        f"{_LAYOUTS[one['layout']]} of {sum(one['documents'].values()):,} documents "
        f"({human.size(one['n_bytes'])})"
        for one in stores
    )
    return (
        f"Measured on {machine['date']} at `{machine['revision']}`: {machine['cores']} cores of "
        f"{machine['cpu']}, {machine['memory_gb']} GB, {machine['system']}, {machine['file_system']}; "
        f"Python {machine['python']}, DuckDB {packages['duckdb']}, dbt {packages['dbt-core']}, Elementary "
        f"{machine['elementary']}. Stores: {held}."
    )


def _lines(lines: Sequence[Mapping[str, Any]]) -> str:
    n_met = sum(line["met"] for line in lines)
    rows = [
        "| what | measured | runs | floor | to the floor | target | met | command |",
        "|---|---:|---:|---|---:|---|---|---|",
    ]
    rows.extend(line_row(line) for line in lines)
    return f"{n_met} of {len(lines)} targets are met.\n\n" + "\n".join(rows)


def line_row(line: Mapping[str, Any]) -> str:
    """Return the row of a line, in Markdown."""
    measured, floor = line["measured"], line["floor"]
    below = "" if floor is None else f"{amount(floor['median'], floor['unit'])} ({line['floor_is']})"
    target = line["target_is"] or amount(line["target"], line["unit"])
    return " | ".join(
        [
            f"| {line['what']}",
            amount(line["shown"], measured["unit"]),
            str(len(measured["values"])),
            below,
            _to_floor(line),
            f"≤ {target}",
            "yes" if line["met"] else "**no**",
            f"`make bench ONLY={line['group']}` |",
        ]
    )


def _to_floor(line: Mapping[str, Any]) -> str:
    """Return how what was measured compares with the floor beside it: the quotient, or what is more."""
    value, floor = line["value"], line["floor"]
    if floor is None:
        return ""
    if line["unit"] == "x":
        return amount(value, "x")
    if value == line["shown"]:  # the floor is a part of the target
        return amount(value / floor["median"], "x")
    return f"{'+' if value >= 0 else '−'}{amount(abs(value), line['unit'])}"


def amount(value: float, unit: str) -> str:
    """Return a number with its unit, with three digits where it is small."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def _peers(peers: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        f"| program | what it does | time | {' | '.join(name.replace('_', ' ') for name in TOKENS)} | USD |",
        f"|---|---|{'---:|' * (len(TOKENS) + 2)}",
    ]
    for peer in peers:
        said = [peer["note"], *([""] * (len(TOKENS) + 1))]
        if peer["wall"] is not None:
            took = statistics.median(peer["wall"]["values"])
            counts = (f"{peer['tokens'][name]:,}" for name in TOKENS)
            said = [amount(took, "s"), *counts, f"{peer['cost_usd']:,.6f}"]
        rows.append(f"| {peer['name']} | {peer['does']} | {' | '.join(said)} |")
    return "Others on the same tree, `make bench ONLY=peers`:\n\n" + "\n".join(rows)

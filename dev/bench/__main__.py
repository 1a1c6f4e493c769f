"""The command line: `python -m dev.bench [--size small] [--only load,build] [--repeat N]`, and `--report`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console
from rich.table import Table

from dev.bench import cases, machine, report, results
from dev.bench.checks import Check, checks
from dev.bench.errors import BenchError
from dev.bench.lab import PROJECT, Lab
from dev.bench.peers import Peer, peers
from dev.bench.plans import PLANS, Plan
from dev.bench.report_lines import Line
from ingest import human

EXIT_OK, EXIT_MISSED, EXIT_USER_ERROR = 0, 1, 2
PAGE = PROJECT / "docs" / "performance.md"
_SMALL = "Targets are those of the full size. At this one, starting is most of every load and build.\n"
RESULTS = PROJECT / "dev" / "bench" / "results.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; return 0, 1 (something is above its target or bound) or 2 (nothing could be measured)."""
    arguments = _parser().parse_args(argv)
    os.umask(0o077)
    console = Console(stderr=True)
    try:
        if arguments.report:
            _write_page(PAGE, results.read(RESULTS))
            return EXIT_OK
        return _measure(arguments, _cache(), console)
    except BenchError as error:
        console.print(f"bench: {error}", markup=False, highlight=False, soft_wrap=True)
    except OSError as error:
        reason = human.printable(str(error))
        console.print(f"bench: it could not be finished: {reason}", markup=False, highlight=False)
    except KeyboardInterrupt:
        console.print("bench: interrupted; the stores that were complete are kept.", markup=False)
    return EXIT_USER_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench", description="Measure the warehouse on grown stores, against floors and targets."
    )
    parser.add_argument("--size", choices=list(PLANS), default="full", help="of the stores (default: full)")
    parser.add_argument(
        "--only",
        metavar="LIST",
        help=f"measure these lines alone, separated by commas: {', '.join([*cases.CASES, cases.PEERS])}",
    )
    parser.add_argument("--repeat", type=_count, metavar="N", help="measure everything so often")
    parser.add_argument(
        "--report", action="store_true", help="measure nothing: write the page anew from the last full run"
    )
    return parser


def _count(given: str) -> int:
    if not (given.isascii() and given.isdigit() and 1 <= int(given) <= 100):
        raise argparse.ArgumentTypeError(f"a number from 1 to 100 is expected, not {given}")
    return int(given)


def _cache() -> Path:
    """Return the bench's own folder."""
    named = os.environ.get("BENCH_CACHE")
    if named:
        return Path(named).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "opencode-warehouse-bench"


def _measure(arguments: argparse.Namespace, cache: Path, console: Console) -> int:
    chosen = cases.chosen(arguments.only)
    plan = PLANS[arguments.size]
    if arguments.repeat:
        plan = plan.repeated(arguments.repeat)
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with FileLock(cache / "lock", timeout=0):
            return _measure_alone(plan, chosen, is_whole=not arguments.only, cache=cache, console=console)
    except Timeout:
        raise BenchError(
            f"Another bench is running in {cache}. Wait for it, or name another folder with BENCH_CACHE."
        ) from None


def _measure_alone(
    plan: Plan, chosen: Sequence[str], *, is_whole: bool, cache: Path, console: Console
) -> int:
    lab = Lab(cache, plan, console)
    lab.clear()
    is_full = plan.name == "full"
    try:
        lines = [line for name, measure in cases.CASES.items() if name in chosen for line in measure(lab)]
        found = checks(lab) if is_whole else []
        others: list[Peer] = []
        if cases.PEERS in chosen and (is_full or not is_whole):
            others = [lab.totals_by_query, *peers(cache, lab.store("json").path, lab.say)]
        _show(lines, found, others)
        if not is_full:
            sys.stdout.write(_SMALL)
        if is_whole:
            measured = results.collect(lab, machine.describe(PROJECT, cache), lines, found, others)
            _keep(measured, RESULTS if is_full else cache / f"results-{plan.name}.json", is_full=is_full)
    finally:
        lab.clear()
    held = all(line.met for line in lines) if is_full else all(check.met for check in found)
    return EXIT_OK if held else EXIT_MISSED


def _keep(measured: results.Results, path: Path, *, is_full: bool) -> None:
    results.write(path, measured)
    sys.stdout.write(f"Results: {human.place(path)}\n")
    if is_full:
        _write_page(PAGE, measured)
        sys.stdout.write(f"Written anew: {human.place(PAGE)}\n")


def _write_page(page: Path, measured: results.Results) -> None:
    from dev.bench.plots import publish  # a drawing library, which a measurement has no use for

    publish(page, measured)


def _show(lines: Sequence[Line], found: Sequence[Check], others: Sequence[Peer]) -> None:
    console = Console()
    if lines:
        table = Table("what", "measured", "floor", "compared", "target", "met", box=None)
        for line in lines:
            floor = "" if line.floor is None else report.amount(line.floor.median, line.floor.unit)
            table.add_row(
                line.what.replace("`", ""),
                report.amount(line.shown, line.measured.unit),
                floor,
                report.amount(line.value, line.unit),
                report.amount(line.target, line.unit),
                "yes" if line.met else "NO",
            )
        console.print(table)
    if found:
        table = Table("must hold anywhere", "value", "bound", "holds", box=None)
        for check in found:
            table.add_row(check.what, f"{check.value:.3f}", f"{check.bound:g}", "yes" if check.met else "NO")
        console.print(table)
    for peer in others:
        took = peer.note if peer.wall is None else report.amount(peer.wall.median, "s")
        said = ", ".join(f"{name} {n:,}" for name, n in peer.tokens.items())
        console.print(f"{peer.name}: {took}; {said}; {peer.cost_usd} USD", markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())

"""The command line: `opencode-ingest init|load|status|health|backup|restore|releases|rollback|…`."""

import argparse
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import duckdb
import orjson
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ingest import (
    __version__,
    artifacts,
    backup,
    doctor,
    health,
    load,
    load_result,
    logs,
    pipeline,
    query_timings,
    releases,
    restore,
    retention,
    settings,
    status,
    words,
)
from ingest.errors import IngestError
from ingest.load import Options
from ingest.raw.batch import Counts
from ingest.raw.dbt_runs import land_run
from ingest.sources.source import Source
from ingest.warehouse import open_warehouse
from ingest.watch import watcher

log = logging.getLogger(__name__)

EXIT_OK, EXIT_PROBLEMS, EXIT_USER_ERROR = 0, 1, 2
_QUIET_S = 2.0

ALLOCATIONS_BETWEEN_COLLECTIONS = 50_000
"""The loader makes many small objects and no cycles: as often as Python does it by itself, looking for some
takes a tenth of a load in which nothing changed."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return 0, 1 (done, but something needs the user), or 2 (nothing could be done)."""
    arguments = _parser().parse_args(argv)
    log_format: logs.LogFormat | None = arguments.log or ("text" if arguments.run is _watch else None)
    logs.configure(log_format, logging.INFO if log_format else logging.WARNING)
    os.umask(0o077)  # stores are private, and so is what is made of them
    gc.set_threshold(ALLOCATIONS_BETWEEN_COLLECTIONS)
    try:
        configured = settings.from_environment(
            os.environ,
            stores=arguments.store,
            warehouse=arguments.warehouse,
            machine=arguments.machine,
            fallback=getattr(arguments, "fallback", None),
            no_mask=getattr(arguments, "no_mask", False),
        )
        code: int = arguments.run(arguments, configured)
    except IngestError as error:
        print(f"opencode-ingest: {words.printable(error)}", file=sys.stderr)
        return EXIT_USER_ERROR
    except (duckdb.OperationalError, duckdb.FatalException, OSError) as error:  # a full or failing disk
        reason = words.printable(str(error).splitlines()[0])
        print(
            f"opencode-ingest: the work could not be finished ({reason}). When that is mended, the next load "
            "completes what is missing.",
            file=sys.stderr,
        )
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print("opencode-ingest: interrupted; the next load completes what is missing.", file=sys.stderr)
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--store",
        action="append",
        default=[],
        metavar="PATH",
        help="an OpenCode data root, database or export file; may be repeated (default: $OPENCODE_STORE, "
        "else OpenCode's own data root)",
    )
    common.add_argument(
        "--warehouse",
        "--database",
        metavar="FILE",
        help="the DuckDB file (default: $OPENCODE_WAREHOUSE, else warehouse/opencode.duckdb)",
    )
    common.add_argument(
        "--machine", metavar="NAME", help="name of this machine (default: $OPENCODE_MACHINE, else host)"
    )
    common.add_argument("--json", action="store_true", help="print the result as JSON")
    common.add_argument(
        "--log", choices=get_args(logs.LogFormat), help="say on stderr what is done, as lines of text or JSON"
    )

    parser = argparse.ArgumentParser(
        prog="opencode-ingest", description="Land OpenCode's session history in a DuckDB warehouse."
    )
    parser.add_argument("--version", action="version", version=f"opencode-warehouse {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    init = commands.add_parser("init", parents=[common], help="make an empty warehouse where there is none")
    init.set_defaults(run=_init)

    loading = argparse.ArgumentParser(add_help=False)
    loading.add_argument(
        "--fallback", metavar="PATH", help="a sample store, used where no store is named and none found"
    )
    loading.add_argument(
        "--rehash", action="store_true", help="read every document again, whatever its time says"
    )
    loading.add_argument(
        "--accept-deletions",
        action="store_true",
        help="mark documents as deleted even where a store is suddenly empty or gone",
    )
    masked = argparse.ArgumentParser(add_help=False)
    masked.add_argument(
        "--no-mask",
        action="store_true",
        help="land API keys, tokens, private keys and passwords as they are (as OPENCODE_MASK=off does); "
        "what is landed masked stays masked until it changes",
    )
    load_ = commands.add_parser(
        "load",
        parents=[common, loading, masked],
        help="land what is new, changed or gone since the last load",
    )
    load_.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")
    load_.set_defaults(run=_load)

    run = commands.add_parser(
        "run",
        parents=[common, loading, masked],
        help="load, build, test, make the health checks, release what is clean, write the report",
    )
    run.set_defaults(run=_run)

    watch = commands.add_parser(
        "watch", parents=[common, masked], help="load, and go on landing what changes until it is ended"
    )
    watch.add_argument(
        "--compare-every",
        type=_seconds,
        default=watcher.COMPARE_EVERY_S,
        metavar="SECONDS",
        help="compare all of a store with what is landed, for what the system told nothing of (default: 300)",
    )
    watch.add_argument(
        "--build-every",
        type=_seconds,
        metavar="SECONDS",
        help="build, test, release and report so often, where something changed (default: never)",
    )
    watch.set_defaults(run=_watch)

    status_ = commands.add_parser(
        "status", parents=[common], help="what the warehouse holds, and its last load"
    )
    status_.set_defaults(run=_status)

    time_queries = commands.add_parser(
        "time-queries", parents=[common], help="time the reference queries on the built tables"
    )
    time_queries.set_defaults(run=_time_queries)

    health_ = commands.add_parser(
        "health", parents=[common], help="what the health checks of the last build found"
    )
    health_.set_defaults(run=_health)

    backup_ = commands.add_parser(
        "backup", parents=[common], help="make a verified copy of the warehouse while nobody writes to it"
    )
    backup_.add_argument(
        "--to",
        metavar="FOLDER",
        help="where to (default: the folder backups/<UTC time> beside the warehouse)",
    )
    backup_.set_defaults(run=_backup)

    restore_ = commands.add_parser(
        "restore", parents=[common], help="put a backup in the warehouse's place, and keep what was there"
    )
    restore_.add_argument(
        "source",
        nargs="?",
        metavar="FROM",
        help="the folder or file of the backup (default: the newest in backups/ beside the warehouse)",
    )
    restore_.add_argument(
        "--unverified", action="store_true", help="take a backup of which no hash is known, if it opens"
    )
    restore_.add_argument(
        "--drop-foreign",
        action="store_true",
        help="leave out views and functions that the project does not make, instead of refusing the backup",
    )
    restore_.set_defaults(run=_restore)

    releases_ = commands.add_parser(
        "releases", parents=[common], help="which releases there are, and which one readers are given"
    )
    releases_.set_defaults(run=_releases)

    rollback = commands.add_parser(
        "rollback", parents=[common], help="give readers the release before the present one"
    )
    rollback.add_argument("--to", metavar="NAME", help="a release that `releases` names")
    rollback.set_defaults(run=_rollback)

    prune = commands.add_parser(
        "prune", parents=[common], help="remove old texts from the warehouse, and keep every figure"
    )
    prune.add_argument(
        "--older-than", type=_days, required=True, metavar="DAYS", help="how many days texts are kept"
    )
    prune.add_argument("--dry-run", action="store_true", help="say what would be removed, remove nothing")
    prune.set_defaults(run=_prune)

    doctor_ = commands.add_parser(
        "doctor", parents=[common], help="what of OpenCode is found where, and what is missing"
    )
    doctor_.set_defaults(run=_doctor)

    land = commands.add_parser(
        "land-artifacts", parents=[common], help="keep the results of the last dbt run in the warehouse"
    )
    land.add_argument(
        "--target",
        type=Path,
        default=Path(os.environ.get("DBT_TARGET_PATH") or "target"),
        metavar="FOLDER",
        help="where dbt wrote them (default: $DBT_TARGET_PATH, else target)",
    )
    land.set_defaults(run=_land_artifacts)
    return parser


def _days(given: str) -> int:
    if not (given.isascii() and given.isdigit() and int(given) <= 36_500):
        raise argparse.ArgumentTypeError(f"a whole number of days is expected, not {given}")
    return int(given)


def _init(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    with open_warehouse(configured.warehouse):
        pass
    _print(
        arguments,
        {"warehouse": str(configured.warehouse)},
        words.printable(f"The warehouse is {configured.warehouse}."),
    )
    return EXIT_OK


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        dry_run=getattr(arguments, "dry_run", False),
        rehash=arguments.rehash,
        accept_deletions=arguments.accept_deletions,
    )


def _load(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    with _progress() as progress:
        result = load.load(configured, _options(arguments), progress)
    _print(arguments, result.as_json(), load_result.describe(result))
    return EXIT_PROBLEMS if result.needs_user else EXIT_OK


def _run(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    with _progress() as progress:
        outcome = pipeline.run(configured, _options(arguments), progress)
    return EXIT_PROBLEMS if outcome.needs_user else EXIT_OK


def _watch(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    stop = threading.Event()
    _set_when_asked_to_end(stop)

    def build() -> bool:
        outcome = pipeline.build(configured, log.info, stop)
        return not outcome.failed

    options = watcher.WatchOptions(compare_every=arguments.compare_every, build_every=arguments.build_every)
    watcher.Watcher(configured, options, stop, build=build).run()
    return EXIT_OK


def _set_when_asked_to_end(stop: threading.Event) -> None:
    """Let SIGTERM and SIGINT set an event.

    A thread does that: a handler interrupts the main thread, which may have the lock of the event just then,
    and would wait for it for ever.
    """
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def wait() -> None:
        os.read(reads, 1)
        stop.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()


def _seconds(given: str) -> float:
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{given} is not a number of seconds up to a day")
    return seconds


def _status(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    found = status.status(configured.warehouse)
    _print(arguments, found, status.describe(found))
    return EXIT_OK


def _time_queries(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    with Console(stderr=True).status("timing the reference queries") as status_line:
        timings = query_timings.time_queries(
            configured.warehouse, lambda name: status_line.update(f"timing {name}")
        )
    _print(arguments, [asdict(timing) for timing in timings], query_timings.describe(timings))
    return EXIT_OK


def _health(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    found = health.read_health(configured.warehouse)
    if arguments.json:
        _print(arguments, [asdict(check) for check in found.checks], "")
    else:
        console = _Console()
        console.print(health.table(found.checks))
        console.print(health.findings(found.checks))
        console.print(words.printable(found.verdict.sentence), highlight=False)
    return EXIT_PROBLEMS if found.verdict.status == "FAIL" else EXIT_OK


def _backup(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    folder = settings.resolved(arguments.to) if arguments.to else None
    with _status_line() as progress:
        made = backup.back_up(configured.warehouse, folder, stores=configured.stores, progress=progress)
    _print(arguments, asdict(made), backup.describe(made))
    return EXIT_OK


def _restore(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    source = settings.resolved(arguments.source) if arguments.source else None
    with _status_line() as progress:
        restored = restore.restore(
            configured.warehouse,
            source,
            unverified=arguments.unverified,
            drop_foreign=arguments.drop_foreign,
            progress=progress,
        )
    _print(arguments, restored.as_json(), restore.describe(restored))
    return EXIT_OK


def _releases(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    found = releases.releases(configured.warehouse)
    _print(arguments, [one.as_json() for one in found], releases.describe(found))
    return EXIT_OK


def _rollback(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    release = releases.roll_back(configured.warehouse, arguments.to)
    text = (
        f"Readers are given the release {release.name} from now on. The warehouse is as it was; the next "
        "`make run` whose tests pass releases it."
    )
    _print(arguments, release.as_json(), words.printable(text))
    return EXIT_OK


def _prune(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    with _status_line() as progress:
        pruned = retention.prune(
            configured.warehouse, arguments.older_than, dry_run=arguments.dry_run, progress=progress
        )
    _print(arguments, pruned.as_json(), retention.describe(pruned))
    return EXIT_OK


def _doctor(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    findings = doctor.examine(configured, os.environ)
    _print(arguments, doctor.as_json(findings), doctor.describe(findings))
    return EXIT_PROBLEMS if any(finding.level == "problem" for finding in findings) else EXIT_OK


def _land_artifacts(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    runs = artifacts.read_runs(arguments.target)
    with open_warehouse(configured.warehouse) as connection:
        landed = [run for run in runs if land_run(connection, run, datetime.now(UTC))]
    sentences = [
        f"Landed dbt {run.command} of {words.when(run.started_at)}: {len(run.results):,} results."
        for run in landed
    ]
    _print(
        arguments,
        {"landed": [{"invocation_id": run.invocation_id, "results": len(run.results)} for run in landed]},
        words.printable(" ".join(sentences) or "Nothing new to land."),
    )
    return EXIT_OK


def _print(arguments: argparse.Namespace, value: object, text: str) -> None:
    if arguments.json:
        text = words.printable_json(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
    words.say(text)


class _Console(Console):
    """A console to print on, for which it is no failure that nobody reads any more."""

    def on_broken_pipe(self) -> None:
        """Called where nobody reads what was printed."""
        words.say_no_more()


@contextmanager
def _status_line() -> Iterator[Callable[[str], None]]:
    """Yield what says on a terminal where the work is, once it takes longer than two seconds."""
    began = time.monotonic()
    with ExitStack() as stack:
        line = Console(stderr=True).status("")
        stack.callback(line.stop)

        def show(step: str) -> None:
            if time.monotonic() - began > _QUIET_S:
                line.start()
                line.update(step)

        yield show


@contextmanager
def _progress() -> Iterator[load.Progress | None]:
    """Yield what shows progress on a terminal; None where stderr is none."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("looking for documents")

        def show(source: Source, entity: str, counts: Counts) -> None:
            words = entity.replace("_", " ")
            bar.update(task, description=f"{source.kind} store: {words}, {counts.scanned:,} documents so far")

        yield show

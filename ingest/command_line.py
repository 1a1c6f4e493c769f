"""What the commands of the loader and of the warehouse share: arguments, errors, printing, progress."""

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
from typing import get_args

import duckdb
import orjson
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ingest import __version__, human, load, logs, settings
from ingest.errors import IngestError
from ingest.raw.batch import Counts
from ingest.sources.source import Source
from ingest.watch import watcher

EXIT_OK, EXIT_PROBLEMS, EXIT_USER_ERROR = 0, 1, 2
_QUIET_S = 2.0

ALLOCATIONS_BETWEEN_COLLECTIONS = 50_000
"""The loader makes many small objects and no cycles: as often as Python does it by itself, looking for some
takes a tenth of a load in which nothing changed."""


def run(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Run a command; return 0, 1 (done, but something needs the user), or 2 (nothing could be done)."""
    name = parser.prog
    arguments = parser.parse_args(argv)
    log_format: logs.LogFormat | None = arguments.log or getattr(arguments, "log_by_default", None)
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
        print(f"{name}: {human.printable(error)}", file=sys.stderr)
        return EXIT_USER_ERROR
    except (duckdb.OperationalError, duckdb.FatalException, OSError) as error:  # a full or failing disk
        reason = human.printable(str(error).splitlines()[0])
        print(
            f"{name}: the work could not be finished ({reason}). When that is mended, the next load "
            "completes what is missing.",
            file=sys.stderr,
        )
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print(f"{name}: interrupted; the next load completes what is missing.", file=sys.stderr)
        return 130
    return code


def parser_of(program: str, description: str) -> argparse.ArgumentParser:
    """Return a parser with nothing but the version in it."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--version", action="version", version=f"opencode-warehouse {__version__}")
    return parser


def common_arguments() -> argparse.ArgumentParser:
    """Return what every command takes."""
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
    return common


def loading_arguments() -> argparse.ArgumentParser:
    """Return what commands that load take, beside `masking_arguments`."""
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
    return loading


def masking_arguments() -> argparse.ArgumentParser:
    """Return what commands that land documents take."""
    masked = argparse.ArgumentParser(add_help=False)
    masked.add_argument(
        "--no-mask",
        action="store_true",
        help="land API keys, tokens, private keys and passwords as they are (as OPENCODE_MASK=off does); "
        "what is landed masked stays masked until it changes",
    )
    return masked


def add_watch_arguments(watch: argparse.ArgumentParser) -> None:
    """Add what a watch takes. It logs what it does, as text where nothing else is asked for."""
    watch.add_argument(
        "--compare-every",
        type=seconds,
        default=watcher.COMPARE_EVERY_S,
        metavar="SECONDS",
        help="compare all of a store with what is landed, for what the system told nothing of (default: 300)",
    )
    watch.set_defaults(log_by_default="text")


def load_options(arguments: argparse.Namespace) -> load.Options:
    """Return how to load."""
    return load.Options(
        dry_run=getattr(arguments, "dry_run", False),
        rehash=arguments.rehash,
        accept_deletions=arguments.accept_deletions,
    )


def watch(
    arguments: argparse.Namespace,
    configured: settings.Settings,
    build: Callable[[threading.Event], bool] | None = None,
) -> int:
    """Watch until the end is asked for; `build` is given what says so, and returns if it went well."""
    stop = threading.Event()
    set_when_asked_to_end(stop)
    options = watcher.WatchOptions(
        compare_every=arguments.compare_every, build_every=getattr(arguments, "build_every", None)
    )
    watcher.Watcher(configured, options, stop, build=lambda: build is None or build(stop)).run()
    return EXIT_OK


def set_when_asked_to_end(stop: threading.Event) -> None:
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


def seconds(given: str) -> float:
    """Return an argument that is a number of seconds."""
    try:
        found = float(given)
    except ValueError:
        found = -1.0
    if not 0 < found <= 86_400:
        raise argparse.ArgumentTypeError(f"{given} is not a number of seconds up to a day")
    return found


def print_result(arguments: argparse.Namespace, value: object, text: str) -> None:
    """Print a result: its value where JSON is asked for, else its text."""
    if arguments.json:
        text = human.printable_json(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
    human.say(text)


class PipedConsole(Console):
    """A console to print on, for which it is no failure that nobody reads any more."""

    def on_broken_pipe(self) -> None:
        """Called where nobody reads what was printed."""
        human.say_no_more()


@contextmanager
def status_line() -> Iterator[Callable[[str], None]]:
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
def load_progress() -> Iterator[load.Progress | None]:
    """Yield what shows progress on a terminal; None where stderr is none."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("looking for documents")

        def show(source: Source, entity: str, counts: Counts) -> None:
            documents = entity.replace("_", " ")
            bar.update(
                task, description=f"{source.kind} store: {documents}, {counts.scanned:,} documents so far"
            )

        yield show

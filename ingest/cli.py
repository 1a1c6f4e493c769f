"""The command line of the loader: `opencode-ingest init|load|watch|status|doctor`.

Whatever else it did is a command of `opencode-warehouse` now, and still done here for a release.
"""

import argparse
import sys
from collections.abc import Sequence

from ingest import human, load, load_result, settings
from ingest.command_line import (
    EXIT_OK,
    EXIT_PROBLEMS,
    add_watch_arguments,
    common_arguments,
    load_options,
    load_progress,
    loading_arguments,
    masking_arguments,
    parser_of,
    print_result,
    run,
    watch,
)
from ingest.warehouse import open_warehouse

OF_THE_WAREHOUSE = ("status", "doctor")
"""Commands of both: what they say, opencode-warehouse knows."""

MOVED = frozenset(
    {
        "run", "health", "time-queries", "backup", "restore", "releases", "rollback", "prune",
        "land-artifacts",
    }
)  # fmt: skip
"""Commands that are those of opencode-warehouse alone."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return 0, 1 (done, but something needs the user), or 2 (nothing could be done)."""
    given = list(sys.argv[1:] if argv is None else argv)
    command = given[0] if given else ""
    has_moved = command in MOVED or (command == "watch" and any(_asks_to_build(one) for one in given))
    if has_moved or command in OF_THE_WAREHOUSE:
        from opencode_warehouse.cli import main as warehouse_main  # the loader needs nothing of it itself

        if has_moved:
            print(f"opencode-ingest: this command is `opencode-warehouse {command}` now.", file=sys.stderr)
        return warehouse_main(given)
    return run(_parser(), given)


def _asks_to_build(argument: str) -> bool:
    return argument.partition("=")[0] == "--build-every"


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("opencode-ingest", "Land OpenCode's session history in a DuckDB warehouse.")
    common, masked = common_arguments(), masking_arguments()
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    init = commands.add_parser("init", parents=[common], help="make an empty warehouse where there is none")
    init.set_defaults(run=_init)

    load_ = commands.add_parser(
        "load",
        parents=[common, loading_arguments(), masked],
        help="land what is new, changed or gone since the last load",
    )
    load_.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")
    load_.set_defaults(run=_load)

    watching = commands.add_parser(
        "watch", parents=[common, masked], help="load, and go on landing what changes until it is ended"
    )
    add_watch_arguments(watching)
    watching.set_defaults(run=watch)

    # For the list of commands alone: see main.
    commands.add_parser("status", help="what the warehouse holds, and its last load")
    commands.add_parser("doctor", help="what of OpenCode is found where, and what is missing")
    return parser


def _init(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    with open_warehouse(configured.warehouse):
        pass
    print_result(
        arguments,
        {"warehouse": str(configured.warehouse)},
        human.printable(f"The warehouse is {configured.warehouse}."),
    )
    return EXIT_OK


def _load(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    with load_progress() as progress:
        result = load.load(configured, load_options(arguments), progress)
    print_result(arguments, result.as_json(), load_result.describe(result))
    return EXIT_PROBLEMS if result.needs_user else EXIT_OK

"""The commands that keep a warehouse: backup, restore, releases, rollback, prune."""

import argparse
from dataclasses import asdict

from ingest import human, settings
from ingest.command_line import EXIT_OK, print_result, status_line
from opencode_warehouse.keep import backup, releases, restore, retention


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """Add these commands to a parser."""
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


def _days(given: str) -> int:
    if not (given.isascii() and given.isdigit() and int(given) <= 36_500):
        raise argparse.ArgumentTypeError(f"a whole number of days is expected, not {given}")
    return int(given)


def _backup(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    folder = settings.resolved(arguments.to) if arguments.to else None
    with status_line() as progress:
        made = backup.back_up(configured.warehouse, folder, stores=configured.stores, progress=progress)
    print_result(arguments, asdict(made), backup.describe(made))
    return EXIT_OK


def _restore(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    source = settings.resolved(arguments.source) if arguments.source else None
    with status_line() as progress:
        restored = restore.restore(
            configured.warehouse,
            source,
            unverified=arguments.unverified,
            drop_foreign=arguments.drop_foreign,
            progress=progress,
        )
    print_result(arguments, restored.as_json(), restore.describe(restored))
    return EXIT_OK


def _releases(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    found = releases.releases(configured.warehouse)
    print_result(arguments, [one.as_json() for one in found], releases.describe(found))
    return EXIT_OK


def _rollback(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    release = releases.roll_back(configured.warehouse, arguments.to)
    text = (
        f"Readers are given the release {release.name} from now on. The warehouse is as it was; the next "
        "`make run` whose tests pass releases it."
    )
    print_result(arguments, release.as_json(), human.printable(text))
    return EXIT_OK


def _prune(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    with status_line() as progress:
        pruned = retention.prune(
            configured.warehouse, arguments.older_than, dry_run=arguments.dry_run, progress=progress
        )
    print_result(arguments, pruned.as_json(), retention.describe(pruned))
    return EXIT_OK

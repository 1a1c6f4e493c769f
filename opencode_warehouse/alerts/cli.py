"""The command line: `opencode-warehouse alert [--warehouse FILE] [--dry-run | --test]`."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import duckdb

from ingest import human, settings
from ingest.errors import IngestError
from ingest.raw.records import SentAlert, record_alerts
from ingest.warehouse import open_warehouse
from opencode_warehouse.alerts.channels import Channel, as_text, configured, send_in_turn
from opencode_warehouse.alerts.problems import BEGAN, Problem, changes
from opencode_warehouse.tell import health

EXIT_OK, EXIT_NOT_DELIVERED, EXIT_USER_ERROR = 0, 1, 2


def main(
    argv: Sequence[str] | None = None,
    environ: Mapping[str, str] = os.environ,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Tell every channel what is new; return 0, 1 (one did not take it) or 2 (nothing could be done)."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="alerts: %(message)s", stream=sys.stderr)
    # These libraries log addresses, and the address of a webhook is its password.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    try:
        configured_settings = settings.from_environment(environ, warehouse=arguments.warehouse)
        channels = configured(environ)
        now = clock().replace(tzinfo=None)
        if arguments.test:
            return _test(channels, now, sleep)
        with open_warehouse(configured_settings.warehouse, read_only=True) as connection:
            checks = health.checks_of(connection)
            due = {
                channel.name: changes(checks, _told(connection, channel.name), channel.level, now)
                for channel in channels
            }
        if arguments.dry_run:
            for channel in channels:
                human.say(f"{channel.name}: {human.count(len(due[channel.name]), 'problem')} to tell")
                human.say(as_text(due[channel.name]).rstrip("\n"))
            return EXIT_OK
        return _tell(channels, due, configured_settings, now, sleep)
    except IngestError as error:
        print(f"alerts: {human.printable(error)}", file=sys.stderr)
        return EXIT_USER_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="opencode-warehouse alert",
        description="Tell when a health check begins to fail and when that is over, once each.",
    )
    parser.add_argument("--warehouse", metavar="FILE", help="the DuckDB file (default: $OPENCODE_WAREHOUSE)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="say what would be sent, send nothing")
    how.add_argument("--test", action="store_true", help="send a test message to every channel")
    return parser


def _told(connection: duckdb.DuckDBPyConnection, channel: str) -> dict[str, str]:
    """Return the last event of each check that a channel was told."""
    rows = connection.execute(
        "select check_id, arg_max(event, sent_at) from raw.alerts where channel = ? group by check_id",
        [channel],
    ).fetchall()
    return dict(rows)


def _tell(
    channels: Sequence[Channel],
    due: Mapping[str, Sequence[Problem]],
    configured_settings: settings.Settings,
    now: datetime,
    sleep: Callable[[float], None],
) -> int:
    code = EXIT_OK
    for channel in channels:
        problems = due[channel.name]
        if not problems:
            human.say(f"{channel.name}: nothing new to tell")
            continue
        if (error := send_in_turn(channel, problems, sleep)) is not None:
            said = (
                f"{channel.name}: not delivered, {human.printable(error)}. It is tried again at the next run."
            )
            print(said, file=sys.stderr)
            code = EXIT_NOT_DELIVERED
            continue
        # Only what has arrived is noted: should that fail, it is told twice rather than never.
        with open_warehouse(configured_settings.warehouse) as connection:
            record_alerts(
                connection,
                [
                    SentAlert(
                        check_id=problem.check_id,
                        channel=channel.name,
                        event=problem.event,
                        status=problem.status,
                        since=problem.since,
                        sent_at=now,
                    )
                    for problem in problems
                ],
            )
        n_began = sum(problem.event == BEGAN for problem in problems)
        human.say(f"{channel.name}: told of {n_began} that began and {len(problems) - n_began} that ended")
    return code


def _test(channels: Sequence[Channel], now: datetime, sleep: Callable[[float], None]) -> int:
    code = EXIT_OK
    message = Problem("test", "Test", "WARN", BEGAN, now, "This is a test: alerts arrive here.", "Nothing.")
    for channel in channels:
        error = send_in_turn(channel, [message], sleep)
        said = "delivered" if error is None else f"not delivered, {human.printable(error)}"
        human.say(f"{channel.name}: {said}")
        if error is not None:
            code = EXIT_NOT_DELIVERED
    return code

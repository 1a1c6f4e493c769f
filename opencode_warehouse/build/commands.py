"""The commands that build a warehouse: run, watch, time-queries, land-artifacts."""

import argparse
import logging
import os
import threading
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from ingest import human, settings
from ingest.command_line import (
    EXIT_OK,
    EXIT_PROBLEMS,
    add_watch_arguments,
    load_options,
    load_progress,
    loading_arguments,
    masking_arguments,
    print_result,
    seconds,
    watch,
)
from opencode_warehouse.build import artifacts, pipeline, query_timings

log = logging.getLogger(__name__)


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """Add these commands to a parser."""
    masked = masking_arguments()
    run = commands.add_parser(
        "run",
        parents=[common, loading_arguments(), masked],
        help="load, build, test, make the health checks, release what is clean, write the report",
    )
    run.set_defaults(run=_run)

    watching = commands.add_parser(
        "watch", parents=[common, masked], help="load, and go on landing what changes until it is ended"
    )
    add_watch_arguments(watching)
    watching.add_argument(
        "--build-every",
        type=seconds,
        metavar="SECONDS",
        help="build, test, release and report so often, where something changed (default: never)",
    )
    watching.set_defaults(run=_watch)

    time_queries = commands.add_parser(
        "time-queries", parents=[common], help="time the reference queries on the built tables"
    )
    time_queries.set_defaults(run=_time_queries)

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


def _run(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    with load_progress() as progress:
        outcome = pipeline.run(configured, load_options(arguments), progress)
    return EXIT_PROBLEMS if outcome.needs_user else EXIT_OK


def _watch(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    def build(stop: threading.Event) -> bool:
        return not pipeline.build(configured, log.info, stop).failed

    return watch(arguments, configured, build)


def _time_queries(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    with Console(stderr=True).status("timing the reference queries") as line:
        timings = query_timings.time_queries(configured.warehouse, lambda name: line.update(f"timing {name}"))
    print_result(arguments, [asdict(timing) for timing in timings], query_timings.describe(timings))
    return EXIT_OK


def _land_artifacts(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    landed = artifacts.land(configured.warehouse, arguments.target)
    sentences = [
        f"Landed dbt {run.command} of {human.when(run.started_at)}: {len(run.results):,} results."
        for run in landed
    ]
    print_result(
        arguments,
        {"landed": [{"invocation_id": run.invocation_id, "results": len(run.results)} for run in landed]},
        human.printable(" ".join(sentences) or "Nothing new to land."),
    )
    return EXIT_OK

"""The commands that tell of a warehouse: status, health, doctor."""

import argparse
import os
from dataclasses import asdict

from ingest import human, settings
from ingest.command_line import EXIT_OK, EXIT_PROBLEMS, PipedConsole, print_result
from opencode_warehouse.tell import doctor, health, status


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """Add these commands to a parser."""
    status_ = commands.add_parser(
        "status", parents=[common], help="what the warehouse holds, and its last load"
    )
    status_.set_defaults(run=_status)

    health_ = commands.add_parser(
        "health", parents=[common], help="what the health checks of the last build found"
    )
    health_.set_defaults(run=_health)

    doctor_ = commands.add_parser(
        "doctor", parents=[common], help="what of OpenCode is found where, and what is missing"
    )
    doctor_.set_defaults(run=_doctor)


def _status(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    found = status.status(configured.warehouse)
    print_result(arguments, found, status.describe(found))
    return EXIT_OK


def _health(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    found = health.read_health(configured.warehouse)
    if arguments.json:
        print_result(arguments, [asdict(check) for check in found.checks], "")
    else:
        console = PipedConsole()
        console.print(health.table(found.checks))
        console.print(health.findings(found.checks))
        console.print(human.printable(found.verdict.sentence), highlight=False)
    return EXIT_PROBLEMS if found.verdict.status == "FAIL" else EXIT_OK


def _doctor(arguments: argparse.Namespace, configured: settings.Settings) -> int:
    findings = doctor.examine(configured, os.environ)
    print_result(arguments, doctor.as_json(findings), doctor.describe(findings))
    return EXIT_PROBLEMS if any(finding.level == "problem" for finding in findings) else EXIT_OK

"""The command line: `opencode-warehouse run|watch|status|health|answer|report|…`."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from ingest.command_line import common_arguments, parser_of, run
from opencode_warehouse.build import commands as building
from opencode_warehouse.keep import commands as keeping
from opencode_warehouse.tell import commands as telling

PROGRAM = "opencode-warehouse"

OF_THEIR_OWN = {
    "answer": ("opencode_warehouse.tell.answers", "answer a question of docs/questions.md"),
    "report": ("opencode_warehouse.pages.cli", "write the report pages, as HTML and as Markdown"),
    "alert": (
        "opencode_warehouse.alerts.cli",
        "tell channels what began to fail and what is over",
    ),
    "elementary": (
        "opencode_warehouse.elementary_page.cli",
        "write Elementary's page of models and tests",
    ),
}
"""Commands with a parser of their own: module, imported when it is asked for, and purpose of each."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return 0, 1 (done, but something needs the user), or 2 (nothing could be done)."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given and given[0] in OF_THEIR_OWN:
        module, _ = OF_THEIR_OWN[given[0]]
        code: int = import_module(module).main(given[1:])
        return code
    return run(_parser(), given)


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(PROGRAM, "Build, keep and read a warehouse of OpenCode's session history.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = common_arguments()
    building.add_commands(commands, common)
    telling.add_commands(commands, common)
    for name, (_, purpose) in OF_THEIR_OWN.items():
        commands.add_parser(name, help=purpose)
    keeping.add_commands(commands, common)
    return parser

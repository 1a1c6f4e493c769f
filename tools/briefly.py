"""Of what dbt prints: on a terminal how far it is, and everything from the first trouble on."""

import re
import sys

from rich.console import Console

DONE = re.compile(r"(\d+) of (\d+) (?:OK|PASS|WARN|FAIL|ERROR|SKIP|NO-OP)")
TROUBLE = re.compile(r"Completed with|Encountered an error|(?:Compilation|Database|Parsing|Runtime) Error")


def main() -> None:
    """Filter standard input to standard output."""
    console = Console(stderr=True)
    is_trouble = False
    with console.status("dbt reads the project") as progress:
        for line in sys.stdin:
            is_trouble = is_trouble or TROUBLE.search(line) is not None
            if is_trouble or "[WARNING]" in line or "health check " in line:
                progress.stop()
                sys.stdout.write(line)
                sys.stdout.flush()
            elif console.is_terminal and (done := DONE.search(line)):
                progress.update(f"{done[1]} of {done[2]} done")


if __name__ == "__main__":
    main()

"""Of what dbt prints: on a terminal how far it is, and everything from the first trouble on."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator

from rich.console import Console

from ingest import human

_QUOTE = re.compile(r"""['"`]""")
_DONE = re.compile(r"(\d+) of (\d+) (?:OK|PASS|WARN|FAIL|ERROR|SKIP|NO-OP)")
_TROUBLE = re.compile(r"Completed with|Encountered an error|(?:Compilation|Database|Parsing|Runtime) Error")

_BEGINS = re.compile(r"\d\d:\d\d:\d\d  ")


def without_quotes(lines: Iterable[str]) -> Iterator[str]:
    """Leave out of dbt's lines what may be text of a document: what a message quotes, to its end."""
    is_quoting = False
    for line in lines:
        if is_quoting and not _BEGINS.match(line):
            continue
        shown, *quoted = [line] if "health check " in line else _QUOTE.split(line, maxsplit=1)
        is_quoting = bool(quoted)
        yield f"{shown.rstrip()} …" if quoted else line


def show_what_matters(lines: Iterable[str], write: Callable[[str], object] = sys.stdout.write) -> None:
    """Pass on what a person should see of dbt's lines, and show on a terminal how far it is."""
    console = Console(stderr=True)
    is_trouble = False
    with console.status("dbt reads the project") as progress:
        for line in lines:
            is_trouble = is_trouble or _TROUBLE.search(line) is not None
            if is_trouble or "[WARNING]" in line or "health check " in line:
                progress.stop()
                write(line)
                sys.stdout.flush()
            elif console.is_terminal and (done := _DONE.search(line)):
                progress.update(f"{done[1]} of {done[2]} done")


if __name__ == "__main__":
    show_what_matters(sys.stdin, lambda line: human.say(line.rstrip("\n")))

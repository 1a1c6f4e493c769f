"""The command line: `opencode-warehouse report [--warehouse FILE] [--output FOLDER] [PAGE …]`."""

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from ingest import settings
from ingest.errors import IngestError
from ingest.human import place, printable, say
from opencode_warehouse.pages import as_html, as_markdown, health, page_files, queries, render
from opencode_warehouse.tell.health import health_of

EXIT_OK, EXIT_USER_ERROR = 0, 2
_QUIET_S = 2.0


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pages; return 0, whatever their verdict, or 2 where nothing could be written."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="reports: %(message)s", stream=sys.stderr)
    os.umask(0o077)  # what is in a report is private
    try:
        configured = settings.from_environment(os.environ, warehouse=arguments.warehouse)
        output = arguments.output or configured.warehouse.parent / "reports"
        written, verdict = write(configured.warehouse, output, arguments.page, datetime.now(UTC), _progress())
    except IngestError as error:
        print(f"reports: {printable(error)}", file=sys.stderr)
        return EXIT_USER_ERROR
    except (duckdb.OperationalError, OSError) as error:  # a full or failing disk, no right to write
        reason = printable(str(error).splitlines()[0])
        print(f"reports: the pages could not be written ({reason}).", file=sys.stderr)
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print("reports: interrupted; the last report is as it was.", file=sys.stderr)
        return 130
    for file in written:
        say(place(file))
    say(printable(verdict))
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="opencode-warehouse report",
        description="Write the report pages of a warehouse, as HTML and as Markdown.",
    )
    parser.add_argument(
        "page",
        nargs="*",
        metavar="PAGE",
        help="a page's name, or a page file (default: all of opencode_warehouse/pages/files)",
    )
    parser.add_argument(
        "--warehouse",
        metavar="FILE",
        help="the DuckDB file (default: $OPENCODE_WAREHOUSE, else warehouse/opencode.duckdb)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="where to write (default: the folder reports beside the warehouse)",
    )
    return parser


def write(
    warehouse: Path,
    output: Path,
    wanted: list[str],
    now: datetime,
    progress: Callable[[str], None],
) -> tuple[list[Path], str]:
    """Write pages, health.json and health.csv; return the HTML files and the verdict in a sentence.

    Nothing is written unless all can be. Raises IngestError for what a user can mend.
    """
    found = [page_files.read(file) for file in page_files.find(wanted)]
    last = health.last_report(output)
    with queries.reader(warehouse, last.checks) as connection:
        state = health_of(connection)
        documents = [render.document(page, connection, state, last.generated_at, progress) for page in found]
    links = [(document.name, document.title) for document in documents]
    files: dict[str, bytes] = {}
    for document in documents:
        files[f"{document.name}.html"] = as_html.page(document, links, now).encode()
        files[f"{document.name}.md"] = as_markdown.page(document, now).encode()
    files[health.CSV] = health.as_csv(state)
    files[health.JSON] = health.as_json(state, now)  # last, as it makes this the last report
    output.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in files.items():
        _write(output / name, content)
    return [output / name for name in files if name.endswith(".html")], state.verdict.sentence


def _write(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read, in one step: a reader finds the old or the new."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
        Path(name).replace(file)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def _progress() -> Callable[[str], None]:
    """Return what says on stderr where the work is, once it takes longer than two seconds."""
    began = said = time.monotonic()

    def show(step: str) -> None:
        nonlocal said
        now = time.monotonic()
        if now - began > _QUIET_S and now - said > _QUIET_S:
            said = now
            logging.getLogger(__name__).info("%s", step)

    return show

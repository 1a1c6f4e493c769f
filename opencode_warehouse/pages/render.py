"""From a page file and a connection to what the page shows."""

import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ingest.human import printable
from opencode_warehouse.pages import blocks, queries
from opencode_warehouse.pages.block_types import Block
from opencode_warehouse.pages.figures import UNITS, shown
from opencode_warehouse.pages.page_files import Fence, Page, PageError, Text
from opencode_warehouse.tell.health import Health, Verdict

# What means something in Markdown, and what does at the beginning of a line only.
_SPECIAL = re.compile(r"([\\`*\[\]<>|~&]|(?<!\w)_|_(?!\w))")
_LEADING = re.compile(r"^(\s*)([-+=#:])|^(\s*\d+)([.)])(?=\s|$)")
_CODE = re.compile(r"`[^`|<>\\]+`")


@dataclass(frozen=True, slots=True)
class Document:
    """A page with its answers: Markdown text, blocks and the verdict in their order."""

    name: str
    title: str
    parts: Sequence[str | Block | Verdict]


def escape(text: str) -> str:
    """Return text of one line as Markdown that shows it as it is, also in a cell of a table."""
    return _LEADING.sub(r"\1\3\\\2\4", _SPECIAL.sub(r"\\\1", text))


def prose(text: str) -> str:
    """Return a sentence as Markdown; what stands between backticks in it is code, if that is harmless."""
    return "".join(
        piece if _CODE.fullmatch(piece) else escape(piece) for piece in re.split(r"(`[^`]+`)", text) if piece
    )


def document(
    page: Page,
    connection: duckdb.DuckDBPyConnection,
    health: Health,
    last_report_at: datetime | None,
    progress: Callable[[str], None],
) -> Document:
    """Ask the queries of a page, in their order, and return what it shows.

    Raises PageError where a fence or an expression cannot be answered.
    """
    fences = [part for part in page.parts if isinstance(part, Fence)]
    shown_by: dict[int, Block | None] = {}
    names: dict[str, object] = {"health": health.verdict, "last_report_at": last_report_at}
    for n, fence in enumerate(fences, start=1):
        if fence.kind == "verdict":
            continue
        progress(f"{page.name}: query {n} of {len(fences)}")
        result = queries.ask(connection, page.file, fence, {"last_report_at": last_report_at})
        if name := fence.options.get("name"):
            rows = result.rows if result else []
            names[name] = [queries.Row(result.columns, row) for row in rows] if result else []
        shown_by[fence.line] = blocks.build(fence, result, page.file)
    parts: list[str | Block | Verdict] = []
    for part in page.parts:
        if isinstance(part, Text):
            parts.append(_filled(part, page.file, names))
        elif part.kind == "verdict":
            parts.append(health.verdict)
        elif (block := shown_by[part.line]) is not None:
            parts.append(block)
    return Document(page.name, page.title, parts)


def _filled(text: Text, file: str, names: Mapping[str, object]) -> str:
    """Return a text with its expressions answered; every answer is data, and escaped."""
    try:
        return _ENVIRONMENT.from_string(text.source).render(names)
    except TemplateSyntaxError as error:
        raise PageError(file, text.line + error.lineno - 1, f"wrong expression: {error.message}") from None
    except TemplateError as error:
        raise _unanswered(file, text, error, str(error)) from None
    except (KeyError, IndexError, TypeError, ValueError, ArithmeticError) as error:
        raise _unanswered(file, text, error, type(error).__name__) from None  # its text may hold data


def _unanswered(file: str, text: Text, error: Exception, reason: str) -> PageError:
    frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename == "<template>"]
    line = (frames[-1].lineno or 1) if frames else 1
    return PageError(file, text.line + line - 1, f"the expression has no answer: {printable(reason)}")


def _answer(value: object) -> str:
    if isinstance(value, datetime):
        return f"{shown(value)} UTC"
    return escape(shown(value))


def _environment() -> ImmutableSandboxedEnvironment:
    # Escaped for Markdown, by _answer: its parser, which lets no markup through, makes the HTML.
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=_answer, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    for unit in UNITS:
        environment.filters[unit] = lambda value, unit=unit: shown(value, unit)
    return environment


_ENVIRONMENT = _environment()

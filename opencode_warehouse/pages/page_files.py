"""Page files: Markdown, with queries in fences. What a fence may say is checked here."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt

from ingest.errors import IngestError
from opencode_warehouse.pages.figures import UNITS
from opencode_warehouse.tell import sql_macros

FIRST = "data-quality"
FOLDER = Path(__file__).parent / "files"
_COMMON = frozenset({"name", "title", "empty", "needs"})
# What each kind of fence must and may say beside the common options.
KINDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "hidden": (frozenset({"name"}), frozenset()),
    "values": (frozenset(), frozenset({"units"})),
    "table": (frozenset(), frozenset({"units", "unit_by", "fold"})),
    "matrix": (frozenset({"rows", "columns", "value"}), frozenset({"unit", "fold"})),
    "line": (frozenset({"x", "y"}), frozenset({"series", "unit"})),
    "bar": (frozenset({"x", "y"}), frozenset({"series", "unit"})),
    "checks": (frozenset(), frozenset()),
}
_FLAGS = frozenset({"fold"})
_WORDS = _COMMON.union(KINDS, *(required | more for required, more in KINDS.values()))
_OPTION = re.compile(r'\s+(?P<key>\w+)(?:=(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s"]+)))?(?=\s|$)')
_BROKEN = re.compile(r" {0,3}`{3,}\s*(?:sql|verdict)\s[^`]*`")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Names that a page's expressions have a meaning for already.
RESERVED = frozenset({"health", "last_report_at"})


class PageError(IngestError):
    """A page file says something that cannot be done; the text names the page and the line."""

    def __init__(self, page: str, line: int, message: str) -> None:
        super().__init__(f"{page}, line {line}: {message}")


@dataclass(frozen=True, slots=True)
class Text:
    """Markdown between fences, with expressions; `line` is its first line in the page file."""

    source: str
    line: int


@dataclass(frozen=True, slots=True)
class Fence:
    """A query and how its rows are shown; `line` is that of the opening fence."""

    kind: str
    options: Mapping[str, str]
    sql: str
    line: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page file in its parts. `file` is what messages call it."""

    name: str
    file: str
    title: str
    parts: tuple[Text | Fence, ...]


def markdown() -> MarkdownIt:
    """Return the parser of pages: CommonMark and tables; markup in the text stays text."""
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def find(wanted: list[str]) -> list[Path]:
    """Return the page files that are named, by name or by path; all of the project's without a name.

    Raises IngestError for one that is not there.
    """
    files = sorted(FOLDER.glob("*.md"), key=lambda file: (file.stem != FIRST, file.stem))
    known = {file.stem: file for file in files}
    if not wanted:
        return list(known.values())
    found = []
    for name in wanted:
        file = known.get(name) or Path(name)
        if not (file.suffix == ".md" and file.is_file()):
            raise IngestError(f"There is no page {name}. There are: {', '.join(known)}; or name a file.")
        found.append(file)
    if len({file.stem for file in found}) < len(found):
        raise IngestError("Two of these pages have the same name, so one would overwrite the other.")
    return found


def read(file: Path) -> Page:
    """Return a page file in its parts. Raises IngestError where it cannot be read or used."""
    try:
        source = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise IngestError(f"The page {file} cannot be read ({reason}).") from None
    return parse(file.stem, file.name, source)


def parse(name: str, file: str, source: str) -> Page:
    """Return the text of a page file in its parts. Raises PageError where it says what no page may."""
    lines = source.split("\n")  # as the parser counts them
    parts: list[Text | Fence] = []
    done = 0
    names: set[str] = set()
    tokens = markdown().parse(source)
    title = next((text.content for head, text in pairwise(tokens) if head.type == "heading_open"), "")
    for token in tokens:
        if token.type != "fence" or not _is_ours(token.info):
            continue
        begin, end = token.map or (0, 0)
        if token.level:
            raise PageError(file, begin + 1, "a query must not stand inside a list or a quotation")
        if end - begin < 2 or not lines[end - 1].strip().startswith(token.markup):
            raise PageError(file, begin + 1, "the fence that begins here is never closed")
        fence = _fence(file, token.info.strip(), token.content, begin + 1)
        if fence.options.get("name") in names:
            raise PageError(file, fence.line, f"two fences are named {fence.options['name']}")
        names.add(fence.options.get("name", ""))
        parts += [Text("\n".join(lines[done:begin]), done + 1), fence]
        done = end
    parts.append(Text("\n".join(lines[done:]), done + 1))
    for line, text in enumerate(lines, start=1):
        if _BROKEN.match(text):  # to Markdown this is no fence, and the query would be shown as text
            raise PageError(file, line, "the options of a fence must not hold a backtick")
    if not title:
        raise PageError(file, 1, "a page needs a title, such as `# Tools`")
    return Page(name, file, title, tuple(parts))


def _is_ours(info: str) -> bool:
    """Whether a fence is a query or the verdict. `sql` alone is an example, shown as it stands."""
    words = info.split()
    return words[:1] == ["verdict"] or (words[:1] == ["sql"] and len(words) > 1)


def _fence(file: str, info: str, sql: str, line: int) -> Fence:
    if info.startswith("verdict"):
        if info != "verdict" or sql.strip():
            raise PageError(file, line, "the fence `verdict` has neither options nor a query")
        return Fence("verdict", {}, "", line)
    kind, options = _options(file, info, line)
    if not sql.strip():
        raise PageError(file, line, "the fence holds no query")
    try:
        sql = sql_macros.rendered(sql)
    except sql_macros.MacroError as error:
        raise PageError(file, line, str(error)) from None
    name = options.get("name")
    if name is not None and (not _NAME.fullmatch(name) or name in RESERVED):
        raise PageError(file, line, f"{name!r} cannot be a name: use another one, such as `slow_tools`")
    if options.get("unit", "count") not in UNITS:
        raise PageError(file, line, f"there is no unit {options['unit']!r}; use one of {', '.join(UNITS)}")
    return Fence(kind, options, sql, line)


def _options(file: str, info: str, line: int) -> tuple[str, dict[str, str]]:
    """Return kind and options of an info string such as `sql line x=day y=cost_usd title="Cost"`."""
    rest = info.removeprefix("sql")
    options: dict[str, str] = {}
    position = 0
    while position < len(rest):
        found = _OPTION.match(rest, position)
        if found is None:
            raise PageError(
                file, line, f'cannot read {rest[position:].strip()!r}: write key=value or key="…"'
            )
        key, value = found["key"], found["quoted"] if found["quoted"] is not None else found["bare"]
        if key in options:
            raise PageError(file, line, f"{key} is said twice")
        options[key] = value if value is not None else ""
        if key not in _WORDS:
            raise PageError(file, line, _unknown(key, sorted(_WORDS)))
        position = found.end()
    kinds = [key for key in options if key in KINDS and options[key] == ""]
    if len(kinds) != 1:
        raise PageError(file, line, f"say how to show it, one of {', '.join(KINDS)}")
    kind = kinds[0]
    del options[kind]
    required, more = KINDS[kind]
    allowed = _COMMON | required | more
    for key, value in options.items():
        if key not in allowed:
            raise PageError(file, line, f"{_unknown(key, sorted(allowed))} in `sql {kind}`")
        if (value == "") != (key in _FLAGS):
            raise PageError(file, line, f"{key} {'takes no' if key in _FLAGS else 'needs a'} value")
    if missing := sorted(required - options.keys()):
        raise PageError(file, line, f"`sql {kind}` needs {' and '.join(missing)}")
    return kind, options


def _unknown(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"unknown option {word!r} (did you mean {near[0]}?)" if near else f"unknown option {word!r}"

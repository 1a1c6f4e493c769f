"""A page as one HTML file that needs no other: styles, scripts, figures; nothing else runs in it."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from opencode_warehouse.pages.block_types import SIGNS, TONES, Block, Cell, Chart
from opencode_warehouse.pages.figures import shown
from opencode_warehouse.pages.page_files import markdown
from opencode_warehouse.pages.render import Document
from opencode_warehouse.tell.health import Verdict

_HERE = Path(__file__).parent
ECHARTS = _HERE / "vendor" / "echarts" / "echarts.common.min.js"
_MANY_SECTIONS = 4
_CODE = re.compile(r"`([^`]+)`")
_SPARK_WIDTH, _SPARK_HEIGHT, _SPARK_EDGE = 96, 22, 3


@dataclass(frozen=True, slots=True)
class Section:
    """A heading that the table of contents leads to."""

    anchor: str
    text: str


def page(document: Document, pages: Sequence[tuple[str, str]], generated_at: datetime) -> str:
    """Return the whole file. `pages` (name, title) are those written with it, for the links between them."""
    anchors: list[Section] = []
    parts = [_text(part, anchors) if isinstance(part, str) else part for part in document.parts]
    has_charts = any(isinstance(part, Chart) for part in parts)
    style = (_HERE / "templates" / "page.css").read_text(encoding="utf-8")
    scripts = [(_HERE / "templates" / "page.js").read_text(encoding="utf-8")]
    if has_charts:
        scripts.insert(0, ECHARTS.read_text(encoding="utf-8"))
    return _ENVIRONMENT.get_template("page.html.j2").render(
        title=document.title,
        name=document.name,
        pages=pages,
        parts=list(_in_place(parts)),
        contents=anchors if len(anchors) >= _MANY_SECTIONS else [],
        generated_at=shown(generated_at),
        policy=_policy(style, scripts),
        style=Markup(style),  # noqa: S704 - files of the project
        scripts=[Markup(script) for script in scripts],  # noqa: S704
    )


def _in_place(parts: Sequence[Markup | Block | Verdict]) -> Iterator[tuple[str, Markup | Block | Verdict]]:
    """Yield each part with its kind; the contents stand before the first section."""
    is_placed = False
    for part in parts:
        if isinstance(part, Markup) and not is_placed and "<h2" in part:
            before, _, after = part.partition("<h2")
            yield from (("text", before), ("contents", before), ("text", Markup("<h2") + after))
            is_placed = True
        else:
            yield "text" if isinstance(part, Markup) else type(part).__name__.lower(), part


def _policy(style: str, scripts: Sequence[str]) -> str:
    """Return the rules that the browser holds the page to: only what was written into it may run."""
    allowed = " ".join(map(_hash, scripts))
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(source: str, anchors: list[Section]) -> Markup:
    """Return Markdown as HTML, its headings of the second level noted as anchors."""
    parser = markdown()
    tokens = parser.parse(source)
    for token, following in pairwise(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            words = "".join(child.content for child in following.children or [] if child.type in _WORDS)
            section = Section(f"section-{len(anchors) + 1}", words)
            token.attrSet("id", section.anchor)
            anchors.append(section)
    html = parser.renderer.render(tokens, parser.options, {})
    html = html.replace(
        "<table>", '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>'
    )
    return Markup(html.replace("</table>", "</table></div>"))  # noqa: S704 - the parser escaped it


_WORDS = frozenset({"text", "code_inline"})


def as_json(value: object) -> Markup:
    """Return JSON for a script element that no text in it can end."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704


def _chart_data(chart: Chart) -> dict[str, Any]:
    return {
        "kind": chart.kind,
        "unit": chart.unit,
        "isLying": chart.is_lying,
        "labels": chart.labels,
        "series": [{"name": one.name, "values": one.values, "texts": one.texts} for one in chart.series],
    }


def sparkline(cell: Cell) -> Markup:
    """Return the numbers of a cell as a small drawing, with its text for those who cannot see it."""
    values = cell.trend or ()
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    step = (_SPARK_WIDTH - 2 * _SPARK_EDGE) / max(len(values) - 1, 1)

    def point(n: int, value: float) -> tuple[float, float]:
        height = (value - low) / (high - low) if high > low else 0.5
        return _SPARK_EDGE + n * step, _SPARK_HEIGHT - _SPARK_EDGE - height * (
            _SPARK_HEIGHT - 2 * _SPARK_EDGE
        )

    runs: list[list[tuple[float, float]]] = [[]]
    for n, value in enumerate(values):
        if value is not None:
            runs[-1].append(point(n, value))
        elif runs[-1]:
            runs.append([])
    lines = "".join(
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in run)}"/>' for run in runs if len(run) > 1
    )
    x, y = [spot for run in runs for spot in run][-1]
    return Markup(  # noqa: S704 - numbers, and one escaped text
        f'<svg class="spark" role="img" width="{_SPARK_WIDTH}" height="{_SPARK_HEIGHT}" '
        f'viewBox="0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}" aria-label="{escape(cell.text)}">'
        f'<title>{escape(cell.text)}</title>{lines}<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/></svg>'
    )


def prose(text: str) -> Markup:
    """Return a sentence as HTML; what stands between backticks in it is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(signs=SIGNS, tones=TONES, dash=shown(None))
    environment.filters.update(json=as_json, chart_data=_chart_data, sparkline=sparkline, prose=prose)
    return environment


_ENVIRONMENT = _environment()

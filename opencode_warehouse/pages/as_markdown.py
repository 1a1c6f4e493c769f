"""A page as one Markdown file: what the HTML page shows, charts as figures or lines of blocks."""

from collections.abc import Sequence
from datetime import datetime

from opencode_warehouse.pages.block_types import (
    SIGNS,
    TONES,
    Block,
    Cards,
    Cell,
    Chart,
    Checks,
    CheckShown,
    Note,
    Table,
)
from opencode_warehouse.pages.figures import NULL, label_of, shown, sparkline
from opencode_warehouse.pages.render import Document, escape, prose
from opencode_warehouse.tell.health import Verdict

_FEW = 12


def page(document: Document, generated_at: datetime) -> str:
    """Return the whole file."""
    parts = [_part(part) for part in document.parts]
    parts.append(
        f"---\n\nWritten {shown(generated_at)} UTC. All times are UTC; `{NULL}` is a value that is not known."
    )
    return "\n\n".join(filter(None, (part.strip("\n") for part in parts))) + "\n"


def _part(part: str | Block | Verdict) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Verdict):
        named = [f"* {word} {escape(', '.join(name for _, name in checks))}" for word, checks in part.named]
        said = [f"**{_status(part.status)}: {escape(part.headline)}**", "\n".join(named), escape(part.covers)]
        return "\n\n".join(filter(None, said))
    if isinstance(part, Table):
        return _titled(part.title, _table(part))
    if isinstance(part, Cards):
        return _titled(
            part.title, "\n".join(f"* {escape(label)}: **{_text(cell)}**" for label, cell in part.cards)
        )
    if isinstance(part, Chart):
        return _titled(part.title, _chart(part))
    if isinstance(part, Checks):
        return _checks(part)
    return _note(part)


def _titled(title: str, body: str) -> str:
    return f"**{escape(title)}**\n\n{body}" if title else body


def _note(note: Note) -> str:
    return _titled(note.title, f"*{prose(note.text)}*")


def _status(status: str) -> str:
    return f"{SIGNS[TONES.get(status, 'none')]} {escape(status)}"


def _text(cell: Cell) -> str:
    if cell.trend is not None:
        return f"{sparkline(cell.trend)} ({escape(cell.text)})"
    if cell.tone:
        return _status(cell.text)
    return escape(cell.text)


def _rows(heads: Sequence[str], is_number: Sequence[bool], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(heads), ["---:" if number else "---" for number in is_number], *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _table(table: Table) -> str:
    body = _rows(
        [escape(column.label) for column in table.columns],
        [column.is_number for column in table.columns],
        [[_text(cell) for cell in row] for row in table.rows],
    )
    return f"{body}\n\n{escape(table.note)}" if table.note else body


def _chart(chart: Chart) -> str:
    """Return the figures where they are few, else a line of blocks for each series."""
    if len(chart.labels) <= _FEW or chart.is_lying:
        return _table(chart.figures)
    rows = []
    for one in chart.series:
        known = [
            (value, text) for value, text in zip(one.values, one.texts, strict=True) if value is not None
        ]
        least, most = min(known, default=(0.0, NULL))[1], max(known, default=(0.0, NULL))[1]
        rows.append([escape(one.name), sparkline(one.values), least, most, known[-1][1] if known else NULL])
    heads = ["", f"{escape(chart.labels[0])} to {escape(chart.labels[-1])}", "Least", "Most", "Last"]
    return _rows(heads, [False, False, True, True, True], rows)


def _checks(checks: Checks) -> str:
    parts = []
    for family in checks.families:
        parts.append(f"### {escape(family.name)} ({family.summary})")
        parts += [_open(check) for check in family.open]
        if family.skipped or family.passed:
            parts.append(_rest([*family.skipped, *family.passed]))
    return "\n\n".join(parts)


def _open(check: CheckShown) -> str:
    facts = {
        "value": f"{check.value}, wanted {check.threshold}",
        "failed": check.failed,
        "since": f"{check.since} UTC" if check.since != shown(None) else check.since,
        "trend": check.trend,
    }
    lines = [f"* **{_status(check.status)}: {escape(check.name)}.** {prose(check.question)}"]
    lines += [f"  * {label_of(key)}: {escape(fact)}" for key, fact in facts.items() if fact]
    if check.history.trend is not None:
        lines.append(f"  * History: {_text(check.history)}")
    lines += [f"  * {prose(check.details)}"] if check.details else []
    lines += [f"  * What to do: {prose(check.remedy)}"] if check.remedy else []
    return "\n".join(lines)


def _rest(checks: Sequence[CheckShown]) -> str:
    heads = ["Check", "Status", "Value", "Wanted", "Failed", "Since", "Details"]
    rows = [
        [
            escape(check.name),
            _status(check.status),
            *map(escape, (check.value, check.threshold, check.failed, check.since)),
            prose(check.details),
        ]
        for check in checks
    ]
    return _rows(heads, [False, False, True, True, True, False, False], rows)

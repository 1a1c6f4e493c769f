"""Making what a page shows (see block_types) from the rows of a query."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from opencode_warehouse.pages.block_types import (
    TONES,
    Block,
    Cards,
    Cell,
    Chart,
    Checks,
    CheckShown,
    Column,
    Family,
    Note,
    Series,
    Table,
)
from opencode_warehouse.pages.figures import UNITS, label_of, shown, unit_of
from opencode_warehouse.pages.page_files import Fence, PageError
from opencode_warehouse.pages.queries import MOST_ROWS, Result
from opencode_warehouse.tell.health import ORDER, Check

_MOST_DAYS = 400
_WORDY = 28


def build(fence: Fence, result: Result | None, file: str) -> Block | None:
    """Return what a fence shows; None for a hidden one.

    Raises PageError where its options name columns that the query does not give.
    """
    if fence.kind == "hidden":
        return None
    title = fence.options.get("title", "")
    if result is None:
        needed = fence.options["needs"]
        return Note(
            title, f"This needs the table {needed}, which is not in this warehouse; `make run` builds it."
        )
    if not result.rows:
        return Note(title, fence.options.get("empty", "Nothing to show."))
    makers: dict[str, Callable[[Fence, Result, str], Block]] = {
        "table": _table,
        "values": _cards,
        "matrix": _matrix,
        "line": _chart,
        "bar": _chart,
        "checks": _checks,
    }
    return makers[fence.kind](fence, result, file)


def _column(fence: Fence, result: Result, option: str, file: str) -> str:
    name = fence.options[option]
    _require(fence, result, file, option, name)
    return name


def _require(fence: Fence, result: Result, file: str, option: str, *names: str) -> None:
    for name in names:
        if name not in result.columns:
            listed = ", ".join(result.columns)
            raise PageError(file, fence.line, f"{option} names the column {name!r}; the query gives {listed}")


def _units(fence: Fence, result: Result, file: str) -> dict[str, str]:
    """Return the unit of each column: what the fence says, else what the name says."""
    units = {name: unit_of(name) for name in result.columns}
    for item in filter(None, fence.options.get("units", "").split(",")):
        name, _, unit = item.strip().rpartition(":")
        _require(fence, result, file, "units", name)
        if unit not in UNITS:
            raise PageError(file, fence.line, f"there is no unit {unit!r}; use one of {', '.join(UNITS)}")
        units[name] = unit
    return units


def _is_number(kind: str) -> bool:
    words = (
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "FLOAT",
        "DOUBLE",
        "DECIMAL",
        "UBIGINT",
        "UINTEGER",
    )
    return kind.startswith(words) and not kind.endswith("]")


def _cell(value: object, unit: str, column: str) -> Cell:
    if isinstance(value, list):
        if all(item is None or isinstance(item, int | float | Decimal) for item in value):
            return _trend(value, unit)
        return Cell(shown(", ".join(shown(item) for item in value)) if value else shown(None))
    if isinstance(value, str) and (column == "status" or column.endswith(("_status", "severity"))):
        return Cell(shown(value), TONES.get(value, "none"))
    return Cell(shown(value, unit if isinstance(value, int | float | Decimal) else ""))


def _trend(values: Sequence[Any], unit: str) -> Cell:
    numbers = tuple(_finite(value) for value in values)
    known = [value for value in numbers if value is not None]
    if not known:
        return Cell(shown(None))
    if len(known) == 1:
        words = f"once, {shown(known[0], unit)}"
    else:
        words = f"{len(known)} values, from {shown(known[0], unit)} to {shown(known[-1], unit)}"
    return Cell(words, trend=numbers)


def _table(fence: Fence, result: Result, file: str) -> Table:
    units = _units(fence, result, file)
    by = fence.options.get("unit_by")
    if by is not None:
        _require(fence, result, file, "unit_by", by)
    shown_columns = [name for name in result.columns if name != by]
    rows = []
    for row in result.rows:
        values = dict(zip(result.columns, row, strict=True))
        own = _known_unit(values[by]) if by is not None else ""
        rows.append([_cell(values[name], units[name] or own, name) for name in shown_columns])
    kinds = dict(zip(result.columns, result.types, strict=True))
    columns = [
        Column(label_of(name), _is_number(kinds[name]), any(_is_wordy(row[n]) for row in rows))
        for n, name in enumerate(shown_columns)
    ]
    note = f"Only the first {shown(MOST_ROWS)} rows are shown." if result.is_cut else ""
    return Table(fence.options.get("title", ""), columns, rows, note, "fold" in fence.options)


def _is_wordy(cell: Cell) -> bool:
    return cell.trend is None and len(cell.text) > _WORDY


def _known_unit(unit: object) -> str:
    return unit if isinstance(unit, str) and unit in UNITS else ""


def _cards(fence: Fence, result: Result, file: str) -> Cards:
    if len(result.rows) > 1:
        raise PageError(
            file, fence.line, f"`sql values` shows one row, and the query gives {len(result.rows)}"
        )
    units = _units(fence, result, file)
    cards = [
        (label_of(name), _cell(value, units[name], name))
        for name, value in zip(result.columns, result.rows[0], strict=True)
    ]
    return Cards(fence.options.get("title", ""), cards)


def _matrix(fence: Fence, result: Result, file: str) -> Table:
    """Return a table with a row for each value of one column and a column for each of another."""
    rows, columns, value = (_column(fence, result, option, file) for option in ("rows", "columns", "value"))
    unit = fence.options.get("unit") or unit_of(value)
    heads = list(dict.fromkeys(result.column(columns)))
    lines: dict[Any, dict[Any, Any]] = {}
    for row, column, cell in zip(
        result.column(rows), result.column(columns), result.column(value), strict=True
    ):
        lines.setdefault(row, {})[column] = cell
    return Table(
        fence.options.get("title", ""),
        [Column(label_of(rows), False), *(Column(shown(head), True) for head in heads)],
        [
            [Cell(shown(row)), *(_cell(cells.get(head), unit, value) for head in heads)]
            for row, cells in lines.items()
        ],
        f"Only the first {shown(MOST_ROWS)} values are shown." if result.is_cut else "",
        "fold" in fence.options,
    )


def _chart(fence: Fence, result: Result, file: str) -> Chart | Table:
    """Return a chart; the table of its figures where there is a single place on the axis."""
    x = _column(fence, result, "x", file)
    ys = [name.strip() for name in fence.options["y"].split(",")]
    _require(fence, result, file, "y", *ys)
    series_of = _column(fence, result, "series", file) if "series" in fence.options else None
    if series_of and len(ys) > 1:
        raise PageError(file, fence.line, "with series there is one column for y")
    for name in ys:
        if not _is_number(result.types[result.columns.index(name)]):
            raise PageError(file, fence.line, f"y must be a number, and {name} is none")
    unit = fence.options.get("unit") or unit_of(ys[0]) or "count"
    places = _places(result.column(x))
    series = [
        Series(
            shown(name),
            [_finite(values.get(place)) for place in places],
            [shown(values.get(place), unit) for place in places],
        )
        for name, values in _by_series(fence, result, file, x, ys, series_of).items()
    ]
    title = fence.options.get("title", "")
    labels = [shown(place) for place in places]
    if len(places) == 1:
        rows = [[Cell(one.name), Cell(one.texts[0])] for one in series]
        return Table(title, [Column(label_of(x), False), Column(labels[0], True)], rows)
    figures = Table(
        "",
        [Column(label_of(x), False), *(Column(one.name, True) for one in series)],
        [[Cell(label), *(Cell(one.texts[n]) for one in series)] for n, label in enumerate(labels)],
    )
    is_lying = fence.kind == "bar" and any(isinstance(place, str) for place in places)
    return Chart(
        fence.kind,
        title,
        unit,
        is_lying,
        labels,
        series,
        _summary(fence.kind, title, labels, series),
        figures,
    )


def _by_series(
    fence: Fence, result: Result, file: str, x: str, ys: Sequence[str], series_of: str | None
) -> dict[Any, dict[Any, Any]]:
    """Return, for each series, the value at each place."""
    found: dict[Any, dict[Any, Any]] = {}
    for y in ys:
        names = result.column(series_of) if series_of else [label_of(y)] * len(result.rows)
        for name, place, value in zip(names, result.column(x), result.column(y), strict=True):
            if place in found.setdefault(name, {}):
                which = f"{x} and {series_of}" if series_of else x
                raise PageError(file, fence.line, f"the query gives two values for one {which}")
            found[name][place] = value
    return found


def _finite(value: int | float | Decimal | None) -> float | None:
    """Return a number that can be drawn."""
    return float(value) if value is not None and math.isfinite(value) else None


def _places(values: Sequence[Any]) -> list[Any]:
    """Return the places on the axis in their order; days without a row are there, so that a gap is seen."""
    places = list(dict.fromkeys(values))
    days = [value for value in places if isinstance(value, date) and not isinstance(value, datetime)]
    if len(days) < 2 or len(days) < len(places):
        return places
    first, last = min(days), max(days)
    if (last - first).days > _MOST_DAYS:
        return sorted(days)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _summary(kind: str, title: str, labels: Sequence[str], series: Sequence[Series]) -> str:
    """Return what a chart shows, for those who cannot see it."""
    said = []
    for one in series[:6]:
        triples = zip(one.values, one.texts, labels, strict=True)
        known = [(value, text, label) for value, text, label in triples if value is not None]
        if known:
            _, most, where = max(known, key=lambda item: item[0])
            _, least, place = min(known, key=lambda item: item[0])
            said.append(f"{one.name}: most {most} ({where}), least {least} ({place}), last {known[-1][1]}.")
    chart = {"line": "Line chart", "bar": "Bar chart"}[kind]
    named = f"{chart}, {title}" if title else chart
    return f"{named}, {labels[0]} to {labels[-1]}. {' '.join(said)}"


def _checks(fence: Fence, result: Result, file: str) -> Checks:
    needed = [name for name in Check.__slots__ if name in _OF_A_CHECK]
    if missing := [name for name in needed if name not in result.columns]:
        raise PageError(file, fence.line, f"`sql checks` needs the columns {', '.join(missing)}")
    families: dict[str, list[Mapping[str, Any]]] = {}
    for row in result.rows:
        values = dict(zip(result.columns, row, strict=True))
        families.setdefault(shown(values["family"]), []).append(values)
    return Checks([_family(name, checks) for name, checks in families.items()])


_OF_A_CHECK = frozenset(
    {
        "check_id",
        "name",
        "family",
        "question",
        "status",
        "value",
        "unit",
        "threshold",
        "direction",
        "n_checked",
    }
    | {"n_failed", "details", "remedy", "since", "trend"}
)


def _family(name: str, checks: Sequence[Mapping[str, Any]]) -> Family:
    by_status = {
        status: [_check(values) for values in checks if values["status"] == status] for status in ORDER
    }
    verbs = {
        "FAIL": ("fails", "fail"),
        "WARN": ("warns", "warn"),
        "PASS": ("passes", "pass"),
        "SKIP": ("skipped",) * 2,
    }
    counts = [f"{len(found)} {verbs[status][len(found) > 1]}" for status, found in by_status.items() if found]
    return Family(
        name[:1].upper() + name[1:],
        ", ".join(counts),
        by_status["FAIL"] + by_status["WARN"],
        by_status["SKIP"],
        by_status["PASS"],
    )


def _check(values: Mapping[str, Any]) -> CheckShown:
    unit = _known_unit(values["unit"])
    threshold = values["threshold"]
    bound = {"at_least": "at least", "at_most": "at most"}.get(values["direction"] or "", "")
    failed = ""
    if values["n_checked"] is not None and values["n_failed"] is not None:
        failed = f"{shown(values['n_failed'])} of {shown(values['n_checked'])}"
    words = {"better": "better than before", "worse": "worse than before", "same": "as before"}
    return CheckShown(
        check_id=shown(values["check_id"]),
        name=shown(values["name"]),
        question=shown(values["question"]) if values["question"] else "",
        status=shown(values["status"]),
        value=shown(values["value"], unit),
        threshold=f"{bound} {shown(threshold, unit)}".strip() if threshold is not None else shown(None),
        failed=failed or shown(None),
        since=shown(values["since"]),
        trend=words.get(values["trend"] or "", ""),
        details=shown(values["details"]) if values["details"] else "",
        remedy=shown(values["remedy"]) if values["remedy"] else "",
        history=_trend(values.get("history") or [], unit),
    )

"""What a page shows, whatever it is written as: tables, cards, charts and checks."""

from dataclasses import dataclass, field

from opencode_warehouse.pages.figures import NULL

# How bad a word is, so that it gets a sign and a colour beside itself.
TONES = {
    "FAIL": "bad", "error": "bad", "fail": "bad", "failed": "bad", "over": "bad", "critical": "bad",
    "missing": "bad", "runtime error": "bad",
    "WARN": "poor", "warn": "poor", "at_risk": "poor", "incomplete": "poor", "refused": "poor",
    "damaged": "poor", "high": "poor", "timeout": "poor",
    "PASS": "good", "pass": "good", "ok": "good", "success": "good", "completed": "good",
    "SKIP": "none", "skipped": "none", "unknown": "none", "aborted": "none",
}  # fmt: skip
SIGNS = {"bad": "✗", "poor": "!", "good": "✓", "none": NULL}


@dataclass(frozen=True, slots=True)
class Cell:
    """One value: its text, or numbers for a sparkline with a text that says them in words."""

    text: str
    tone: str = ""
    trend: tuple[float | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; whether the values below are numbers, or long texts that may be broken into lines."""

    label: str
    is_number: bool
    is_wordy: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; `note` says what was left out, `is_folded` that it opens on demand."""

    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    note: str = ""
    is_folded: bool = False


@dataclass(frozen=True, slots=True)
class Cards:
    """Big figures, each with its label."""

    title: str
    cards: list[tuple[str, Cell]]


@dataclass(frozen=True, slots=True)
class Series:
    """One line or one kind of bar: a number and its text for each place on the axis."""

    name: str
    values: list[float | None]
    texts: list[str]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with the same figures as a table, and a summary for those who see neither."""

    kind: str
    title: str
    unit: str
    is_lying: bool
    labels: list[str]
    series: list[Series]
    summary: str
    figures: Table


@dataclass(frozen=True, slots=True)
class CheckShown:
    """A check with everything about it in words."""

    check_id: str
    name: str
    question: str
    status: str
    value: str
    threshold: str
    failed: str
    since: str
    trend: str
    details: str
    remedy: str
    history: Cell


@dataclass(frozen=True, slots=True)
class Family:
    """The checks of a family: those that need somebody, worst first, and the others."""

    name: str
    summary: str
    open: list[CheckShown]
    skipped: list[CheckShown]
    passed: list[CheckShown]


@dataclass(frozen=True, slots=True)
class Checks:
    """All checks, by family."""

    families: list[Family] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence in place of what is not there."""

    title: str
    text: str


Block = Table | Cards | Chart | Checks | Note

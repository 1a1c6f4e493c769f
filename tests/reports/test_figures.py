"""Values by their unit, as a person reads them."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from opencode_warehouse.pages.figures import label_of, shown, sparkline, unit_of


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "usd", "–"),
        (None, "", "–"),
        (float("nan"), "", "–"),
        (0, "usd", "$0.00"),
        (Decimal("1234567.891"), "usd", "$1 234 567.89"),
        (Decimal("0.0123456789"), "usd", "$0.0123"),
        (Decimal("0.00001"), "usd", "< $0.0001"),
        (-3, "usd", "-$3.00"),
        (0, "ms", "0 ms"),
        (850.4, "ms", "850 ms"),
        (3_240, "ms", "3.2 s"),
        (59_990, "ms", "1 min"),
        (252_000, "ms", "4 min 12 s"),
        (3_599_900, "ms", "1 h"),
        (7_500_000, "ms", "2 h 5 min"),
        (273_600_000, "ms", "3 d 4 h"),
        (0.5, "share", "50 %"),
        (0.12345, "share", "12.3 %"),
        (0.99999, "share", "> 99.9 %"),
        (0.00001, "share", "< 0.1 %"),
        (1, "share", "100 %"),
        (1234567, "tokens", "1 234 567"),
        (512, "bytes", "512 bytes"),
        (4_200_000, "bytes", "4.2 MB"),
        (3.25, "hours", "3.2 h"),
        (7, "days", "7 d"),
        (0.000012, "", "1.2e-5"),
        (12.5, "", "12.5"),
        (True, "", "yes"),
        (date(2026, 3, 1), "", "2026-03-01"),
        (datetime(2026, 3, 1, 9, 5, 59), "", "2026-03-01 09:05"),  # noqa: DTZ001 - as stored
        (datetime(2026, 3, 1, 9, 5, tzinfo=timezone(timedelta(hours=2))), "", "2026-03-01 07:05"),
        (datetime(2026, 3, 1, tzinfo=UTC), "", "2026-03-01 00:00"),
        ("two\nlines\x1b[31m", "", "two lines\ufffd[31m"),
    ],
)
def test_a_value_is_shown_by_its_unit(value: object, unit: str, text: str) -> None:
    assert shown(value, unit) == text.replace(" 234 567", "\u202f234\u202f567")


def test_a_long_text_is_cut() -> None:
    assert shown("x" * 1000) == "x" * 399 + "…"


def test_the_unit_and_the_heading_come_from_the_name() -> None:
    names = ["cost_usd", "duration_ms", "size_bytes", "fix_success_rate", "cache_tokens", "title", "n_failed"]
    assert [unit_of(name) for name in names] == ["usd", "ms", "bytes", "share", "tokens", "", ""]
    labels = [label_of(name) for name in names]
    assert labels == ["Cost", "Duration", "Size", "Fix success rate", "Cache tokens", "Title", "Failed"]


def test_a_sparkline_rises_with_its_values_and_shows_gaps() -> None:
    assert sparkline([0, 1, None, 7]) == "▁▂·█"
    assert sparkline([5, 5]) == "▄▄"
    assert sparkline([]) == ""

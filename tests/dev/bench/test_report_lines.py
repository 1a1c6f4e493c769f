"""When a target is met."""

from operator import sub

import pytest

from dev.bench.measure import Figure
from dev.bench.report_lines import at_most, compared, ratio


@pytest.mark.parametrize(
    ("seconds", "value", "met"),
    [
        ((2.0, 4.0, 100.0), 4.0, True),
        ((8.0, 8.2, 8.1), 8.2, False),
        ((4.5, 4.0), 4.25, False),  # not in turn with the floor
        ((4.0,), 4.0, True),
    ],
)
def test_a_ratio_is_the_median_of_those_to_the_floor_beside_and_met_up_to_its_target(
    seconds: tuple[float, ...], value: float, met: bool
) -> None:
    line = ratio("x", "load", "x", Figure("s", seconds), Figure("s", (0.5, 1.0, 1.5)), "floor", 4.0)
    assert line.met is met
    assert line.unit == "x"
    assert line.value == pytest.approx(value)


def test_a_machine_that_slows_down_changes_no_comparison() -> None:
    measured, floor = Figure("s", (3.0, 6.0, 12.0)), Figure("s", (1.0, 2.0, 4.0))
    assert ratio("x", "load", "x", measured, floor, "floor", 4.0).value == 3.0
    assert compared(measured, floor, sub) == 4.0


@pytest.mark.parametrize(("unit", "value", "met"), [("s", 2.0, True), ("ms", 2.0, True), ("MB", 9.0, False)])
def test_seconds_count_by_their_median_and_memory_by_its_peak(unit: str, value: float, met: bool) -> None:
    line = at_most("x", "memory", "x", Figure(unit, (9.0, 1.0, 2.0)), 5.0)
    assert (line.value, line.shown, line.met) == (value, value, met)


def test_the_share_of_a_target_is_more_than_one_where_it_is_missed() -> None:
    assert at_most("x", "size", "x", Figure("s", (6.0,)), 4.0).of_target == 1.5

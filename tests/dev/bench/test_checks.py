"""Whether work is repeated: by bytes where they are known, else by the clock."""

import pytest

from dev.bench.checks import BOUNDS, Check, share_read, share_written
from dev.bench.measure import Runs, Spent


def runs(wall_s: float, n_bytes: int | None) -> Runs:
    """Return what one run might have cost that reads and writes as many bytes."""
    return Runs([Spent(wall_s, wall_s, 0, n_bytes, n_bytes, "")])


START = runs(1.0, 10)


def test_what_every_run_reads_is_taken_off() -> None:
    assert share_read(runs(9.0, 20), runs(9.0, 60), START) == pytest.approx(0.2)


def test_a_load_that_reads_everything_again_is_beyond_every_bound() -> None:
    share = share_read(runs(1.1, 60), runs(9.0, 60), START)
    names = ("reload-json", "reload-sqlite", "session-json", "session-sqlite")
    assert not any(Check(name, "", share, BOUNDS[name]).met for name in names)


def test_a_build_that_writes_everything_again_is_beyond_its_bound() -> None:
    again = share_written(runs(1.0, 1_010), runs(5.0, 1_020), runs(1.0, 20), runs(1.0, 20))
    little = share_written(runs(1.0, 60), runs(5.0, 1_020), runs(1.0, 20), runs(1.0, 20))
    assert not Check("incremental", "", again, BOUNDS["incremental"]).met
    assert Check("incremental", "", little, BOUNDS["incremental"]).met


def test_the_clock_counts_where_bytes_are_not_known() -> None:
    assert share_read(runs(3.0, None), runs(5.0, 60), START) == pytest.approx(0.5)


def test_reading_less_than_a_start_does_is_reading_nothing() -> None:
    assert share_read(runs(1.0, 5), runs(9.0, 60), START) == 0.0

"""What a command costs, and figures of several runs."""

import os
import sys
from pathlib import Path

import pytest

from dev.bench import floors, stores
from dev.bench.errors import BenchError
from dev.bench.measure import Figure, Runs, Spent, run
from tests.dev.bench.sizes import SAMPLE, TINY


def python(code: str, *arguments: str) -> Spent:
    """Run a line of Python."""
    return run([sys.executable, "-c", code, *arguments], Path.cwd(), os.environ)


def spent(wall_s: float = 1.0, *, read: int | None = 0, written: int | None = 0, peak: int = 0) -> Spent:
    """Return what a run might have cost."""
    return Spent(wall_s, wall_s, peak, read, written, "")


def test_a_run_is_measured() -> None:
    done = python("import time; kept = b'x' * 200_000_000; time.sleep(0.2); print('ok')")
    assert done.output == "ok\n"
    assert 0.2 <= done.wall_s < 20
    assert 0 < done.cpu_s < done.wall_s
    assert done.peak_bytes > 200_000_000


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the system does not count them")
def test_the_bytes_that_a_run_reads_and_writes_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 30_000_000)
    code = (
        "import pathlib, sys;"
        "file = pathlib.Path(sys.argv[1]); file.write_bytes(file.read_bytes()[:20_000_000])"
    )
    done = python(code, str(file))
    assert done.read_bytes is not None
    assert 30_000_000 <= done.read_bytes < 40_000_000
    assert done.written_bytes is not None
    assert 20_000_000 <= done.written_bytes < 21_000_000


def test_a_command_that_fails_is_an_error_with_its_last_words() -> None:
    with pytest.raises(BenchError, match=r"ended with 3:\n.*no \ufffd\[31mway"):
        python("import sys; sys.stderr.write('no \\x1b[31mway'); sys.exit(3)")


def test_a_figure_has_its_median_and_its_largest_value() -> None:
    figure = Figure("s", (3.0, 1.0, 2.0, 9.0, 2.5))
    assert (figure.median, figure.largest) == (2.5, 9.0)


def test_bytes_are_not_known_where_one_run_lacks_them() -> None:
    assert Runs([spent(read=10), spent(read=30)]).read_bytes == 20
    assert Runs([spent(read=10), spent(read=None)]).read_bytes is None


def test_floors_count_what_there_is(tmp_path: Path) -> None:
    for name in ("a/b/1.json", "a/2.json", "3.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    assert floors.walk(str(tmp_path)) == floors.read(str(tmp_path)) == 3


def test_the_floor_of_a_database_is_every_row(tmp_path: Path) -> None:
    store = stores.store(tmp_path, SAMPLE, "sqlite", TINY, lambda n, total: None)
    assert floors.select(str(store.path / stores.DATABASE)) == store.totals.n_documents

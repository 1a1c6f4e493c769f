"""What the tests of the bench grow, and from what."""

from pathlib import Path

from dev.bench.history import Size

PROJECT = Path(__file__).resolve().parents[3]
SAMPLE = PROJECT / "sample"
TINY = Size(sessions=3, messages=60, parts=260, n_bytes=900_000)

"""Nothing is lost and nothing is there twice, whatever happens while OpenCode writes and a watch runs.

`make soak MINUTES=30` is the long form of the first test: its figures are in docs/reliability.md.
"""

import json
import os
import statistics
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.raw.documents import ENTITIES
from tests.faults.evening import Evening, differences, documents

SECONDS = float(os.environ.get("SOAK_SECONDS", "40"))
REPORT = os.environ.get("SOAK_REPORT")
SEED = int(os.environ.get("SOAK_SEED", "7"))
WRITES_PER_SECOND = 50.0

FAULTS = {
    "kill_watch": 30, "kill_load": 14, "kill_publish": 10, "kill_build": 4, "end_watch": 3, "publish": 3,
    "hold": 3, "truncate": 6, "forbid": 6, "jump": 6, "disappear": 3, "replace_database": 3, "overflow": 3,
}  # fmt: skip
"""What can go wrong, and how often it does compared with the others."""

pytestmark = pytest.mark.faults


def report(name: str, figures: dict[str, Any]) -> None:
    """Add figures to the file that was asked for."""
    if REPORT is not None:
        path = Path(REPORT)
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(known | {name: figures}, indent=2) + "\n")


def test_after_an_evening_of_faults_the_warehouse_is_that_of_a_fresh_load(tmp_path: Path) -> None:
    evening = Evening(tmp_path, SEED, SECONDS, WRITES_PER_SECOND)
    try:
        began = time.monotonic()
        time.sleep(2)
        order = list(FAULTS)  # each once, then by chance
        evening.random.shuffle(order)
        while time.monotonic() - began < SECONDS:
            name = order.pop() if order else evening.random.choices(list(FAULTS), list(FAULTS.values()))[0]
            evening.befall(name)
            time.sleep(evening.random.uniform(0, 1.5))
        while order:  # a slow machine: the evening is over, and not everything has happened
            evening.befall(order.pop())
        figures = evening.finish()
        fresh = evening.fresh()
        found = differences(evening.warehouse, fresh)
        figures |= {
            "seconds": round(time.monotonic() - began),
            "documents_compared": len(documents(fresh)),
            "differences": len(found),
        }
    finally:
        evening.close()
    report("faults", figures)
    assert found == []
    assert figures["documents_compared"] > 100
    assert set(FAULTS) <= set(figures)


def test_what_is_written_is_landed_within_seconds(tmp_path: Path) -> None:
    median, p99 = latency(tmp_path)
    assert median < 2, f"median {median:.2f} s"
    assert p99 < 10, f"p99 {p99:.2f} s"


def latency(folder: Path) -> tuple[float, float]:
    """Return median and 99th percentile of the seconds between a write and the commit of what was written."""
    seconds = min(SECONDS, 60) / 2
    evening = Evening(folder, SEED, seconds, WRITES_PER_SECOND)
    try:
        time.sleep(seconds)
        figures = evening.finish()
    finally:
        evening.close()

    # loaded_at is when a commit began; the log says when it was done
    committed = sorted(
        datetime.fromisoformat(line["time"]).timestamp()
        for line in map(json.loads, evening.log.read_text().splitlines())
        if "held_ms" in line or line["message"] == "phase catching_up"
    )
    writes = [json.loads(line) for line in (folder / "store.writes.jsonl").read_text().splitlines()]
    loaded: dict[str, float] = {}
    with closing(duckdb.connect()) as connection:
        connection.execute(f"attach '{evening.warehouse}' as opencode (read_only)")
        for entity in ENTITIES:
            for kind, document_id, loaded_at in connection.execute(
                f"""select kind, document_id, max(loaded_at) from opencode.raw.{entity}
                join opencode.raw.sources using (source_id) group by all"""
            ).fetchall():
                key, at = f"{kind}:{document_id}", loaded_at.replace(tzinfo=UTC).timestamp()
                loaded[key] = max(at, loaded.get(key, at))
    lags = sorted(
        next(at for at in committed if at >= loaded[write["document"]]) - write["at"]
        for write in writes
        if write["document"] in loaded and write["document"] != "json:prj"
    )
    median, p99 = statistics.median(lags), lags[int(len(lags) * 0.99)]
    report("latency", {"n_writes": figures["n_writes"], "median_s": round(median, 2), "p99_s": round(p99, 2)})
    assert figures["n_writes"] > 100
    assert len(lags) > 50
    return median, p99

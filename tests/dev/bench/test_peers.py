"""Other programs: measured where they are, and a reason where they are not."""

import shutil
from pathlib import Path

import orjson
import pytest

from dev.bench.peers import RUNS, peers

CCUSAGE_SAYS = {
    "totals": {
        "inputTokens": 1,
        "outputTokens": 2,
        "cacheReadTokens": 3,
        "cacheCreationTokens": 4,
        "totalCost": 0.5,
    }
}
MONITOR_SAYS = {
    "total_tokens": {"input": 10, "output": 20, "cache_read": 30, "cache_write": 40},
    "total_cost": 2.5,
}


def program(path: Path, script: str) -> None:
    """Put a program there."""
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)


def says(answer: object) -> str:
    """Return a script that answers, if it is shown the store."""
    text = orjson.dumps(answer).decode()
    return f"test -d \"$XDG_DATA_HOME/opencode/storage\" || exit 1\ncat << 'E'\n{text}\nE"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A tree without a document."""
    (tmp_path / "store" / "storage").mkdir(parents=True)
    return tmp_path / "store"


@pytest.fixture
def ccusage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where ccusage is installed; npm is there."""
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    return tmp_path / "peers" / "npm" / "node_modules" / ".bin" / "ccusage"


@pytest.fixture
def monitor(tmp_path: Path) -> Path:
    """Where opencode-monitor is installed."""
    return tmp_path / "peers" / "python" / "bin" / "ocmonitor"


def test_programs_are_shown_the_store_and_measured(
    tmp_path: Path, store: Path, ccusage: Path, monitor: Path
) -> None:
    program(ccusage, says(CCUSAGE_SAYS))
    program(monitor, f"echo a notice\n{says(MONITOR_SAYS)}")
    said: list[str] = []
    first, second = peers(tmp_path, store, said.append)
    assert first.tokens == {"input": 1, "output": 2, "cache_read": 3, "cache_write": 4}
    assert second.tokens == {"input": 10, "output": 20, "cache_read": 30, "cache_write": 40}
    assert (first.cost_usd, second.cost_usd) == (0.5, 2.5)
    assert first.wall is not None
    assert len(first.wall.values) == RUNS
    assert len(said) == 2 * RUNS


def test_a_program_that_fails_or_says_something_else_is_not_measured(
    tmp_path: Path, store: Path, ccusage: Path, monitor: Path
) -> None:
    program(ccusage, "echo broken; exit 3")
    program(monitor, "echo no JSON")
    for peer in peers(tmp_path, store, lambda text: None):
        assert peer.wall is None
        assert peer.note.startswith("not measured: ")
        assert str(tmp_path) not in peer.note


def test_without_npm_its_program_is_not_measured(
    tmp_path: Path, store: Path, monitor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    program(monitor, says(MONITOR_SAYS))
    first, second = peers(tmp_path, store, lambda text: None)
    assert first.note == "not measured: npm is not installed"
    assert second.wall is not None

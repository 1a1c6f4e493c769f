"""The command: what it measures, where it keeps it, how it ends."""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from filelock import FileLock

from tests.dev.bench.sizes import PROJECT


def bench(cache: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the bench with a folder of its own."""
    return subprocess.run(
        [sys.executable, "-m", "dev.bench", *arguments],
        cwd=PROJECT,
        env=os.environ | {"BENCH_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_line_that_nobody_knows_is_an_error_that_names_those_there_are(tmp_path: Path) -> None:
    done = bench(tmp_path, "--only", "load,dance")
    assert done.returncode == 2
    assert "nothing called dance" in done.stderr
    assert "growth, peers" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("--size", "huge"), ("--repeat", "0"), ("--repeat", "x")])
def test_a_setting_that_cannot_be_is_an_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = bench(tmp_path, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_two_benches_do_not_share_a_folder(tmp_path: Path) -> None:
    with FileLock(tmp_path / "lock"):
        done = bench(tmp_path, "--size", "small", "--only", "load")
    assert done.returncode == 2
    assert "Another bench is running" in done.stderr


@pytest.mark.slow
def test_one_line_is_measured_alone_and_changes_no_results(tmp_path: Path) -> None:
    done = bench(tmp_path, "--size", "small", "--only", "reload", "--repeat", "1")
    assert done.returncode == 0, done.stderr
    assert "second load, nothing changed" in done.stdout
    assert "cold load" not in done.stdout
    assert not list(tmp_path.glob("results*"))
    assert not (tmp_path / "work").exists()


@pytest.mark.slow
def test_nothing_is_done_again_that_was_done_before(tmp_path: Path) -> None:
    done = bench(tmp_path, "--size", "small")
    assert done.returncode in (0, 1), done.stderr
    results = orjson.loads((tmp_path / "results-small.json").read_bytes())
    broken = {check["name"]: check["value"] for check in results["checks"] if not check["met"]}
    assert broken == {}
    assert done.returncode == 0
    assert len(results["checks"]) == 11
    assert all(one["tokens"]["input"] > 0 for one in results["stores"])
    assert str(tmp_path) not in orjson.dumps(results).decode()

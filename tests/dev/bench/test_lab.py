"""What is said of machine and build, and which lines are chosen."""

import socket
import subprocess
from pathlib import Path

import orjson
import pytest

from dev.bench import cases, machine
from dev.bench.errors import BenchError
from dev.bench.layers import seconds_by_layer
from dev.bench.plans import PLANS
from tests.dev.bench.sizes import PROJECT


def test_the_seconds_of_a_build_are_summed_up_by_layer(tmp_path: Path) -> None:
    seconds = {
        "model.opencode_warehouse.stg_opencode__parts": 1.0,
        "model.opencode_warehouse.int_errors_ruled": 2.0,
        "model.opencode_warehouse.sessions": 3.0,
        "model.opencode_warehouse.messages": 0.5,
        "seed.opencode_warehouse.prices": 4.0,
        "test.opencode_warehouse.unique_sessions.abc": 5.0,
        "unit_test.opencode_warehouse.sessions.one": 6.0,
        "operation.opencode_warehouse.end": 7.0,
    }
    results = [{"unique_id": name, "execution_time": taken} for name, taken in seconds.items()]
    (tmp_path / "run_results.json").write_bytes(orjson.dumps({"results": results}))
    assert seconds_by_layer(tmp_path / "run_results.json") == {
        "staging": 1.0,
        "intermediate": 2.0,
        "marts": 3.5,
        "seeds": 4.0,
        "tests": 5.0,
        "unit tests": 6.0,
        "other": 7.0,
    }


def test_the_machine_is_described_without_names_of_hosts_and_folders() -> None:
    found = machine.describe(PROJECT, PROJECT)
    assert found["cores"]
    text = orjson.dumps(found).decode()
    assert socket.gethostname() not in text.split('"')
    assert str(Path.home()) not in text
    assert str(PROJECT) not in text


def test_the_commit_is_named_and_unknown_outside_a_checkout(tmp_path: Path) -> None:
    assert machine.describe(tmp_path, tmp_path)["revision"] == "unknown"
    for command in (
        ["init", "-q"],
        ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    assert len(str(machine.describe(tmp_path, tmp_path)["revision"])) == 12


def test_lines_are_chosen_by_name_and_all_without_one() -> None:
    assert cases.chosen(None) == [*cases.CASES, "peers"]
    assert cases.chosen(" size, load ") == ["load", "size"]
    with pytest.raises(BenchError, match="nothing called walk"):
        cases.chosen("walk")


def test_everything_can_be_repeated_as_often_as_wanted() -> None:
    plan = PLANS["full"].repeated(2)
    assert {
        plan.cold_loads,
        plan.cold_loads_five,
        plan.warm_loads,
        plan.builds,
        plan.builds_five,
        plan.incremental_builds,
    } == {2}
    assert plan.one == PLANS["full"].one

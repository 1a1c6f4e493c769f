"""A run goes on as far as it can, and publishes only what passed everything."""

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest.errors import IngestError
from ingest.load import Options
from ingest.lock import lock_path, read_holder
from opencode_warehouse.build import pipeline
from opencode_warehouse.cli import main
from opencode_warehouse.keep import releases
from opencode_warehouse.keep.releases import current_release
from tests.ingest.stores import Warehouse, json_tree, part, part_file, write

STEPS = [
    "dbt seed", "dbt run", "dbt test", "time-queries", "dbt build", "publish", "report",
]  # fmt: skip


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps that were done; dbt and the report are not really started. `FAILING` names what fails."""
    done: list[str] = []
    publish = releases.publish

    def command(self: pipeline._Build, name: str, command: Sequence[str], *, is_dbt: bool = False) -> None:
        assert read_holder(lock_path(self.settings.warehouse)) is not None, "the lock is held throughout"
        if self.stop is not None and self.stop.is_set():
            return
        done.append(name)
        if name in os.environ.get("FAILING", "").split(","):
            self.outcome.failed.append(name)

    def noted(name: str, step: object = None) -> object:
        def note(*args: object, **kwargs: object) -> object:
            done.append(name)
            if name in os.environ.get("FAILING", "").split(","):
                raise IngestError(f"{name} cannot be done")
            return step(*args, **kwargs) if callable(step) else None

        return note

    monkeypatch.setattr(pipeline._Build, "command", command)
    monkeypatch.setattr(pipeline._Build, "_land_results", lambda self: None)
    monkeypatch.setattr("opencode_warehouse.build.query_timings.time_queries", noted("time-queries"))
    monkeypatch.setattr("opencode_warehouse.keep.releases.publish", noted("publish", publish))
    return done


def run(warehouse: Warehouse, root: Path) -> tuple[pipeline.Outcome, str]:
    said: list[str] = []
    outcome = pipeline.run(warehouse.settings(root), Options(), say=said.append)
    return outcome, "\n".join(said)


def test_what_passes_everything_is_released_before_the_report(
    warehouse: Warehouse, tmp_path: Path, steps: list[str]
) -> None:
    outcome, said = run(warehouse, json_tree(tmp_path / "store"))

    assert steps == STEPS
    assert outcome.failed == []
    assert outcome.release is not None
    assert f"Released {outcome.release.name}" in said
    assert "nothing is being loaded" in said
    assert "in use by" not in said, "our own lock is no news"
    served = current_release(warehouse.path)
    assert served is not None
    assert Warehouse(served).value("select count(*) from raw.parts") == 4
    assert stat.S_IMODE(served.stat().st_mode) == 0o600
    assert read_holder(lock_path(warehouse.path)) is None


@pytest.mark.parametrize(
    "failing", ["dbt seed", "dbt run", "dbt test", "time-queries", "dbt build", "publish"]
)
def test_after_a_failure_readers_keep_the_last_release_and_the_rest_is_done(
    warehouse: Warehouse,
    tmp_path: Path,
    steps: list[str],
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    root = json_tree(tmp_path / "store")
    run(warehouse, root)
    served = current_release(warehouse.path)
    assert served is not None
    before = served.resolve()
    steps.clear()
    write(part_file(root, "prt_new", "msg_ses_1_1"), part("prt_new", "msg_ses_1_1"))
    monkeypatch.setenv("FAILING", failing)

    outcome, said = run(warehouse, root)

    assert steps == [step for step in STEPS if step != "publish" or failing == "publish"]
    assert outcome.failed == [failing]
    assert f"Not released, as {failing} failed: readers keep the last release." in said
    assert served.resolve() == before
    assert Warehouse(served).value("select count(*) from raw.parts") == 4

    monkeypatch.delenv("FAILING")
    assert run(warehouse, root)[0].failed == []
    assert Warehouse(served).value("select count(*) from raw.parts") == 5, "the next run heals"


def test_a_load_that_needs_somebody_is_no_failure(
    warehouse: Warehouse, tmp_path: Path, steps: list[str]
) -> None:
    said: list[str] = []
    settings = warehouse.settings(json_tree(tmp_path / "store"), tmp_path / "missing")
    outcome = pipeline.run(settings, Options(), say=said.append)
    assert "Problem: Nothing of OpenCode is at" in "\n".join(said)
    assert outcome.failed == []
    assert steps == STEPS


def test_before_the_first_release_a_failure_says_that_there_is_none(
    warehouse: Warehouse, tmp_path: Path, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILING", "dbt test")
    assert "there is no release yet" in run(warehouse, json_tree(tmp_path / "store"))[1]


def test_the_command_says_by_its_code_that_something_failed(
    warehouse: Warehouse, tmp_path: Path, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["run", "--store", str(json_tree(tmp_path / "store")), "--warehouse", str(warehouse.path)]
    assert main(arguments) == 0
    monkeypatch.setenv("FAILING", "dbt test")
    assert main(arguments) == 1
    monkeypatch.setattr(pipeline, "PROJECT", tmp_path)
    assert main(arguments) == 2


def test_what_was_not_loaded_keeps_nothing_from_being_released_and_is_said(
    warehouse: Warehouse, tmp_path: Path, steps: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    root = json_tree(tmp_path / "store")
    write(part_file(root, "prt_torn"), b'{"id":')

    assert main(["run", "--store", str(root), "--warehouse", str(warehouse.path)]) == 1

    assert steps == STEPS
    assert current_release(warehouse.path) is not None
    assert "Not all could be loaded: see what is rejected" in capsys.readouterr().out.splitlines()[-1]


def test_a_build_that_is_to_end_publishes_nothing(
    warehouse: Warehouse, tmp_path: Path, steps: list[str]
) -> None:
    warehouse.load(json_tree(tmp_path / "store"))
    stop = threading.Event()
    stop.set()
    outcome = pipeline.build(warehouse.settings(tmp_path / "store"), lambda line: None, stop)

    assert steps == []
    assert outcome.release is None
    assert current_release(warehouse.path) is None


def test_a_program_that_is_to_end_is_ended(warehouse: Warehouse) -> None:
    stop = threading.Event()
    command = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        threading.Timer(0.2, stop.set).start()
        began = time.monotonic()
        pipeline._end(process, stop)  # type: ignore[arg-type]
        assert process.wait(10) < 0
        assert time.monotonic() - began < 10


def test_a_disk_that_is_full_is_a_step_that_failed(warehouse: Warehouse) -> None:
    outcome = pipeline.Outcome()
    said: list[str] = []
    one = pipeline._Build(warehouse.settings(), outcome, said.append, None)

    def fill() -> None:
        raise OSError(28, "No space left on device")

    one.attempt("publish", fill)
    assert outcome.failed == ["publish"]
    assert said == ["publish: [Errno 28] No space left on device"]

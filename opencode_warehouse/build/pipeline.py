"""Load → build → test → judge → publish → report, in this order and under one lock.

Whatever fails, the checks are made and the report is written: then they are needed most. Only what passed
everything is published; else readers keep the last release.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from ingest import human, load, load_result
from ingest.errors import IngestError
from ingest.lock import Patience, lent, writing
from ingest.settings import Settings
from opencode_warehouse.build import artifacts, query_timings
from opencode_warehouse.build.compaction import compact
from opencode_warehouse.build.dbt_output import show_what_matters, without_quotes
from opencode_warehouse.keep import releases
from opencode_warehouse.tell import status

PROJECT = Path(__file__).resolve().parents[2]
Say = Callable[[str], object]
SAY: Say = human.say  # who reads it through a pipe sees each step when it begins

_DBT_ENVIRONMENT = {
    "DBT_PROFILES_DIR": str(PROJECT),
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
}


@dataclass(slots=True)
class Outcome:
    """What became of a run: steps that failed, the release that was made, whether all was loaded."""

    failed: list[str] = field(default_factory=list)
    release: releases.Release | None = None
    is_all_loaded: bool = True

    @property
    def needs_user(self) -> bool:
        """Whether a step failed, or a source or a document could not be read."""
        return bool(self.failed) or not self.is_all_loaded


def run(
    settings: Settings, options: load.Options, progress: load.Progress | None = None, say: Say = SAY
) -> Outcome:
    """Load and build, with the words of each step. Raises IngestError where nothing can be loaded."""
    settings.warehouse.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with writing(settings.warehouse):
        say("Run 1/5: loading OpenCode's records")
        loaded = load.load(settings, options, progress)
        say(load_result.describe(loaded))
        outcome = build(settings, say)
        if loaded.needs_user:
            outcome.is_all_loaded = False
            say("Not all could be loaded: see what is rejected, and the problems, in step 1.")
        return outcome


def build(settings: Settings, say: Say = SAY, stop: threading.Event | None = None) -> Outcome:
    """Build what is loaded, test and judge it, publish what is clean, and write the report.

    Setting `stop` ends dbt at once: nothing is published then. `stop` is for a watch, whose log has nothing
    that dbt quotes, and which does not wait for another program: that raises BusyError. Raises IngestError
    where the project is not here.
    """
    if not (PROJECT / "dbt_project.yml").is_file():
        raise IngestError(f"There is no dbt project at {PROJECT}: use a checkout of opencode-warehouse.")
    outcome = Outcome()
    warehouse = settings.warehouse
    with writing(warehouse, None if stop is None else Patience(0)):
        one = _Build(settings, outcome, say, stop)
        say("Run 2/5: building the tables (dbt seed, dbt run)")
        one.dbt("seed")
        one.dbt("run", "--exclude", "tag:quality")
        one.begin("Run 3/5: testing them (dbt test)")
        # Unit tests are of our logic, which is the same on every machine.
        one.dbt("test", "--exclude", "tag:quality", "--exclude-resource-type", "unit_test")
        one.begin("Run 4/5: timing queries, making the health checks")
        one.attempt("time-queries", lambda: query_timings.time_queries(warehouse))
        one.dbt("build", "--select", "tag:quality")
        one.attempt("compact", lambda: compact(warehouse))
        if stop is not None and stop.is_set():
            return outcome
        if not outcome.failed:
            one.attempt("publish", one.publish)
        say(status.describe(status.status(warehouse)))
        say("")
        say("Run 5/5: writing the report")
        if outcome.failed:
            say(_not_released(outcome.failed, warehouse))
        elif outcome.release is not None:
            say(f"Released {outcome.release.name}: readers open {human.place(releases.to_read(warehouse))}.")
        one.command(
            "report", [sys.executable, "-m", "opencode_warehouse", "report", "--warehouse", str(warehouse)]
        )
    return outcome


def _not_released(failed: Sequence[str], warehouse: Path) -> str:
    served = releases.current_release(warehouse)
    kept = "there is no release yet" if served is None else "readers keep the last release"
    return f"Not released, as {', '.join(failed)} failed: {kept}."


@dataclass(slots=True)
class _Build:
    """The steps of one build, each of which may fail without the next being left out."""

    settings: Settings
    outcome: Outcome
    say: Say
    stop: threading.Event | None

    def begin(self, step: str) -> None:
        """Say that a step begins, unless the end was asked for."""
        if self.stop is None or not self.stop.is_set():
            self.say(step)

    def dbt(self, command: str, *arguments: str) -> None:
        """Run a command of dbt, show what a person should see of it, and land its results."""
        dbt = str(Path(sys.executable).with_name("dbt"))
        self.command(f"dbt {command}", [dbt, "--no-use-colors", command, *arguments], is_dbt=True)
        self.attempt(f"results of dbt {command}", self._land_results)

    def command(self, name: str, command: Sequence[str], *, is_dbt: bool = False) -> None:
        """Run a program that writes to the warehouse in our turn; the step fails where it says so."""
        if self.stop is not None and self.stop.is_set():
            return
        warehouse = self.settings.warehouse
        environment = {"DBT_LOG_LEVEL_FILE": "info"} | os.environ | _DBT_ENVIRONMENT | lent(warehouse)
        environment["OPENCODE_WAREHOUSE"] = str(warehouse)
        with subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, "-m", "opencode_warehouse.build.tether", *command],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process:
            if self.stop is not None:
                threading.Thread(target=_end, args=(process, self.stop), daemon=True).start()
            # what dbt says may quote a document
            lines = (human.printable(line.rstrip("\n")) for line in process.stdout or ())
            if is_dbt:
                show_what_matters(lines if self.stop is None else without_quotes(lines), self.say)
            else:
                for line in lines:
                    self.say(line)
        if process.returncode != 0:
            self.outcome.failed.append(name)

    def attempt(self, name: str, step: Callable[[], object]) -> None:
        """Do a step of ours; what a user can mend is said and fails the step."""
        if self.stop is not None and self.stop.is_set():
            return
        try:
            step()
        except (IngestError, duckdb.OperationalError, duckdb.FatalException, OSError) as error:
            self.say(f"{name}: {human.printable(str(error).splitlines()[0])}")
            self.outcome.failed.append(name)

    def publish(self) -> None:
        """Make a release of the warehouse."""
        self.outcome.release = releases.publish(self.settings.warehouse, keep=self.settings.releases_keep)

    def _land_results(self) -> None:
        target = PROJECT / os.environ.get("DBT_TARGET_PATH", "target")
        artifacts.land(self.settings.warehouse, target)


def _end(process: "subprocess.Popen[str]", stop: threading.Event) -> None:
    while process.poll() is None:
        if stop.wait(0.2):
            process.terminate()
            return

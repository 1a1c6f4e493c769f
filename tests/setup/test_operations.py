"""The daily job: what the documentation names is there, and an alert goes out whatever failed before."""

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "operations.md").read_text("utf-8")
MAKEFILE = (PROJECT / "Makefile").read_text("utf-8")
UNITS = sorted((PROJECT / "deploy").iterdir())
VARIABLE = r"\bOPENCODE_[A-Z_]+\b"
CHANNELS = {"OPENCODE_ALERTS_SLACK_URL", "OPENCODE_ALERTS_WEBHOOK_URL", "OPENCODE_ALERTS_SMTP_URL"}

# Stands in for everything that the Makefile starts: notes what it is asked, ends as it is told to.
STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> "$NOTES"
case "$*" in *"$FAILING"*) exit "$CODE" ;; esac
"""


def targets() -> set[str]:
    """Return the targets that `make` lists."""
    return set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))


def of_alerts() -> set[str]:
    """Return the environment variables that alerts read."""
    code = (PROJECT / "opencode_warehouse" / "alerts" / "channels.py").read_text("utf-8")
    # The level of a channel is asked for by the channel's name.
    names = set(re.findall(r"\{PREFIX\}([A-Z_]+)", code))
    names |= {f"{channel}_LEVEL" for channel in re.findall(r'\blevel\("([A-Z]+)"\)', code)}
    return {f"OPENCODE_ALERTS_{name}" for name in names}


def unit(path: Path) -> ConfigParser:
    """Return a systemd unit."""
    parser = ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path)
    return parser


def test_every_make_target_of_the_page_and_of_the_units_is_there() -> None:
    texts = [PAGE, *(path.read_text("utf-8") for path in UNITS)]
    named = {name for text in texts for name in re.findall(r"(?:`|\$ |&& |/)make ([a-z-]+)", text)}
    assert {"daily", "backup", "health", "alert", "run"} <= named
    assert named <= targets()


def test_every_variable_of_the_page_is_read_and_every_one_of_alerts_is_on_the_page() -> None:
    on_page = set(re.findall(VARIABLE, PAGE))
    code = "".join((PROJECT / "ingest" / name).read_text("utf-8") for name in ("settings.py", "lock.py"))
    assert on_page - set(re.findall(VARIABLE, code)) == of_alerts()
    assert of_alerts() > CHANNELS


def test_the_makefile_looks_for_every_channel() -> None:
    assert set(re.findall(VARIABLE, MAKEFILE)) - {"OPENCODE_WAREHOUSE"} == CHANNELS


@pytest.mark.parametrize(
    ("command", "options"),
    [("-m opencode_warehouse alert", ("--test", "--dry-run")), ("-m opencode_warehouse backup", ("--to",))],
)
def test_the_options_that_the_page_names_are_there(command: str, options: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, *command.split(), "--help"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    for option in options:
        assert option in done.stdout


def test_links_and_commands_of_the_page_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGE):
        assert (PROJECT / "docs" / link).exists(), link
    for program, command in re.findall(r"`(opencode-(?:ingest|warehouse)) ([a-z-]+)`", PAGE):
        module = {"opencode-ingest": "ingest", "opencode-warehouse": "opencode_warehouse"}[program]
        done = subprocess.run(
            [sys.executable, "-m", module, "--help"], cwd=PROJECT, capture_output=True, text=True, check=True
        )
        assert re.search(rf"^ +{command}\b", done.stdout, re.MULTILINE), command


def test_units_start_the_job_with_the_secrets_in_a_file() -> None:
    assert {path.name for path in UNITS} == {
        f"opencode-warehouse{part}.{kind}" for part in ("", "-backup") for kind in ("service", "timer")
    } | {"opencode-warehouse-watch.service"}
    for path in UNITS:
        if path.suffix == ".timer":
            assert unit(path)["Timer"]["Persistent"] == "yes"
            assert path.with_suffix(".service") in UNITS
            continue
        service = unit(path)["Service"]
        assert "Environment" not in service
        assert service["EnvironmentFile"] == "-%h/.config/opencode-warehouse.env"
        assert service["UMask"] == "0077"
    assert "~/.config/opencode-warehouse.env" in PAGE


class Job:
    """`make daily` in a copy of the project in which every command is a stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("Makefile", "pyproject.toml", "requirements.lock"):
            shutil.copy(PROJECT / name, folder)
        programs = folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        for name in ("python", "dbt"):
            (programs / name).write_text(STAND_IN)
            (programs / name).chmod(0o755)
        (programs.parent / ".ready").touch()

    def __call__(
        self, channel: str | None, failing: str = "nothing", code: int = 1
    ) -> tuple[int, str, list[str]]:
        """Run it; return its exit code, what it said, and which commands it started."""
        notes = self.folder / "notes"
        notes.unlink(missing_ok=True)
        environ = {name: value for name, value in os.environ.items() if not re.fullmatch(VARIABLE, name)}
        environ |= {"NOTES": str(notes), "FAILING": failing, "CODE": str(code)}
        environ |= {channel: "somewhere"} if channel else {}
        for inherited in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
            environ.pop(inherited, None)
        done = subprocess.run(
            ["make", "daily"], cwd=self.folder, env=environ, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, notes.read_text().splitlines()


@pytest.fixture
def daily(tmp_path: Path) -> Job:
    return Job(tmp_path)


@pytest.mark.parametrize("channel", sorted(CHANNELS))
def test_the_daily_job_runs_and_then_alerts(daily: Job, channel: str) -> None:
    code, _, commands = daily(channel)
    assert code == 0
    assert commands[-2:] == [
        "python -m opencode_warehouse run --fallback sample",
        "python -m opencode_warehouse alert",
    ]


def test_without_a_channel_nobody_is_told_and_that_is_no_error(daily: Job) -> None:
    code, said, commands = daily(None)
    assert code == 0
    assert "no channel is set: docs/operations.md" in said
    assert "python -m opencode_warehouse alert" not in commands


@pytest.mark.parametrize("code", [1, 2])
def test_whatever_fails_the_alert_goes_out_and_the_job_has_failed(daily: Job, code: int) -> None:
    ended, _, commands = daily("OPENCODE_ALERTS_SLACK_URL", "opencode_warehouse run", code)
    assert ended != 0
    assert commands[-1] == "python -m opencode_warehouse alert"


@pytest.mark.parametrize("code", [1, 2])
def test_an_alert_that_did_not_arrive_fails_the_job(daily: Job, code: int) -> None:
    assert daily("OPENCODE_ALERTS_SLACK_URL", "-m opencode_warehouse alert", code)[0] != 0

"""What is given with `make answer Q=…` reaches a program as it is: neither make nor a shell reads it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

# Stands in for what the Makefile starts: notes each argument between two signs that no argument holds.
STAND_IN = """#!/bin/sh
for argument in "$@"; do printf '\\001%s\\002' "$argument" >> "$NOTES"; done
"""
HOSTILE = (
    "$(touch pwned)",
    "$(shell touch pwned)",
    "`touch pwned`",
    '"; touch pwned; "',
    "'; touch pwned; '",
    "a\ntouch pwned\n",
    "${HOME}$HOME$$",
    "a && touch pwned",
    "* ? [a-z] ~ \\",
    "--write",
    "$(eval X:=$(shell touch pwned))",
    "x\\",
)
# Of each target and variable, the beginning of the argument that it becomes.
ARGUMENTS = {
    ("answer", "Q"): "",
    ("report", "PAGE"): "",
    ("backup", "TO"): "--to=",
    ("restore", "FROM"): "",
    ("rollback", "TO"): "--to=",
    ("prune", "DAYS"): "--older-than=",
    ("watch", "BUILD_EVERY"): "--build-every=",
    ("bench", "SIZE"): "--size=",
    ("bench", "ONLY"): "--only=",
    ("bench", "REPEAT"): "--repeat=",
    ("errors-eval", "FILE"): "",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the Makefile in which every command is a stand-in."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(PROJECT / name, folder)
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "dbt", "pytest"):
        (folder / ".venv" / "bin" / name).write_text(STAND_IN)
        (folder / ".venv" / "bin" / name).chmod(0o755)
    (folder / ".venv" / ".ready").touch()
    return folder


def make(
    project: Path, *arguments: str, **environ: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run make; return what it said and every argument that it gave to a program."""
    notes = project / "notes"
    notes.unlink(missing_ok=True)
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("OPENCODE_", "MAKE", "MFL"))
    }
    done = subprocess.run(
        ["make", *arguments],
        cwd=project,
        env=kept | {"NOTES": str(notes)} | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall("\x01(.*?)\x02", notes.read_text(), re.DOTALL) if notes.exists() else []
    assert not (project / "pwned").exists(), arguments
    return done, found


@pytest.mark.parametrize(("target", "name"), ARGUMENTS)
def test_a_variable_is_one_argument_as_it_was_written(project: Path, target: str, name: str) -> None:
    for value in HOSTILE:
        for given in ([f"{name}={value}"], []):
            environ = {} if given else {name: value}
            done, arguments = make(project, target, *given, **environ)
            assert done.returncode == 0, done.stderr
            assert ARGUMENTS[target, name] + value in arguments, (value, arguments)


@pytest.mark.parametrize(("target", "name"), [key for key in ARGUMENTS if key not in {("prune", "DAYS")}])
def test_a_variable_that_is_not_given_is_no_argument(project: Path, target: str, name: str) -> None:
    option = ARGUMENTS[target, name]
    for given in ([], [f"{name}="]):
        done, arguments = make(project, target, *given)
        assert done.returncode == 0, done.stderr
        if option and (target, name) != ("bench", "SIZE"):
            assert not [one for one in arguments if one.startswith(option)]
        elif name in ("FROM", "PAGE", "FILE"):
            assert arguments[-1] == "--"


@pytest.mark.parametrize("value", [*HOSTILE, "a[$(touch pwned)]", "-1", "1e3"])
def test_minutes_are_a_number(project: Path, value: str) -> None:
    done, _ = make(project, "soak", f"MINUTES={value}")
    assert done.returncode != 0
    assert "MINUTES is a whole number" in done.stderr


@pytest.mark.parametrize("minutes", ["5", "08"])
def test_minutes_are_handed_on(project: Path, minutes: str) -> None:
    stand_in = project / ".venv" / "bin" / "pytest"
    stand_in.write_text('#!/bin/sh\necho "$SOAK_SECONDS" > target/soak.json\n')
    done, _ = make(project, "soak", f"MINUTES={minutes}")
    assert done.stdout.splitlines()[-1] == str(60 * int(minutes)), done.stderr


@pytest.mark.parametrize("value", HOSTILE)
def test_the_python_that_is_named_is_one_program(project: Path, tmp_path: Path, value: str) -> None:
    fresh = tmp_path / "fresh"
    shutil.copytree(project, fresh)
    (fresh / ".venv" / ".ready").unlink()
    done, _ = make(fresh, "setup", f"PYTHON={value}")
    assert done.returncode != 0
    assert "Python 3.11, 3.12 or 3.13 is needed" in done.stderr


def test_the_warehouse_is_one_argument_too(project: Path) -> None:
    for value in HOSTILE:
        _, arguments = make(project, "answer", "Q=x", OPENCODE_WAREHOUSE=value)
        assert value in arguments
        _, arguments = make(project, "answer", "Q=x", f"OPENCODE_WAREHOUSE={value}")
        assert value in arguments

"""What set-up installs: every file by a hash, in the versions that are pinned, under known licences."""

import re
from pathlib import Path

import licences
import pytest

PROJECT = Path(__file__).resolve().parents[2]
LOCK = (PROJECT / "requirements.lock").read_text("utf-8")
ELSEWHERE = {"httpx2-jsfetch", "tzdata"}
"""What the lock names for other systems than Linux and macOS."""


def normal(name: str) -> str:
    """Return the name of a package as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, str]:
    """Return the packages of the lock, each with its version."""
    return {normal(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", LOCK, re.MULTILINE)}


def test_the_lock_has_what_is_pinned_and_nothing_else() -> None:
    pinned = {normal(name): version for name, version in licences.pins(PROJECT).items()}
    assert {name: version for name, version in locked().items() if name not in ELSEWHERE} == pinned


def test_every_package_of_the_lock_has_hashes_and_none_names_a_host() -> None:
    entries = re.split(r"\n(?=[\w.-]+==)", LOCK[LOCK.index("\n", LOCK.rindex("# ")) :])[1:]
    assert len(entries) == len(locked())
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert "://" not in LOCK
    assert "--index" not in LOCK


def test_set_up_installs_by_the_lock_alone() -> None:
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    installs = re.findall(r"pip install (.*)", makefile)
    assert [("--require-hashes" in one, "--no-deps" in one) for one in installs] == [
        (True, True),
        (False, True),
    ]
    assert "--no-build-isolation" in installs[1]


def test_the_page_of_licences_is_current_and_says_one_of_each_package(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert licences.main(["--check"]) == 0, capsys.readouterr().err
    listed = (PROJECT / licences.PAGE).read_text("utf-8")
    said = dict(re.findall(r"^\| ([\w.-]+) \| \S+ \| (.+) \|$", listed, re.MULTILINE))
    assert licences.UNKNOWN not in said.values()
    assert set(licences.pins(PROJECT)) <= set(said)

"""Releases: whole and verified, swapped in by one rename, kept, rolled back; nothing half where it fails."""

import json
import re
import resource
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import duckdb
import pytest

from ingest.errors import IngestError
from ingest.warehouse import open_warehouse
from opencode_warehouse.cli import main
from opencode_warehouse.keep import copies, releases
from opencode_warehouse.keep.releases import current_release, publish, roll_back, to_read
from tests.ingest.stores import Warehouse, json_tree

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
N_DOCUMENTS = 10
KILL_POINTS = (
    "copies.copy_file",
    "copies.sha256",
    "copies.Manifest.write",
    "releases._next_name",
    "releases._point",
    "releases._rotate",
    "releases.shutil.rmtree",
)


@pytest.fixture
def built(warehouse: Warehouse, tmp_path: Path) -> Warehouse:
    """A warehouse of a small history with a table of a build, whose rows all bear the number of the build."""
    warehouse.load(json_tree(tmp_path / "store"))
    rebuild(warehouse, 1)
    return warehouse


def rebuild(warehouse: Warehouse, number: int) -> None:
    """Write the tables of a build anew."""
    with open_warehouse(warehouse.path) as connection:
        for table in ("built", "built_later"):
            connection.execute(f"create or replace table main.{table} as select {number} as build")
        connection.execute("create or replace view main.seen as select build from opencode.main.built")


def release(warehouse: Warehouse, number: int, keep: int = 3) -> releases.Release:
    """Build, and release what was built, a minute after the build before it."""
    rebuild(warehouse, number)
    return publish(warehouse.path, keep=keep, clock=lambda: NOW + timedelta(minutes=number))


def served(warehouse: Warehouse) -> object:
    """Return the number of the build that readers of `current` are given."""
    file = current_release(warehouse.path)
    assert file is not None
    return Warehouse(file).value("select build from main.seen")


def left(warehouse: Warehouse) -> set[str]:
    """Return the names of all releases and of what lies beside them."""
    return {path.name for path in (warehouse.path.parent / "releases").iterdir()} - {".turn"}


def test_a_release_is_the_same_bytes_for_its_owner_alone_and_current_names_it(built: Warehouse) -> None:
    made = publish(built.path, clock=lambda: NOW)

    folder = built.path.parent / "releases" / "20261122T080000Z"
    assert made.path == folder / "opencode.duckdb"
    assert made.path.read_bytes() == built.path.read_bytes()
    assert (built.path.parent / "current").readlink() == Path("releases/20261122T080000Z")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["sha256"] == copies.sha256(made.path) == made.manifest.sha256
    assert manifest["documents"]["parts"] == 4
    assert made.manifest.contents.n_documents == N_DOCUMENTS
    assert (manifest["newest_load_batch_id"], manifest["size_bytes"]) == (1, made.path.stat().st_size)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder.parent, folder, *folder.iterdir())]
    assert modes == [0o700, 0o700, 0o600, 0o600]
    assert served(built) == 1
    assert releases.releases(built.path) == [made]


def test_readers_are_given_the_warehouse_itself_until_there_is_a_release(built: Warehouse) -> None:
    assert current_release(built.path) is None
    assert to_read(built.path) == built.path
    publish(built.path)
    assert to_read(built.path) == built.path.parent / "current" / "opencode.duckdb"


def test_the_last_releases_stay_and_what_killed_runs_left_goes(built: Warehouse) -> None:
    (built.path.parent / "releases" / ".half.part").mkdir(parents=True)
    (built.path.parent / "releases" / "notes").mkdir()
    names = [release(built, number).name for number in (1, 2, 3, 4, 5)]
    assert left(built) == {*names[-3:], "notes"}
    last = release(built, 6, keep=1)
    assert left(built) == {last.name, "notes"}
    only = release(built, 7, keep=0)
    assert left(built) == {only.name, "notes"}
    assert served(built) == 7


def test_names_ascend_whatever_the_clock_says(built: Warehouse) -> None:
    times = iter((NOW, NOW, NOW - timedelta(days=1)))
    names = [publish(built.path, clock=lambda: next(times)).name for _ in range(3)]
    assert names == ["20261122T080000Z", "20261122T080001Z", "20261122T080002Z"]


def test_a_rollback_gives_the_release_before_while_the_warehouse_is_written(built: Warehouse) -> None:
    for number in (1, 2, 3):
        release(built, number)
    with open_warehouse(built.path):
        started = time.monotonic()
        back = roll_back(built.path)
        assert time.monotonic() - started < 5
    assert (back.name, served(built)) == ("20261122T080200Z", 2)
    assert roll_back(built.path).name == "20261122T080100Z"
    assert built.value("select build from main.built") == 3
    with pytest.raises(IngestError, match=r"no release to go back to\. Releases: .*T080100Z \(current\)\.$"):
        roll_back(built.path)
    assert served(built) == 1


def test_the_next_publication_goes_forward_and_drops_what_was_withdrawn(built: Warehouse) -> None:
    for number in (1, 2):
        release(built, number)
    roll_back(built.path, clock=lambda: NOW)
    bad = releases.releases(built.path)[0]
    assert (bad.is_current, bad.manifest.withdrawn_at) == (False, NOW)
    good = release(built, 3)
    assert served(built) == 3
    assert left(built) == {"20261122T080100Z", good.name}
    assert roll_back(built.path).name == "20261122T080100Z"


def test_a_release_can_be_named_also_one_that_was_withdrawn(built: Warehouse) -> None:
    names = [release(built, number).name for number in (1, 2, 3)]
    roll_back(built.path, names[0])
    assert served(built) == 1
    assert roll_back(built.path, names[2]).manifest.withdrawn_at is None
    assert served(built) == 3
    assert releases.releases(built.path)[0].manifest.withdrawn_at is None
    assert roll_back(built.path).name == names[0]  # the second is still withdrawn
    with pytest.raises(IngestError, match=r"There is no release yesterday\. Releases: "):
        roll_back(built.path, "yesterday")


def test_without_a_release_there_is_nothing_to_go_back_to(built: Warehouse) -> None:
    with pytest.raises(IngestError, match=r"There is no release in .* yet"):
        roll_back(built.path)
    assert not (built.path.parent / "releases").exists()


def test_a_link_that_leads_nowhere_is_no_release_and_the_newest_is_gone_back_to(built: Warehouse) -> None:
    names = [release(built, number).name for number in (1, 2)]
    (built.path.parent / "releases" / names[1]).rename(built.path.parent / "elsewhere")
    assert current_release(built.path) is None
    assert roll_back(built.path).name == names[0]


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_something_else_named_current_is_left_alone(built: Warehouse, tmp_path: Path, kind: str) -> None:
    current = built.path.parent / "current"
    if kind == "folder":
        current.mkdir()
    elif kind == "file":
        current.write_text("mine")
    else:
        current.symlink_to(tmp_path)
    for attempt in (publish, roll_back):
        with pytest.raises(IngestError, match="current is not a link to a release"):
            attempt(built.path)
    assert not (built.path.parent / "releases").exists()
    assert current.is_symlink() == (kind == "link")


def test_without_a_warehouse_nothing_is_released(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"There is no warehouse at .* to release"):
        publish(tmp_path / "w" / "opencode.duckdb")
    assert not (tmp_path / "w").exists()


def test_nobody_loads_into_a_release(built: Warehouse) -> None:
    made = publish(built.path)
    before = made.path.read_bytes()
    with pytest.raises(IngestError, match="is a release or a backup, which nobody may change"):
        Warehouse(made.path).load(built.path.parents[1] / "store")
    assert made.path.read_bytes() == before


def test_nobody_else_can_write_until_readers_are_given_the_release(
    built: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []
    rotate = releases._rotate

    def look(warehouse: Path, keep: int) -> None:
        command = [sys.executable, "-c", f"import duckdb; duckdb.connect({str(warehouse)!r})"]
        attempts.append(subprocess.run(command, capture_output=True, text=True, check=False).stderr)
        rotate(warehouse, keep)

    monkeypatch.setattr(releases, "_rotate", look)
    publish(built.path)
    assert "Could not set lock" in attempts[0]


def test_a_disk_without_room_is_told_before_anything_is_copied(
    built: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Room:
        free = 1000

    first = release(built, 1)
    monkeypatch.setattr("shutil.disk_usage", lambda path: Room)
    with pytest.raises(
        IngestError, match=r"and its disk has 1\.0 kB left\. The last release is still served"
    ):
        release(built, 2)
    assert (left(built), served(built)) == ({first.name}, 1)


def test_a_disk_that_fills_up_leaves_the_last_release_and_the_next_run_heals(built: Warehouse) -> None:
    first = release(built, 1)
    rebuild(built, 2)
    size = built.path.stat().st_size

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, resource.RLIM_INFINITY))

    program = f"""
        from pathlib import Path
        from ingest.errors import IngestError
        from opencode_warehouse.keep.releases import publish
        try:
            publish(Path({str(built.path)!r}))
        except IngestError as error:
            print(error)
    """
    full = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "could not be finished (File too large). The last release is still served" in full.stdout
    assert (left(built), served(built)) == ({first.name}, 1)
    release(built, 3)
    assert served(built) == 3


def test_a_copy_that_is_not_the_same_is_not_released(
    built: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = release(built, 1)
    copy_whole = copies.copy_file

    def lose_parts(original: BinaryIO, copy: Path, progress: copies.Progress) -> int:
        n_bytes = copy_whole(original, copy, progress)
        with duckdb.connect(str(copy)) as connection:
            connection.execute("delete from raw.parts where rowid = 0")
        return n_bytes

    monkeypatch.setattr(copies, "copy_file", lose_parts)
    with pytest.raises(IngestError, match="does not hold the documents"):
        release(built, 2)
    assert (left(built), served(built)) == ({first.name}, 1)


@pytest.mark.parametrize("point", KILL_POINTS)
def test_a_kill_at_any_step_leaves_a_whole_release_and_the_next_run_heals(
    built: Warehouse, point: str
) -> None:
    first = release(built, 1)
    rebuild(built, 2)
    module, _, attribute = point.rpartition(".")
    program = f"""
        import os, signal
        from pathlib import Path
        from opencode_warehouse.keep import copies, releases

        def die(*arguments, **named):
            os.kill(os.getpid(), signal.SIGKILL)

        {module}.{attribute} = die
        releases.publish(Path({str(built.path)!r}), keep=1)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert served(built) in (1, 2)
    third = release(built, 3, keep=2)
    assert served(built) == 3
    assert third.name in left(built)
    assert all(re.fullmatch(r"\d{8}T\d{6}Z", name) for name in left(built))
    assert len(left(built)) <= 2
    assert first.name in left(built) or len(left(built)) == 2
    assert not list(built.path.parent.glob(".current*"))


@contextmanager
def reader(file: Path, stop: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run a process that opens a file again and again until told to stop, and prints every build it saw."""
    program = f"""
        import duckdb, pathlib
        builds, n_reads = [], 0
        while not pathlib.Path({str(stop)!r}).exists():
            with duckdb.connect({str(file)!r}, read_only=True) as connection:
                build, = connection.execute("select build from main.seen").fetchone()
                assert connection.execute("select build from main.built_later").fetchall() == [(build,)]
            builds += [build] if build not in builds else []
            n_reads += 1
            print(n_reads, flush=True) if n_reads == 1 else None
        print(builds)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "1\n"
            yield process
        finally:
            stop.touch()


def test_a_reader_meets_no_error_and_no_mix_while_releases_are_built_and_swapped(
    built: Warehouse, tmp_path: Path
) -> None:
    release(built, 1)
    file = current_release(built.path)
    assert file is not None
    with reader(file, tmp_path / "stop") as process:
        for number in range(2, 22):
            release(built, number)
        (tmp_path / "stop").touch()
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 0
    builds = json.loads(output)
    assert builds == sorted(builds)
    assert len(builds) > 2


def test_a_reader_that_is_at_work_keeps_its_release(built: Warehouse) -> None:
    release(built, 1)
    file = current_release(built.path)
    assert file is not None
    with closing(duckdb.connect(str(file), read_only=True)) as connection:
        for number in (2, 3):
            release(built, number, keep=1)
        assert connection.execute("select build from main.seen").fetchall() == [(1,)]
    assert served(built) == 3


def test_the_commands_list_and_roll_back(built: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--warehouse", str(built.path), "--store", str(built.path.parents[1] / "store")]
    assert main(["releases", *common]) == 0
    assert "There is no release yet" in capsys.readouterr().out
    assert main(["rollback", *common]) == 2
    assert "There is no release in" in capsys.readouterr().err
    for number in (1, 2):
        release(built, number)

    assert main(["rollback", *common]) == 0
    assert "given the release 20261122T080100Z" in capsys.readouterr().out
    assert main(["releases", *common]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["20261122T080200Z", "10", *lines[1].split()[2:4], "withdrawn"]
    assert lines[2].endswith("current")
    assert main(["rollback", *common, "--to", "20261122T080200Z", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["is_current"] is True
    assert main(["releases", *common, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["is_current"]) for one in found] == [
        ("20261122T080200Z", True),
        ("20261122T080100Z", False),
    ]
    assert main(["status", *common, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["to_read"].endswith("/current/opencode.duckdb")

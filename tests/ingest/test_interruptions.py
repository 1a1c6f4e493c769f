"""A load that is killed, at any point, is completed by the next one."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.raw import chunks
from ingest.raw.writer import Writer
from tests.ingest.stores import (
    NOW,
    Warehouse,
    change,
    database,
    json_tree,
    line_of,
    message_file,
    part,
    part_file,
    write,
)

# Loads like the command line does, and kills itself before or after the n-th call of one method.
KILLED = """
import os, signal, sys
from pathlib import Path
from ingest.raw import batch, chunks, landing, rejections, writer
from ingest.cli import main

method, n, when, *arguments = sys.argv[1:]
chunks.CHUNK_ROWS = 20
owners = {"begin": batch.Batch, "end": batch.Batch, "settle": rejections.Rejections,
    "_commit": writer.Writer, "_write": writer.Writer}
owner = owners.get(method, landing.Landing)
original, calls = getattr(owner, method), []

def counted(*args, **kwargs):
    calls.append(1)
    if len(calls) == int(n) and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*args, **kwargs)
    if len(calls) == int(n) and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, method, counted)
sys.exit(main(arguments))
"""


Comparable = dict[tuple[object, ...], tuple[object, ...]]


def store(root: Path) -> Path:
    """Make a store that takes many chunks to load."""
    database(root / "opencode.db", n_messages=25, n_parts=4)
    write(message_file(root, "msg_bad"), b'{"role":')
    return json_tree(root, n_messages=25, n_parts=4)


def age(root: Path) -> None:
    """Change, delete and mend documents."""
    change(
        root / "opencode.db",
        "delete from part where id like 'prt_2_%'",
        """update message set time_updated = time_updated + 7, data = '{"role":"user","n":1}'
        where id like 'msg_1%'""",
    )
    for n in range(1, 16):
        name = (f"prt_ses_1_{n}_1", f"msg_ses_1_{n}")
        write(part_file(root, *name), part(*name, text="changed"), at=NOW)
        part_file(root, f"prt_ses_1_{n}_2", f"msg_ses_1_{n}").unlink()
    write(message_file(root, "msg_bad"), {"role": "user"}, at=NOW)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Comparable]:
    """What loads that nobody disturbs make of the store, new and aged; without the path of the store."""
    folder = tmp_path_factory.mktemp("undisturbed")
    warehouse = Warehouse(folder / "warehouse" / "opencode.duckdb")
    root = store(folder / "store")
    warehouse.load(root)
    new = comparable(warehouse, root)
    age(root)
    warehouse.load(root)
    return {"new": new, "aged": comparable(warehouse, root)}


def comparable(warehouse: Warehouse, root: Path) -> Comparable:
    found: Comparable = {
        (key[0], str(key[1]).replace(str(root), "").replace("box:", ""), key[2]): row
        for key, row in warehouse.documents().items()
    }
    for entity, origin, document_id, reason, _ in warehouse.rejected():
        found["rejected", entity, origin, document_id] = (reason,)
    return found


@pytest.mark.parametrize(
    ("state", "method", "n", "when", "status"),
    [
        ("new", "begin", 1, "before", None),
        ("new", "begin", 1, "after", "interrupted"),
        ("new", "begin_source", 1, "after", "interrupted"),
        ("new", "_commit", 1, "before", "interrupted"),
        ("new", "_commit", 1, "after", "interrupted"),
        ("new", "_commit", 4, "after", "interrupted"),
        ("new", "_commit", 9, "before", "interrupted"),
        ("new", "_write", 1, "before", "interrupted"),
        ("new", "_write", 8, "after", "interrupted"),
        ("new", "end_source", 1, "before", "interrupted"),
        ("new", "settle", 1, "after", "interrupted"),
        ("new", "end_source", 1, "after", "interrupted"),
        ("new", "settle", 2, "before", "interrupted"),
        ("new", "end", 1, "before", "interrupted"),
        ("new", "end", 1, "after", "completed"),
        ("aged", "_commit", 1, "after", "interrupted"),
        ("aged", "_commit", 2, "after", "interrupted"),
        ("aged", "_write", 4, "after", "interrupted"),
        ("aged", "settle", 1, "after", "interrupted"),
        ("aged", "end", 1, "before", "interrupted"),
    ],
)
def test_a_killed_load_is_completed_by_the_next(
    warehouse: Warehouse,
    tmp_path: Path,
    undisturbed: dict[str, Comparable],
    state: str,
    method: str,
    n: int,
    when: str,
    status: str | None,
) -> None:
    root = store(tmp_path / "store")
    if state == "aged":
        warehouse.load(root)
        age(root)
    arguments = ["load", "--store", str(root), "--warehouse", str(warehouse.path), "--machine", "box"]

    killed = subprocess.run(
        [sys.executable, "-c", KILLED, method, str(n), when, *arguments], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    result = warehouse.load(root)

    assert result.problems == []
    assert comparable(warehouse, root) == undisturbed[state]
    assert warehouse.load(root).counts.written == 0
    batches = {
        row[0]: row[1] for row in warehouse.query("select load_batch_id, status from raw.load_batches")
    }
    killed_batch = 2 if state == "aged" else 1
    assert batches.pop(killed_batch) == (status or "completed")
    assert set(batches.values()) == {"completed"}


def test_a_load_that_fails_at_any_commit_is_completed_by_the_next(
    tmp_path: Path,
    undisturbed: dict[str, Comparable],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 20)
    root = store(tmp_path / "store")
    commit = Writer._commit

    for n in range(30):
        calls = iter(range(100))

        def fail(self: Writer, n: int = n, calls: Iterator[int] = calls) -> None:
            if next(calls) == n:
                raise ZeroDivisionError
            commit(self)

        warehouse = Warehouse(tmp_path / str(n) / "opencode.duckdb")
        monkeypatch.setattr(Writer, "_commit", fail)
        try:
            warehouse.load(root)
        except ZeroDivisionError:
            pass
        else:
            break
        monkeypatch.setattr(Writer, "_commit", commit)
        assert warehouse.value("select status from raw.load_batches") == "running"
        warehouse.load(root)
        assert comparable(warehouse, root) == undisturbed["new"]

    assert n > 9, "so many commits were interrupted"


def test_a_killed_load_can_be_looked_at_before_it_is_completed(warehouse: Warehouse, tmp_path: Path) -> None:
    root = store(tmp_path / "store")
    common = ["--store", str(root), "--warehouse", str(warehouse.path), "--machine", "box"]
    subprocess.run([sys.executable, "-c", KILLED, "_commit", "3", "after", "load", *common], check=False)

    left = {path.name: stat.S_IMODE(path.stat().st_mode) for path in warehouse.path.parent.iterdir()}
    names = ("opencode.duckdb", "opencode.duckdb.wal", "opencode.lock", "opencode.status.json")
    assert left == dict.fromkeys(names, 0o600)
    for command, code in (("status", 0), ("doctor", 1), ("load --dry-run", 1)):
        run = subprocess.run(
            [sys.executable, "-m", "ingest", *command.split(), *common], capture_output=True, check=False
        )
        assert run.returncode == code, run.stderr
        if command == "doctor":
            assert b"did not come to its end" in run.stdout


def test_two_loads_at_once_take_turns(warehouse: Warehouse, tmp_path: Path) -> None:
    root = store(tmp_path / "store")
    command = [
        sys.executable,
        "-m",
        "ingest",
        "load",
        "--store",
        str(root),
        "--warehouse",
        str(warehouse.path),
    ]

    loads = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    outcomes = [(process.communicate(timeout=60), process.returncode) for process in loads]

    # The store has a broken document, and each load says so.
    assert [code for _, code in outcomes] == [1, 1, 1], outcomes
    written = [row[0] for row in warehouse.query("select n_written from raw.load_batches order by n_written")]
    assert written[:2] == [0, 0]
    assert written[2] == warehouse.value("select n_scanned - n_rejected from raw.load_batches limit 1")


def test_a_load_interrupted_from_the_keyboard_says_so(warehouse: Warehouse, tmp_path: Path) -> None:
    root = store(tmp_path / "store")
    # A process that a shell started in the background ignores the keyboard, and so do its children.
    script = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + KILLED.replace(
        "os.kill(os.getpid(), signal.SIGKILL)", "print('here', flush=True); import time; time.sleep(60)"
    )
    arguments = ["load", "--store", str(root), "--warehouse", str(warehouse.path), "--machine", "box"]
    process = subprocess.Popen(
        [sys.executable, "-c", script, "end_source", "1", "before", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert line_of(process.stdout) == b"here\n"
    os.kill(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=30)

    assert process.returncode == 130
    assert b"interrupted; the next load completes what is missing" in error

"""The command line: exit codes, what is printed, what is written."""

import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from rich.progress import Progress

from ingest import __version__, load
from ingest.cli import main
from tests.ingest.stores import (
    SECRET,
    Warehouse,
    database,
    json_tree,
    look,
    message_file,
    part_file,
    write,
)

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return json_tree(tmp_path / "store")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ingest", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_load_status_and_doctor_of_a_whole_history_end_with_0(
    root: Path, warehouse: Warehouse, capsys: Captured
) -> None:
    common = ["--store", str(root), "--warehouse", str(warehouse.path)]
    for command in ("init", "load", "load", "status", "doctor"):
        assert main([command, *common]) == 0
    out = capsys.readouterr().out
    assert "10 documents written" in out
    assert "Nothing changed since the last load, nothing was written." in out
    assert "All is well." in out


def test_what_needs_the_user_ends_with_1_and_the_rest_is_loaded(
    root: Path, warehouse: Warehouse, tmp_path: Path, capsys: Captured
) -> None:
    broken = write(tmp_path / "opencode.db", b"SQLite format 3\0" + b"\xff" * 4080)
    common = ["--store", str(root), "--store", str(broken), "--warehouse", str(warehouse.path)]

    assert main(["load", *common]) == 1
    assert "Problem: " in capsys.readouterr().out
    assert warehouse.value("select count(*) from raw.parts") == 4
    assert main(["doctor", *common]) == 1


def test_a_rejected_document_needs_the_user_until_it_is_mended(root: Path, warehouse: Warehouse) -> None:
    common = ["--store", str(root), "--warehouse", str(warehouse.path)]
    broken = write(part_file(root, "prt_torn"), b'{"id":')

    assert [main(["load", *common]) for _ in range(2)] == [1, 1]

    broken.unlink()
    assert main(["load", *common]) == 0


def test_where_nothing_can_be_done_it_ends_with_2_and_says_why(
    tmp_path: Path, warehouse: Warehouse, capsys: Captured
) -> None:
    for arguments, words in (
        (["status", "W"], "or `opencode-ingest load` alone."),
        (
            ["load", "W", "--store", str(tmp_path / "no\x1bwhere")],
            "opencode-ingest: Nothing of OpenCode is at",
        ),
        (["load", "--warehouse", "history.duckdb"], "must be called opencode.duckdb"),
    ):
        assert main(["--warehouse=" + str(warehouse.path) if a == "W" else a for a in arguments]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert "\x1b" not in error
    with pytest.raises(SystemExit) as usage:
        main(["frobnicate"])
    assert usage.value.code == 2


def test_every_result_can_be_had_as_json(root: Path, warehouse: Warehouse, capsys: Captured) -> None:
    write(message_file(root, "msg_bad"), b"")
    common = ["--json", "--store", str(root), "--warehouse", str(warehouse.path)]

    main(["init", *common])
    assert json.loads(capsys.readouterr().out) == {"warehouse": str(warehouse.path)}
    main(["load", *common])
    loaded = json.loads(capsys.readouterr().out)
    assert loaded["counts"]["written"] == 10
    assert loaded["rejected"][0]["reason"] == "empty"
    assert loaded["sources"][0]["kind"] == "json"
    main(["status", *common])
    assert json.loads(capsys.readouterr().out)["documents"]["parts"] == 4
    main(["doctor", *common])
    assert json.loads(capsys.readouterr().out)[0]["level"] == "ok"


def test_the_environment_names_stores_warehouse_and_machine(
    root: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCODE_STORE", str(root))
    monkeypatch.setenv("OPENCODE_WAREHOUSE", str(warehouse.path))
    monkeypatch.setenv("OPENCODE_MACHINE", "laptop")

    assert main(["load"]) == 0
    assert warehouse.value("select source_id from raw.sources") == f"laptop:json:{root}"


def test_a_dry_run_writes_nothing_at_all(root: Path, warehouse: Warehouse, tmp_path: Path) -> None:
    database(root / "opencode.db", wal=True)
    common = ["--store", root, "--warehouse", warehouse.path]
    before = look(tmp_path)

    assert "19 documents would be written" in run("load", "--dry-run", *common).stdout
    assert look(tmp_path) == before

    run("load", *common)
    part_file(root, "prt_ses_1_1_1", "msg_ses_1_1").unlink()
    before = look(tmp_path)
    assert "1 would be marked as deleted" in run("load", "--dry-run", *common).stdout
    assert look(tmp_path) == before


def test_all_that_a_load_writes_is_private_whatever_the_umask(root: Path, warehouse: Warehouse) -> None:
    os.umask(0)

    run("load", "--store", root, "--warehouse", warehouse.path)

    for path in (warehouse.path.parent, *warehouse.path.parent.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_neither_text_of_documents_nor_control_characters_are_printed(
    root: Path, warehouse: Warehouse
) -> None:
    write(message_file(root, "msg_\x1b[31m\u202e\n"), f'{{"role":"{SECRET}'.encode())
    write(message_file(root, "msg_x"), f'{{"id":"{SECRET}","role":"user"}}'.encode())
    write(part_file(root, "prt_x"), f'{{"type":"text","text":{SECRET}}}'.encode())
    common = ["--store", root, "--warehouse", warehouse.path]

    for command in ("load", "status", "doctor"):
        for form in ([], ["--json"]):
            result = run(command, *common, *form)
            assert SECRET not in result.stdout + result.stderr
            if not form:
                assert not {"\x1b", "\u202e"} & set(result.stdout + result.stderr)


def test_a_full_disk_is_told_and_the_next_load_completes(warehouse: Warehouse, tmp_path: Path) -> None:
    root = json_tree(tmp_path / "store", n_messages=3)
    write(part_file(root, "prt_big"), {"type": "text", "text": os.urandom(3_000_000).hex()})
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

    def limit() -> None:  # as a full disk: a write beyond it fails
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY))

    full = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert full.returncode == 2, full.stderr
    assert "the work could not be finished" in full.stderr
    assert "Traceback" not in full.stderr

    assert main(["load", "--store", str(root), "--warehouse", str(warehouse.path)]) == 0
    assert warehouse.value("select count(*) from raw.parts") == 7


def test_a_failing_disk_is_told_in_one_line(
    root: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    for error in (OSError(28, "No space left on device"), duckdb.IOException("Could not write\nall of it")):

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(load, "load", fail)
        assert main(["load", "--store", str(root), "--warehouse", str(warehouse.path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_progress_is_shown_on_a_terminal_only(
    root: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    arguments = ["load", "--store", str(root), "--warehouse", str(warehouse.path)]
    assert main(arguments) == 0
    assert capsys.readouterr().err == ""

    shown: list[str] = []
    update = Progress.update
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")

    def note(self: Progress, task: object, **fields: object) -> None:
        shown.append(str(fields["description"]))
        update(self, task, **fields)  # type: ignore[arg-type]

    monkeypatch.setattr(Progress, "update", note)
    assert main([*arguments, "--rehash"]) == 0
    assert any("json store: session diffs" in text for text in shown)


@pytest.mark.parametrize("given", ["soon", "0", "nan", "100000"])
def test_how_often_a_watch_builds_is_a_number_of_seconds(given: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit):
        main(["watch", "--build-every", given])
    assert f"{given} is not a number of seconds up to a day" in capsys.readouterr().err


def test_the_version_is_told(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as done:
        main(["--version"])

    assert done.value.code == 0
    assert __version__ in capsys.readouterr().out


def test_it_can_be_run_as_a_module() -> None:
    assert run("--version").stdout == f"opencode-warehouse {__version__}\n"


@pytest.mark.parametrize("command", ["releases", "health", "run"])
def test_a_command_that_has_moved_says_where_to_and_is_done(command: str, warehouse: Warehouse) -> None:
    before = run(command, "--help")
    after = subprocess.run(
        [sys.executable, "-m", "opencode_warehouse", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert before.returncode == 0
    assert before.stdout == after.stdout
    assert f"`opencode-warehouse {command}`" in before.stderr
    assert before.stderr.count("\n") == 1
    assert after.stderr == ""


def test_the_loaders_own_commands_point_nowhere(warehouse: Warehouse, root: Path) -> None:
    common = ("--store", root, "--warehouse", warehouse.path)
    for command in ("init", "load", "status", "doctor"):
        assert run(command, *common).stderr == ""
    assert run("watch", "--help").stderr == ""
    assert "--build-every" not in run("watch", "--help").stdout


def test_the_loader_imports_nothing_of_what_stands_on_it() -> None:
    code = "import sys, ingest.cli; sys.exit(any(m.startswith('opencode_warehouse') for m in sys.modules))"
    subprocess.run([sys.executable, "-c", code], check=True)

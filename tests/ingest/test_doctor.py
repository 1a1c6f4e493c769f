"""What `doctor` says of a machine."""

import os
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest

from ingest.settings import from_environment
from ingest.sources.discovery import find_sources
from ingest.warehouse import open_warehouse
from opencode_warehouse.tell import doctor
from opencode_warehouse.tell.doctor import Finding
from tests.ingest.stores import (
    SECRET,
    Warehouse,
    change,
    database,
    json_tree,
    look,
    message_file,
    part_file,
    session_file,
    without_rights,
    write,
)
from tests.ingest.test_warehouse import held


def examine(
    *stores: Path, warehouse: Path | None = None, environ: Mapping[str, str] | None = None
) -> list[Finding]:
    environ = {"HOME": str(Path.cwd()), **(environ or {})}
    chosen = from_environment(
        environ, stores=[str(store) for store in stores], warehouse=str(warehouse) if warehouse else None
    )
    return doctor.examine(chosen, environ)


def texts(findings: list[Finding], level: str) -> str:
    return "\n".join(finding.text for finding in findings if finding.level == level)


def test_a_machine_without_opencode_is_told_where_it_looked_and_what_to_do(environment: Path) -> None:
    before = look(environment)
    findings = examine()

    root = environment / ".local/share/opencode"
    assert f"Looked at {root} (OpenCode's own data root)." in texts(findings, "ok")
    assert f"Nothing of OpenCode is at {root}: it does not exist." in texts(findings, "problem")
    assert "XDG_DATA_HOME" in texts(findings, "problem")
    assert "There is no warehouse at" in texts(findings, "note")
    assert look(environment) == before


def test_every_way_to_find_nothing_has_its_own_words(tmp_path: Path) -> None:
    old = tmp_path / "old"
    write(old / "project" / "home-dev" / "storage" / "session" / "info" / "ses_1.json", b"{}")
    empty = tmp_path / "empty"
    empty.mkdir()
    os.mkfifo(tmp_path / "pipe")

    findings = examine(old, empty, tmp_path / "pipe")

    assert "it is the layout of OpenCode before 0.6" in texts(findings, "problem")
    assert "it is a folder without storage/ and without a file opencode*.db" in texts(findings, "problem")
    assert "it is neither a folder nor a file" in texts(findings, "problem")


def test_an_upgraded_machine_is_told_what_each_store_holds(tmp_path: Path) -> None:
    root = json_tree(tmp_path / "store")
    write(session_file(root, "ses_odd"), b"[]")
    write(session_file(root, "ses_cut"), b'{"version":')
    write(session_file(root, "ses_long"), {"version": "9" * 500})
    os.mkfifo(session_file(root, "ses_pipe"))
    database(root / "opencode.db")
    change(root / "opencode.db", "insert into session_message values ('m', 'ses_1', 'user', 1, 1, 1, '{}')")

    findings = examine(root)

    tree = f"JSON tree {root}/storage: 5 sessions, 2 messages, 4 parts; created by OpenCode "
    rows = f"Database {root}/opencode.db: 1 session, 2 messages, 4 parts, 1 v2 message; created by OpenCode "
    assert f"{tree}1.1.65 (1 session), " in texts(findings, "ok")
    assert "an unreadable file (2 sessions), unknown (1 session)." in texts(findings, "ok")
    assert "9" * 41 not in texts(findings, "ok")
    assert f"{rows}1.18.34" in texts(findings, "ok")
    assert "opencode.db is at schema 20260101000000_first." in texts(findings, "ok")
    assert "A JSON tree lies beside a database" in texts(findings, "note")
    assert texts(findings, "problem") == ""


def test_a_store_named_twice_is_told_once(tmp_path: Path) -> None:
    root = json_tree(tmp_path / "store")

    assert texts(examine(root, root / "storage"), "ok").count("JSON tree") == 1


def test_a_store_without_sessions_explains_the_empty_result(tmp_path: Path) -> None:
    path = database(tmp_path / "opencode.db")
    change(path, "delete from session")

    assert "No store holds a session, so every table will be empty" in texts(examine(path), "problem")


def test_a_database_that_opencode_keeps_elsewhere_is_pointed_out(environment: Path, tmp_path: Path) -> None:
    root = json_tree(environment / ".local/share/opencode")
    elsewhere = database(tmp_path / "elsewhere" / "mine.db")
    beside = database(root / "mine.db")

    for value, path in ((str(elsewhere), elsewhere), ("mine.db", beside)):
        note = texts(examine(environ={"OPENCODE_DB": value}), "note")
        assert f"OPENCODE_DB points OpenCode to {path}" in note
        assert f"Add it: --store {path}" in note
        assert "OPENCODE_DB" not in texts(examine(root, path, environ={"OPENCODE_DB": value}), "note")
    for value in (":memory:", "nowhere.db"):
        assert "OPENCODE_DB" not in texts(examine(environ={"OPENCODE_DB": value}), "note")


def test_a_history_in_the_default_place_that_is_not_among_the_stores_is_pointed_out(
    environment: Path, tmp_path: Path
) -> None:
    root = json_tree(environment / ".local/share/opencode")
    other = json_tree(tmp_path / "store")

    assert "data root" in texts(examine(other), "note")
    assert "data root" not in texts(examine(other, root / "storage"), "note")


def test_columns_and_tables_that_are_not_known_are_named(tmp_path: Path) -> None:
    path = database(tmp_path / "opencode.db")
    change(path, "alter table session add column mood text", "drop table part", "drop table migration")

    findings = examine(path)

    assert "opencode.db has columns that are not loaded" in texts(findings, "note")
    assert "session.mood" in texts(findings, "note")
    assert "table part is missing" in texts(findings, "problem")
    assert "schema unknown (no list of migrations)" in texts(findings, "ok")


def test_what_cannot_be_read_is_told_and_the_rest_as_well(tmp_path: Path) -> None:
    broken = tmp_path / "broken" / "opencode.db"
    write(broken, b"SQLite format 3\0" + b"\xff" * 4080)
    export = write(tmp_path / "export.json", b"{}")

    findings = examine(broken, json_tree(tmp_path / "store"), export)

    assert f"{broken}: is damaged" in texts(findings, "problem")
    assert "1 session, 2 messages, 4 parts" in texts(findings, "ok")
    assert f"Export file {export} (2 bytes)." in texts(findings, "ok")


def test_missing_rights_are_told(open_folder: Path) -> None:
    closed = json_tree(open_folder / "closed")
    half = json_tree(open_folder / "half")
    session_file(half).chmod(0)
    part_file(half, "x", "msg_ses_1_1").parent.chmod(0)
    with without_rights(open_folder):
        closed.chmod(0)
        findings = examine(closed, half)
        default = examine(half, environ={"XDG_DATA_HOME": str(closed)})

    assert f"{closed} cannot be looked into (Permission denied)" in texts(findings, "problem")
    assert "cannot be read: " in texts(findings, "problem")
    assert "an unreadable file (1 session)" in texts(findings, "ok")
    assert "data root" not in texts(default, "note")


def test_an_export_that_vanishes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export = write(tmp_path / "export.json", b"{}")
    find = find_sources

    def find_and_lose(stores: list[Path], machine: str) -> object:
        found = find(stores, machine)
        export.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(doctor, "find_sources", find_and_lose)

    assert "No such file" in texts(examine(export), "problem")


def test_the_warehouse_is_examined_as_well(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opencode_warehouse.tell.status.STATUS_WAIT_S", 0.1)
    root = json_tree(tmp_path / "store")
    warehouse.load(root, dry_run=True)
    write(message_file(root, "msg_bad"), SECRET.encode())
    warehouse.load(root)

    findings = examine(root, warehouse=warehouse.path)
    assert f"The warehouse is {warehouse.path}." in texts(findings, "ok")
    assert "1 document(s) rejected as not_json, such as " in texts(findings, "problem")
    assert SECRET not in doctor.describe(findings)

    with held(warehouse.path):
        assert "in use by" in texts(examine(root, warehouse=warehouse.path), "note")
    warehouse.path.write_bytes(b"<html>" * 1000)
    assert "is no warehouse" in texts(examine(root, warehouse=warehouse.path), "problem")


def test_a_warehouse_that_was_only_made_is_no_problem(warehouse: Warehouse, tmp_path: Path) -> None:
    root = json_tree(tmp_path / "store")
    with open_warehouse(warehouse.path):
        pass

    findings = examine(root, warehouse=warehouse.path)

    assert "Nothing was loaded into it yet" in texts(findings, "note")
    assert doctor.describe(findings).endswith("All is well.")


def test_the_findings_can_be_printed_and_read_by_programs(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2Jb"

    findings = examine(path)

    assert "\x1b" not in doctor.describe(findings)
    assert doctor.describe(findings).endswith("1 problem to look at.")
    assert orjson.loads(orjson.dumps(doctor.as_json(findings)))[0]["level"] == "ok"

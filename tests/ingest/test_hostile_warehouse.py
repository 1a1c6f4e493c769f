"""Warehouses that somebody else made: whatever they hold, no command reads a file for them or believes them.

The file that must not be read is a pipe: whoever opens it lets go a thread that waits at its other end.
"""

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import duckdb
import orjson
import pytest

from ingest import cli, trust
from ingest.errors import IngestError
from ingest.watch.watcher import Watcher, WatchOptions
from opencode_warehouse.alerts import cli as alerts
from opencode_warehouse.build import pipeline
from opencode_warehouse.build.dbt_lock_plugin import Plugin
from opencode_warehouse.elementary_page import cli as elementary_report
from opencode_warehouse.keep.backup import back_up
from opencode_warehouse.keep.copies import read_manifest, sha256
from opencode_warehouse.keep.releases import publish
from opencode_warehouse.pages import cli as reports
from opencode_warehouse.tell import answers
from tests.ingest.stores import Warehouse, json_tree

PROJECT = Path(__file__).resolve().parents[2]
CANARY = "the content of a private file"
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


@dataclass(slots=True)
class Scene:
    """A hostile warehouse with what lies around it, and the pipe that it would have read."""

    warehouse: Path
    store: Path
    target: Path
    pipe: Path
    was_read: threading.Event


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, a warehouse with a backup and two releases, artifacts of dbt, a private file."""
    folder = tmp_path_factory.mktemp("hostile")
    warehouse = Warehouse(folder / "warehouse" / "opencode.duckdb")
    warehouse.load(json_tree(folder / "store"))
    back_up(warehouse.path, clock=lambda: NOW)
    publish(warehouse.path, clock=lambda: NOW)
    publish(warehouse.path, clock=lambda: NOW)
    (folder / "target").mkdir()
    artifacts(folder / "target")
    (folder / "private.txt").write_text(CANARY)  # DuckDB looks for the file when a view is made
    return folder


@pytest.fixture
def scene(made: Path, tmp_path: Path) -> Iterator[Scene]:
    """A copy of that folder."""
    folder = tmp_path / "scene"
    shutil.copytree(made, folder, symlinks=True)
    pipe = folder / "private.txt"
    found = Scene(
        folder / "warehouse" / "opencode.duckdb",
        folder / "store",
        folder / "target",
        pipe,
        threading.Event(),
    )
    yield found
    assert not found.was_read.is_set(), "the private file was opened"
    if pipe.is_fifo():
        found.was_read.set()
        with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)):
            for waiting in (one for one in threading.enumerate() if one.name == "canary"):
                waiting.join(10)


def arm(scene: Scene) -> None:
    """Put the pipe in the place of the private file, and wait at its end until somebody reads."""
    scene.pipe.unlink()
    os.mkfifo(scene.pipe)

    def wait() -> None:
        with scene.pipe.open("w") as opened, suppress(BrokenPipeError):
            if not scene.was_read.is_set():
                scene.was_read.set()
                opened.write(CANARY)
                opened.flush()

    threading.Thread(target=wait, name="canary", daemon=True).start()


def artifacts(target: Path) -> None:
    """Write what a run of dbt leaves, without a result."""
    schema = "https://schemas.getdbt.com/dbt/{}.json".format
    time = "2026-11-22T08:00:00Z"
    metadata = {"generated_at": time, "invocation_id": "i", "dbt_version": "1.11.16"}
    manifest = {"dbt_schema_version": schema("manifest/v12"), "project_name": "opencode_warehouse"}
    (target / "manifest.json").write_bytes(orjson.dumps({"metadata": manifest, "nodes": {}, "sources": {}}))
    results = {"dbt_schema_version": schema("run-results/v6"), **metadata}
    (target / "run_results.json").write_bytes(
        orjson.dumps({"metadata": results, "results": [], "elapsed_time": 1.0, "args": {"which": "build"}})
    )


def hostile(scene: Scene, *statements: str, file: Path | None = None) -> None:
    """Write to a warehouse what its maker would."""
    with closing(duckdb.connect(str(file or scene.warehouse))) as connection:
        for statement in statements:
            connection.execute(statement.format(pipe=scene.pipe))


READS = "select content as {column} from read_text('{{pipe}}')"


def view(name: str, column: str) -> tuple[str, str]:
    """Return the statements that put a view over the private file in the place of a table."""
    return f"drop table if exists {name}", f"create view {name} as {READS.format(column=column)}"


RAW: dict[str, tuple[str, ...]] = {
    "a view in raw": view("raw.todos", "payload"),
    "a view in the place of the versions": view("raw.schema_migrations", "version"),
    "another view in raw": (f"create view raw.more as {READS.format(column='x')}",),
    "a function before DuckDB's own": ("create macro main.count(x) as 0",),
    "a function before one that lists tables": (
        f"create macro main.duckdb_tables() as table {READS.format(column='table_name')}",
    ),
    "a function of ours that is DuckDB's own": ("create macro raw.lower(x) as 'x'",),
    "a table of another shape": ("drop table raw.alerts", "create table raw.alerts (check_id varchar)"),
    "a column that is computed": (
        "drop table raw.backups",
        "create table raw.backups (made_at timestamp, path varchar default lower('X'), size_bytes bigint, "
        "sha256 varchar, n_documents bigint generated always as (size_bytes + 1))",
    ),
    "a condition": (
        "drop table raw.sync_state",
        "create table raw.sync_state (phase varchar check (phase > 'a'))",
    ),
    "a table too many": ("create table raw.extra (x int)",),
    "a table too few": ("drop table raw.parts",),
    "a sequence": ("create sequence raw.numbers",),
    "a type": ("create type raw.kind as enum ('a')",),
    "an index": ("create index slow on raw.todos (payload)",),
}
WITH_EVERY_COMMAND = ("a view in raw", "a function before DuckDB's own")
NAMED = r"raw\.todos|raw\.more|raw\.extra|raw\.parts|raw\.schema_migrations|raw\.alerts|raw\.backups|" + (
    r"raw\.sync_state|raw\.numbers|raw\.kind|raw\.slow|main\.count|main\.duckdb_tables|raw\.lower"
)

Command = Callable[[Scene, pytest.MonkeyPatch], int]


def ingest(*arguments: str) -> Command:
    """Return a command of the loader."""

    def run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> int:
        given = [one.format(target=scene.target) for one in arguments]
        return cli.main([*given, "--warehouse", str(scene.warehouse), "--store", str(scene.store)])

    return run


def run_first_steps(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> int:
    """`run` as far as to its build, which takes a minute."""
    monkeypatch.setattr(pipeline, "build", lambda *_: pipeline.Outcome())
    return ingest("run")(scene, monkeypatch)


def watch(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> int:
    """A watch that is ended at its first trouble, or where it is done with what there was."""
    stop = threading.Event()
    told: list[str] = []

    def tell(_: Watcher, message: str) -> None:
        told.append(message)
        stop.set()

    monkeypatch.setattr(Watcher, "_tell", tell)
    monkeypatch.setattr(Watcher, "_learn", lambda *_: stop.set())
    Watcher(Warehouse(scene.warehouse).settings(scene.store), WatchOptions(), stop, build=lambda: True).run()
    print("\n".join(told))
    return 2 if told else 0


def answer(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> int:
    """Ask of the warehouse itself: the release is asked elsewhere."""
    monkeypatch.setattr(answers, "to_read", lambda path: path)
    return answers.main(["cost_by_model", "--warehouse", str(scene.warehouse)])


def report(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> int:
    return reports.main(["--warehouse", str(scene.warehouse)])


def alert(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> int:
    environment = {"OPENCODE_ALERTS_WEBHOOK_URL": "http://127.0.0.1:9/"}
    return alerts.main(["--warehouse", str(scene.warehouse)], environment, sleep=lambda _: None)


def page(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> int:
    common = ["--warehouse", str(scene.warehouse), "--target", str(scene.target)]
    return elementary_report.main([*common, "--project", str(scene.target)])


COMMANDS: dict[str, Command] = {
    "init": ingest("init"),
    "load": ingest("load"),
    "load --dry-run": ingest("load", "--dry-run"),
    "run": run_first_steps,
    "watch": watch,
    "status": ingest("status"),
    "status --json": ingest("status", "--json"),
    "doctor": ingest("doctor"),
    "health": ingest("health"),
    "time-queries": ingest("time-queries"),
    "backup": ingest("backup"),
    "prune": ingest("prune", "--older-than", "1"),
    "prune --dry-run": ingest("prune", "--older-than", "1", "--dry-run"),
    "land-artifacts": ingest("land-artifacts", "--target", "{target}"),
    "answer": answer,
    "report": report,
    "alerts": alert,
    "elementary-report": page,
}


def said_by(
    command: Command, scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Run a command and return its exit code and all that it said."""
    capsys.readouterr()
    code = command(scene, monkeypatch)
    said = "".join(capsys.readouterr())
    assert "Traceback" not in said
    return code, said


def assert_nothing_was_read(scene: Scene, said: str) -> None:
    """Assert that nobody opened the private file and nothing of it is anywhere."""
    assert not scene.was_read.is_set()
    assert CANARY not in said
    for file in scene.warehouse.parent.rglob("*"):
        if file.is_file() and not file.is_symlink():
            assert CANARY.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("kind", RAW)
def test_no_command_takes_what_the_loader_did_not_make(
    kind: str, scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile(scene, *RAW[kind])
    arm(scene)
    before = scene.warehouse.read_bytes()
    for name in COMMANDS if kind in WITH_EVERY_COMMAND else ("load", "status"):
        code, said = said_by(COMMANDS[name], scene, monkeypatch, capsys)
        assert code == (1 if name == "doctor" else 2), (name, said)
        assert re.search(NAMED, said), (name, said)
        assert str(scene.warehouse) in said, (name, said)
        assert_nothing_was_read(scene, said)
    assert scene.warehouse.read_bytes() == before


BUILT = ("main.messages", "main.sessions", "main.parts", "main.projects", "main.health_check_trends")
ASKS_BUILT = ("status", "status --json", "doctor", "health", "time-queries", "answer", "report", "alerts")


def test_a_view_in_the_place_of_a_built_table_reads_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    statements = (statement for name in BUILT for statement in view(name, "session_id"))
    hostile(scene, *statements)
    arm(scene)
    for name, command in COMMANDS.items():
        code, said = said_by(command, scene, monkeypatch, capsys)
        assert_nothing_was_read(scene, said)
        if name in ASKS_BUILT:
            assert code == (1 if name == "doctor" else 2), (name, said)
            assert str(scene.warehouse) in said, (name, said)
            assert re.search(r"view main\.\w+|not (?:all\) )?built|tables of", said), (name, said)
        else:
            assert code in (0, 2), (name, said)


def backup_of(scene: Scene) -> Path:
    """Return the file of the backup."""
    return scene.warehouse.parent / "backups" / "20261122T080000Z" / "opencode.duckdb"


def forge(scene: Scene, *statements: str) -> None:
    """Change the backup, and let its manifest say that it is whole."""
    file = backup_of(scene)
    manifest = read_manifest(file.parent)
    assert manifest is not None
    hostile(scene, *statements, file=file)
    replace(manifest, size_bytes=file.stat().st_size, sha256=sha256(file)).write(file.parent)


PROGRAMS = {
    "a view in the place of a table": (view("main.projects", "worktree"), "view main.projects"),
    "a view of another schema": (("create schema x", "create view x.y as select 1"), "view x.y"),
    "a function": (("create macro main.mine(x) as x",), "function main.mine"),
}


@pytest.mark.parametrize("kind", [*RAW, *PROGRAMS])
def test_a_backup_with_programs_in_it_is_refused(
    kind: str, scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    statements, named = PROGRAMS.get(kind) or (RAW[kind], NAMED)
    forge(scene, *statements)
    arm(scene)
    before = scene.warehouse.read_bytes()
    for arguments in ((), ("--unverified",)):
        code, said = said_by(ingest("restore", *arguments), scene, monkeypatch, capsys)
        assert code == 2
        assert re.search(named, said), said
        assert str(backup_of(scene)) in said
        assert_nothing_was_read(scene, said)
    assert scene.warehouse.read_bytes() == before

    code, said = said_by(ingest("restore", "--drop-foreign"), scene, monkeypatch, capsys)
    if kind in RAW:
        assert code == 2
        return
    assert (code, "Left out" in said) == (0, True), said
    assert_nothing_was_read(scene, said)
    with closing(duckdb.connect(str(scene.warehouse), read_only=True)) as connection:
        [[n]] = connection.execute("select count(*) from duckdb_views() where not internal").fetchall()
    assert n == 0


def dbt_reads(scene: Scene, sql: str) -> list[tuple[object, ...]]:
    """Return what dbt would be told by a query, with its plugin's doings before it."""
    attached = SimpleNamespace(path=str(scene.warehouse), alias="opencode")
    plugin = Plugin("turn", {}, SimpleNamespace(attach=[attached]))  # type: ignore[arg-type]  # all it asks for
    with closing(duckdb.connect(":memory:")) as connection, plugin.turn:
        plugin.configure_connection(connection)
        connection.execute(f"attach '{scene.warehouse}' as opencode")
        return connection.execute(sql).fetchall()


def test_dbt_reaches_the_warehouse_and_the_seeds_and_no_other_file(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    hostile(scene, *view("main.projects", "worktree"))
    arm(scene)
    assert dbt_reads(scene, "select count(*) from opencode.raw.todos") == [(1,)]
    for sql in (
        "from opencode.main.projects",
        f"copy (select 1) to '{scene.target}/out.csv'",
        "from read_text('seeds/../Makefile')",
        f"attach '{scene.target}/other.duckdb' as other",
    ):
        with pytest.raises(duckdb.PermissionException):
            dbt_reads(scene, sql)
    seed = next((PROJECT / "seeds").rglob("*.csv"))
    assert dbt_reads(scene, f"select length(content) > 0 from read_text('{seed}')") == [(True,)]
    assert not scene.was_read.is_set()


@pytest.mark.parametrize("kind", ["a view in raw", "a function before DuckDB's own"])
def test_dbt_refuses_what_the_loader_did_not_make(
    kind: str, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    hostile(scene, *RAW[kind])
    with pytest.raises(RuntimeError, match=NAMED):
        dbt_reads(scene, "select 1")


def test_our_own_views_and_functions_are_left_out_for_the_next_build(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    schemas = {name.partition(".")[0] for name in trust.OUR_VIEWS} | {trust.ELEMENTARY}
    names = [*trust.OUR_VIEWS, f"{trust.ELEMENTARY}.alerts"]
    forge(
        scene,
        *(f"create schema if not exists {schema}" for schema in schemas),
        *(statement for name in names for statement in view(name, "x")),
        "create macro main.health_check(x) as table select x",
    )
    arm(scene)
    code, said = said_by(ingest("restore"), scene, monkeypatch, capsys)
    assert (code, "Left out" in said) == (0, False), said
    assert_nothing_was_read(scene, said)
    with closing(duckdb.connect(str(scene.warehouse), read_only=True)) as connection:
        found = connection.execute(
            """select view_name from duckdb_views() where not internal
            union all select function_name from duckdb_functions() where not internal"""
        ).fetchall()
    assert found == []


def test_the_views_that_are_ours_are_those_of_the_project() -> None:
    found = set()
    for file in (PROJECT / "models").rglob("*.sql"):
        if re.search(r"materialized *= *'view'", file.read_text()):
            schema = {"marts": "main"}.get(*[file.relative_to(PROJECT / "models").parts[0]] * 2)
            found.add(f"{schema}.{file.stem}")
    assert found == trust.OUR_VIEWS


def test_only_one_place_makes_connections() -> None:
    packages = ("ingest", "opencode_warehouse", "dev")
    found = {
        str(file.relative_to(PROJECT))
        for package in packages
        for file in (PROJECT / package).rglob("*.py")
        if "duckdb.connect(" in file.read_text()
    }
    assert found == {"ingest/trust.py"}


LINKS: dict[str, Callable[[Scene, Path], None]] = {
    "current leads elsewhere": lambda scene, elsewhere: relink(scene.warehouse.parent / "current", elsewhere),
    "current leads up": lambda scene, _: relink(
        scene.warehouse.parent / "current", Path("releases/../backups")
    ),
    "a release leads elsewhere": lambda scene, elsewhere: relink(release_of(scene).parent, elsewhere),
    "the file of a release leads elsewhere": lambda scene, elsewhere: relink(
        release_of(scene), elsewhere / "opencode.duckdb"
    ),
}
READ_RELEASES = {
    "releases": ingest("releases"),
    "rollback": ingest("rollback"),
    "status": ingest("status"),
    "prune": ingest("prune", "--older-than", "1"),
    "answer": lambda scene, _: answers.main(["cost_by_model", "--warehouse", str(scene.warehouse)]),
}


def release_of(scene: Scene) -> Path:
    """Return the file of the current release."""
    return (scene.warehouse.parent / "current").resolve() / "opencode.duckdb"


def relink(place: Path, target: Path) -> None:
    """Put a link in the place of a file or folder."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink()
    place.symlink_to(target)


@pytest.mark.parametrize("kind", LINKS)
def test_links_that_lead_out_of_the_releases_are_refused(
    kind: str,
    scene: Scene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(release_of(scene).parent, elsewhere)
    before = {file: file.read_bytes() for file in elsewhere.iterdir()}
    LINKS[kind](scene, elsewhere)
    arm(scene)
    for name, command in READ_RELEASES.items():
        code, said = said_by(command, scene, monkeypatch, capsys)
        assert code == 2, (name, said)
        assert re.search(r"(is not a link to a release|is a link that leads out of)", said), (name, said)
    with pytest.raises(IngestError, match="link"):
        publish(scene.warehouse, clock=lambda: NOW)
    assert {file: file.read_bytes() for file in elsewhere.iterdir()} == before


@pytest.mark.parametrize("name", ["manifest.json", "opencode.duckdb"])
def test_links_in_a_backup_are_refused(
    name: str, scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    relink(backup_of(scene).with_name(name), scene.pipe)
    arm(scene)
    if name == "opencode.duckdb":
        relink(backup_of(scene), scene.warehouse)
    for arguments in ((), (str(backup_of(scene).parent),)):
        code, said = said_by(ingest("restore", *arguments), scene, monkeypatch, capsys)
        assert code == 2, said
        assert re.search(
            r"manifest .* cannot be read|is a link that leads out of|is the warehouse itself", said
        )
        assert_nothing_was_read(scene, said)


def damage_not_duckdb(scene: Scene) -> None:
    scene.warehouse.write_bytes(CANARY.encode() * 1000)


def damage_pipe(scene: Scene) -> None:
    scene.warehouse.unlink()
    os.mkfifo(scene.warehouse)


def damage_lacks_a_table(scene: Scene) -> None:
    hostile(scene, *(f"create table main.{name.split('.')[1]} (x int)" for name in BUILT))


DAMAGES = {
    "no DuckDB file": (damage_not_duckdb, "is no warehouse that this DuckDB"),
    "a pipe": (damage_pipe, "is no warehouse, as it is not a file|There is no warehouse"),
    "tables without their columns": (damage_lacks_a_table, r"are not (?:those of this version|\(or not all)"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_file_that_is_no_warehouse_is_told_with_the_remedy(
    kind: str, scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, words = DAMAGES[kind]
    damage(scene)
    commands = (
        COMMANDS
        if kind != "tables without their columns"
        else {name: COMMANDS[name] for name in ("health", "report", "alerts", "time-queries", "answer")}
    )
    for name, command in commands.items():
        code, said = said_by(command, scene, monkeypatch, capsys)
        assert code == (1 if name == "doctor" else 2), (name, said)
        assert re.search(words, said), (name, said)
        assert str(scene.warehouse) in said, (name, said)
        assert CANARY not in said


def test_a_file_of_a_newer_duckdb_asks_for_a_newer_version(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise duckdb.IOException(
            "Trying to read a database file with version number 99, but we can only read 64."
        )

    monkeypatch.setattr("ingest.warehouse.attach", refuse)
    code, said = said_by(ingest("status"), scene, monkeypatch, capsys)
    assert code == 2
    assert "was written by a newer DuckDB" in said
    assert "Upgrade opencode-warehouse" in said

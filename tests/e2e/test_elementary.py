"""Elementary's page with and without its dbt package, its monitors, and its alerts."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
from playwright.sync_api import Browser, Page

from opencode_warehouse.elementary_page import cli

PROJECT = Path(__file__).resolve().parents[2]
STUBS = PROJECT / "offline_packages"
OURS = "opencode_warehouse"
# A history full of failures is no fault of the warehouse; and half of the tests are enough for a page.
HISTORY_ALONE = ("--exclude", "other_health_checks_pass", "test_name:not_null", "test_name:never_null")


@dataclass(frozen=True, slots=True)
class Project:
    """The project with the dbt packages of one mode, and a warehouse of its own."""

    folder: Path

    @property
    def warehouse(self) -> Path:
        """The warehouse file."""
        return self.folder / "warehouse" / "opencode.duckdb"

    @property
    def page(self) -> Path:
        """Where the page lies."""
        return self.warehouse.parent / "reports" / "elementary.html"

    def run(self, *command: str, code: int = 0) -> str:
        """Run a command in the project and return what it says."""
        environment = os.environ | {
            "OPENCODE_WAREHOUSE": str(self.warehouse),
            "DBT_PROFILES_DIR": str(self.folder),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_LOG_LEVEL_FILE": "none",  # a sixth of its time
            "PYTHONPATH": str(PROJECT),
        }
        environment.pop("DBT_PACKAGES_FOLDER", None)
        if Path(command[0]).name == "dbt":  # there is nothing of ours to be covered in it
            environment.pop("COVERAGE_PROCESS_CONFIG", None)
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        said = f"{done.stdout}\n{done.stderr}"
        assert done.returncode == code, f"{command}: {done.returncode}\n{said}"
        return said

    def dbt(self, *arguments: str, code: int = 0) -> str:
        """Run dbt."""
        return self.run(str(Path(sys.executable).with_name("dbt")), *arguments, code=code)

    def python(self, *arguments: str, code: int = 0) -> str:
        """Run one of the project's commands."""
        return self.run(sys.executable, "-m", *arguments, code=code)

    def report(self) -> dict[str, Any]:
        """Write the page and return its data."""
        data = self.folder / "data.json"
        self.python("opencode_warehouse", "elementary", "--data", str(data))
        found: dict[str, Any] = json.loads(data.read_text())
        return found

    def artifact(self, name: str) -> Any:
        """Return what dbt left in its target folder."""
        return json.loads((self.folder / "target" / f"{name}.json").read_text())

    def change(self, *statements: str) -> None:
        """Change the warehouse behind dbt's back."""
        with closing(duckdb.connect(":memory:")) as connection:
            connection.execute(f"attach '{self.warehouse}' as opencode")
            connection.execute("use opencode")
            for statement in statements:
                connection.execute(statement)


def linked_project(folder: Path, packages: Path, store: Path) -> Project:
    """Return a project of links to this one, with the dbt packages of a folder, a store loaded and built."""
    for path in PROJECT.iterdir():
        if path.suffix in (".yml", ".md") or path.name in ("analyses", "macros", "models", "seeds", "tests"):
            (folder / path.name).symlink_to(path)
    (folder / "dbt_packages").mkdir()
    for name in ("elementary", "dbt_utils"):
        (folder / "dbt_packages" / name).symlink_to(packages / name)
    project = Project(folder)
    project.python("ingest", "load", "--store", str(store))
    project.dbt("build", *HISTORY_ALONE, "--exclude-resource-type", "unit_test", "--warn-error")
    return project


def results_of(project: Project, *kinds: str) -> dict[str, str]:
    """Return the status of each node of the project that ran last, by dbt's own file."""
    return {
        result["unique_id"]: result["status"]
        for result in project.artifact("run_results")["results"]
        if result["unique_id"].split(".")[0] in kinds and result["unique_id"].split(".")[1] == OURS
    }


def statuses(data: dict[str, Any]) -> dict[str, str]:
    """Return the status of each test by the page."""
    return {
        result["metadata"]["test_unique_id"]: result["metadata"]["latest_run_status"]
        for results in data["test_results"].values()
        for result in results
    }


@contextmanager
def put_back(project: Project, scratch: Path) -> Iterator[None]:
    """Put the warehouse and dbt's last results back as they were."""
    kept = {
        path: scratch / path.name for path in (project.warehouse, project.folder / "target/run_results.json")
    }
    for path, copy in kept.items():
        shutil.copy(path, copy)
    yield
    for path, copy in kept.items():
        shutil.move(copy, path)


@contextmanager
def opened(browser: Browser, path: Path) -> Iterator[tuple[Page, list[str]]]:
    """Yield a page in a browser, and what goes wrong there or is asked of the web."""
    wrong: list[str] = []
    with closing(browser.new_page(viewport={"width": 1400, "height": 900})) as page:
        page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url) if request.url[:4] == "http" else None)
        page.goto(path.as_uri())
        yield page, wrong


def shows_models_and_tests(project: Project, browser: Browser) -> str:
    """Walk through the page, which must not complain and show names, and return all that it showed."""
    shown = ""
    with opened(browser, project.page) as (page, wrong):
        for name in ("Dashboard", "Lineage", "Test Results", "Model Performance", "Test Performance"):
            page.get_by_text(name, exact=True).first.click()
            page.wait_for_timeout(400)
            shown += page.inner_text("body")
        assert wrong == []
    words = set(shown.split())
    nodes = project.artifact("manifest")["nodes"].values()
    models = {node["name"] for node in nodes if node["resource_type"] == "model"}
    tests = {node["test_metadata"]["name"] for node in nodes if node.get("test_metadata")}
    assert len(words & models) >= 5  # its tables show the first dozens
    assert len(words & tests) >= 3
    return shown


@pytest.fixture(scope="module")
def off(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the project without Elementary's dbt package, with the bundled sample built."""
    return linked_project(tmp_path_factory.mktemp("off"), STUBS, PROJECT / "sample")


def test_the_page_shows_what_dbt_ran_and_how_it_hangs_together(off: Project) -> None:
    data = off.report()
    manifest = off.artifact("manifest")
    tables = [
        key
        for key, node in {**manifest["nodes"], **manifest["sources"], **manifest["exposures"]}.items()
        if node["resource_type"] in ("model", "seed", "source", "exposure") and node["package_name"] == OURS
    ]
    assert set(data["models"]) == set(tables)
    assert statuses(data) == results_of(off, "test")
    assert {run["unique_id"]: run["status"] for run in data["model_runs"]} == results_of(off, "model")
    totals = Counter[str]()
    for total in data["test_results_totals"].values():
        totals.update(total)
    assert len(statuses(data)) > 400
    assert +totals == {"passed": sum(map(len, data["test_results"].values()))}

    nodes = {**manifest["nodes"], **manifest["exposures"]}
    edges = {
        (key, parent)
        for key in tables
        if key in nodes and nodes[key]["resource_type"] in ("model", "exposure")
        for parent in nodes[key]["depends_on"]["nodes"]
    }
    assert {tuple(edge) for edge in data["lineage"]["edges"]} == edges
    assert len(edges) > 200
    assert {node["id"] for node in data["lineage"]["nodes"]} == set(tables)

    sessions = data["models"]["model.opencode_warehouse.sessions"]
    assert (sessions["owners"], sessions["tags"]) == (["analytics"], ["core", "mart"])
    assert set(data["groups"]["owners"]) >= {"analytics", "cost", "loading", "modelling", "reference"}


def test_the_page_is_private_and_says_that_monitors_are_off(off: Project) -> None:
    said = off.python("opencode_warehouse", "elementary")
    assert "warehouse/reports/elementary.html" in said
    assert off.page.stat().st_mode & 0o777 == 0o600
    assert off.page.parent.stat().st_mode & 0o777 == 0o700
    html = off.page.read_text()
    assert html.startswith("<!DOCTYPE html>")
    assert "Anomaly monitors are off" in html
    assert not re.search(r"<link\b|<script[^>]+src=", html)
    # Neither rows nor SQL that dbt made of the models are in it.
    data = json.dumps(off.report())
    assert '\\"opencode\\".\\"main\\"' not in data
    assert '"results_sample": null' in data


def test_a_test_that_dbt_ran_by_hand_is_in_the_page_and_its_rows_are_not(
    off: Project, tmp_path: Path
) -> None:
    before = off.report()
    with put_back(off, tmp_path):
        off.change("update todos set todo_id = 'doubled'")
        off.dbt("test", "--select", "todos", *HISTORY_ALONE, code=1)
        failed = {key for key, status in results_of(off, "test").items() if status == "fail"}
        data = off.report()
    assert {key for key, status in statuses(data).items() if status == "fail"} == failed != set()
    assert set(statuses(data)) == set(statuses(before))  # those that did not run keep their result
    [unique] = [
        result
        for result in data["test_results"]["model.opencode_warehouse.todos"]
        if result["metadata"]["test_name"] == "unique"
    ]
    assert unique["test_results"]["failed_rows_count"] == 1
    assert unique["test_results"]["error_message"].startswith("Got 1 result")
    runs = data["test_runs"]["model.opencode_warehouse.todos"]
    assert {len(run["test_runs"]["invocations"]) for run in runs} == {2}
    assert "doubled" not in json.dumps(data)


def test_the_page_opens_in_a_browser_without_an_error_and_asks_nobody(off: Project, browser: Browser) -> None:
    off.report()
    assert "Anomaly monitors are off" in shows_models_and_tests(off, browser)


def test_a_page_that_cannot_be_written_is_an_error_with_a_remedy(off: Project, tmp_path: Path) -> None:
    said = off.python("opencode_warehouse", "elementary", "--target", str(tmp_path), code=2)
    assert "Run `dbt build`" in said
    assert "Traceback" not in said
    empty = tmp_path / "opencode.duckdb"
    off.python("ingest", "init", "--warehouse", str(empty))
    shutil.copy(off.folder / "target" / "manifest.json", tmp_path)
    said = off.python(
        "opencode_warehouse", "elementary", "--target", str(tmp_path), "--warehouse", str(empty), code=2
    )
    assert "No run of dbt is in the warehouse yet" in said
    assert not (tmp_path / "reports").exists()


def test_every_test_of_elementary_that_is_used_is_known_without_its_package() -> None:
    yamls = "".join(path.read_text() for path in PROJECT.glob("models/**/*.yml"))
    used = set(re.findall(r"- elementary\.(\w+)", yamls))
    disabled = (STUBS / "elementary" / "macros" / "disabled_tests.sql").read_text()
    assert len(used) >= 5
    assert used <= set(re.findall(r"{% test (\w+)\(", disabled))


def test_the_exposures_name_every_table_that_the_questions_ask(off: Project) -> None:
    manifest = off.artifact("manifest")
    asked: dict[str, set[str]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "analysis":
            asked.setdefault(node["fqn"][-2], set()).update(node["depends_on"]["nodes"])
    exposed = {
        node["name"].removeprefix("questions_"): set(node["depends_on"]["nodes"])
        for node in manifest["exposures"].values()
        if node["name"].startswith("questions_")
    }
    assert exposed == asked


# With the real package, wherever it can be had.


def real_packages() -> Path | None:
    """Return the folder of the real dbt packages, None where there is none."""
    named = os.environ.get("DBT_PACKAGES_FOLDER")
    folders = [Path(named).resolve()] if named else []
    found = [
        folder
        for folder in [*folders, PROJECT / "dbt_packages"]
        if (folder / "elementary/macros/edr").is_dir()
    ]
    return found[0].resolve() if found else None


needs_package = pytest.mark.skipif(
    real_packages() is None,
    reason="Elementary's dbt package is not here: DBT_PACKAGES_FOLDER names no folder with it",
)


def write_history(storage: Path, days: int) -> None:
    """Write the messages of someone who works on weekdays, more or less, with a holiday of nine days."""
    chance = random.Random(20)  # noqa: S311
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    write(
        storage / "project" / "prj.json", {"id": "prj", "worktree": "/home/dev/work", "time": {"created": 1}}
    )
    for age in range(days, 0, -1):
        day = today - timedelta(days=age)
        if day.weekday() >= 5 or 30 <= age < 39 or chance.random() < 0.1:
            continue
        start = int((day + timedelta(hours=9)).timestamp() * 1000)
        session, time = f"ses_{age:03}", {"created": start, "updated": start}
        document: dict[str, Any] = {
            "id": session,
            "projectID": "prj",
            "version": "1.1.65",
            "title": "Work",
            "time": time,
        }
        write(storage / "session" / "prj" / f"{session}.json", document | {"directory": "/home/dev/work"})
        for n in range(max(2, round(chance.lognormvariate(2.5, 0.8)))):
            message = f"msg_{age:03}_{n:03}"
            moment = start + n * 60_000
            document = {"id": message, "sessionID": session, "role": "user", "agent": "build"}
            if n % 2:
                n_input, n_output = chance.randrange(100, 9000), chance.randrange(10, 900)
                document |= {
                    "role": "assistant",
                    "parentID": f"msg_{age:03}_{n - 1:03}",
                    "providerID": "anthropic",
                    "modelID": "claude-sonnet-4-5",
                    "mode": "build",
                    "cost": (n_input * 3 + n_output * 15) / 1e6,  # its list price
                    "tokens": {
                        "input": n_input,
                        "output": n_output,
                        "reasoning": 0,
                        "cache": {"read": 0, "write": 0},
                    },
                    "finish": "stop",
                }
            times = {"created": moment} | ({"completed": moment + 5000} if n % 2 else {})
            write(storage / "message" / session / f"{message}.json", document | {"time": times})


def write(path: Path, document: dict[str, Any]) -> None:
    """Write a document of a JSON tree."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the project with Elementary's dbt package, with ten weeks of work built; it finds no fault."""
    packages = real_packages()
    assert packages is not None
    store = tmp_path_factory.mktemp("store")
    write_history(store / "storage", 70)
    return linked_project(tmp_path_factory.mktemp("on"), packages, store)


@pytest.mark.slow
@needs_package
def test_both_pages_of_one_build_show_the_same(on: Project) -> None:
    real = on.report()
    assert on.page.stat().st_mode & 0o777 == 0o600
    assert "Anomaly monitors are off" not in on.page.read_text()
    html, found = cli.from_artifacts(on.warehouse, on.folder / "target")
    ours = json.loads(json.dumps(found))
    assert "Anomaly monitors are off" in html
    assert set(ours) == set(real)
    # Elementary's own monitors have results of their own shape; off mode does not have them.
    monitors = {key for key, test in real["tests"].items() if "elementary_" in key.split(".")[2]}
    assert len(monitors) > 10
    assert {k: v for k, v in statuses(real).items() if k not in monitors} == {
        k: v for k, v in statuses(ours).items() if k not in monitors
    }
    assert set(ours["tests"]) == set(real["tests"])
    for name in ("models", "coverages"):
        assert in_any_order(ours[name]) == in_any_order(real[name]), name
    for name in ("edges", "nodes"):
        assert in_any_order(ours["lineage"][name]) == in_any_order(real["lineage"][name])
    assert in_any_order(ours["groups"]) == in_any_order(real["groups"])
    assert {run["unique_id"]: run["totals"] for run in ours["model_runs"]} == {
        run["unique_id"]: run["totals"] for run in real["model_runs"]
    }
    described = {"description", "configuration", "test_params", "tags", "normalized_full_path", "column_name"}
    for key in set(real["tests"]) - monitors:
        for field in described:
            assert in_any_order(ours["tests"][key][field]) == in_any_order(real["tests"][key][field]), key


def in_any_order(value: Any) -> Any:
    """Return a JSON value whose lists are in order."""
    if isinstance(value, dict):
        return {key: in_any_order(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted(
            (in_any_order(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True)
        )
    return value


@pytest.mark.slow
@needs_package
def test_elementarys_own_page_opens_in_a_browser_without_an_error(on: Project, browser: Browser) -> None:
    on.report()
    assert "Anomaly monitors are off" not in shows_models_and_tests(on, browser)


YESTERDAY = "current_date - interval 1 day + interval 10 hour"
FAULTS = {
    "elementary_volume_anomalies_messages": (
        f"""insert into messages by name
        select messages.* replace (message_id || '_' || n as message_id, {YESTERDAY} as created_at)
        from messages, range(40) as copies (n) where role = 'user' and session_id in (
            select session_id from sessions order by created_at desc limit 3)""",
    ),
    "elementary_column_anomalies_messages_null_percent__zero_percent__tokens_total": (
        f"""insert into messages by name
        select * replace (message_id || '_0' as message_id, {YESTERDAY} as created_at, null as tokens_total)
        from messages where role = 'assistant' limit 20""",
    ),
    "elementary_schema_changes_projects_": ("alter table projects add column surprise bigint",),
}


@pytest.mark.slow
@needs_package
def test_an_injected_fault_is_told_of_once(on: Project, tmp_path: Path) -> None:
    assert set(statuses(on.report()).values()) == {"pass"}
    with put_back(on, tmp_path):
        for test, statements in FAULTS.items():
            on.change(*statements)
            on.dbt("test", "--select", "tag:elementary-tests")
            found = {key.split(".")[2] for key, status in results_of(on, "test").items() if status == "warn"}
            assert [name for name in found if name.startswith(test)], (test, found)
        with receiver() as (url, received):
            edr = str(Path(sys.executable).with_name("edr"))
            work = on.folder / "target" / "monitor"
            work.mkdir(parents=True)
            config = work / "home" / ".edr"
            config.mkdir(parents=True)
            (config / "config.yml").write_text(cli.EDR_CONFIG)
            command = (
                *("env", f"DBT_PACKAGES_FOLDER={on.folder / 'dbt_packages'}"),
                *(f"EDR_INTERNAL_TARGET_PATH={work / 'dbt'}", edr, "monitor", "--slack-webhook", url),
                *(
                    "--profile-target",
                    "alerts",
                    "--profiles-dir",
                    str(on.folder),
                    "--project-dir",
                    str(on.folder),
                ),
                *("--config-dir", str(config), "--target-path", str(work), "--suppression-interval", "0"),
            )
            on.run(*command)
            told = "\n".join(received)
            assert "volume" in told.lower()
            assert "surprise" in told
            first = len(received)
            assert first >= 3
            on.run(*command)
            assert len(received) == first


@contextmanager
def receiver() -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a web server that stands in for Slack, and what it is told."""
    received: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/services/hook", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""Whole ways from a store to a tested warehouse, driven by the commands a user types."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.e2e.dbt_server import DbtServer

PROJECT = Path(__file__).resolve().parents[2]
FIXTURES = PROJECT / "tests" / "fixtures"
DBT = Path(sys.executable).with_name("dbt")
# A history full of failures is no fault of the warehouse.
HISTORY_ALONE = ("--exclude", "other_health_checks_pass")


@dataclass(slots=True)
class Warehouse:
    """A warehouse file with the commands that fill it; every command has to succeed unless told otherwise."""

    path: Path
    store: str
    server: DbtServer
    environment: dict[str, str] = field(default_factory=dict)

    def load(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Load the store and return what the loader says of it."""
        done = self._run([sys.executable, "-m", "ingest", "load", "--json", *arguments], code)
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def prune(self, days: int) -> dict[str, Any]:
        """Remove texts older than so many days and return what the command says of it."""
        done = self._run(
            [sys.executable, "-m", "opencode_warehouse", "prune", "--older-than", str(days), "--json"], 0
        )
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def dbt(self, *arguments: str, code: int = 0) -> str:
        """Run dbt on this warehouse and return what it prints."""
        target = str(self.path.parent / "target")
        command = [*arguments, "--target-path", target, "--log-path", target]
        if "--project-dir" in arguments:  # another project than the one that the server has read
            return self._run([str(DBT), *command], code).stdout
        returned, said = self.server.run(command, self._environment())
        assert returned == code, f"dbt {command}: {returned}\n{said}"
        return said

    def build(self, *arguments: str) -> str:
        """Build and test all models; the unit tests need no data and run once, elsewhere."""
        return self.dbt(
            "build", *HISTORY_ALONE, "--exclude-resource-type", "unit_test", "--warn-error", *arguments
        )

    def build_by_rules(self) -> None:
        """Build all but the health checks, and test all but for nulls: the histories and the sample do that.

        These are more than half of the nodes, and these builds are of a few odd documents each.
        """
        nulls = ("test_name:not_null", "test_name:never_null")
        skipped = ("--exclude", "tag:quality", *nulls, "--exclude-resource-type", "unit_test")
        self.dbt("build", *skipped, "--warn-error")

    def build_untested(self, *exclude: str) -> None:
        """Build all models without their tests, where another build of the same documents runs them."""
        skipped = ("--exclude", *exclude) if exclude else ()
        self.dbt("build", *skipped, "--exclude-resource-types", "unit_test", "test", "--warn-error")

    def land_artifacts(self) -> None:
        """Land what the last dbt command left of its results."""
        target = str(self.path.parent / "target")
        self._run([sys.executable, "-m", "opencode_warehouse", "land-artifacts", "--target", target], 0)

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with closing(duckdb.connect(str(self.path), read_only=True)) as connection:
            return connection.execute(sql, list(parameters)).fetchall()

    def one(self, sql: str, *parameters: object) -> Any:
        """Return the only value of a query."""
        [[value]] = self.query(sql, *parameters)
        return value

    def _environment(self) -> dict[str, str]:
        return (
            os.environ
            | self.environment
            | {
                "OPENCODE_STORE": self.store,
                "OPENCODE_WAREHOUSE": str(self.path),
                "OPENCODE_MACHINE": "desk",
                "DBT_PROFILES_DIR": str(PROJECT),
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
                "DBT_LOG_LEVEL_FILE": "none",  # a sixth of its time
            }
        )

    def _run(self, command: list[str], code: int) -> "subprocess.CompletedProcess[str]":
        environment = self._environment()
        if command[0] == str(DBT):  # there is nothing of ours to be covered in it
            environment.pop("COVERAGE_PROCESS_CONFIG", None)
        done = subprocess.run(
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


NewWarehouse = Callable[..., Warehouse]


@pytest.fixture(scope="session")
def dbt_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtServer]:
    """dbt with the project read: for all warehouses of this process."""
    server = DbtServer(PROJECT, tmp_path_factory.mktemp("dbt"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def new_warehouse(tmp_path_factory: pytest.TempPathFactory, dbt_server: DbtServer) -> NewWarehouse:
    """Return a function that makes a warehouse, not loaded yet, of some stores."""

    def make(*stores: Path) -> Warehouse:
        path = tmp_path_factory.mktemp("warehouse") / "opencode.duckdb"
        return Warehouse(path, os.pathsep.join(map(str, stores)), dbt_server)

    return make


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that unpacks a fixture archive and returns its folder; repeated calls share it."""
    folders: dict[str, Path] = {}

    def unpack(name: str) -> Path:
        if name not in folders:
            folder = tmp_path_factory.mktemp("history")
            with tarfile.open(FIXTURES / f"{name}.tgz") as archive:
                archive.extractall(folder, filter="data")
            [folders[name]] = folder.iterdir()
        return folders[name]

    return unpack


@pytest.fixture(scope="session")
def sample(new_warehouse: NewWarehouse) -> Warehouse:
    """The bundled sample, loaded, built and tested. Read only."""
    warehouse = new_warehouse(PROJECT / "sample")
    warehouse.load()
    warehouse.build()
    return warehouse


@dataclass(frozen=True, slots=True)
class History:
    """A real history, what OpenCode and the interface's side say of it, and the warehouse made of it."""

    folder: Path
    warehouse: Warehouse

    def truth(self, name: str) -> Any:
        """Return one of the files that came with the history."""
        return json.loads((self.folder / name).read_text())


@pytest.fixture(scope="session")
def history(unpacked: Callable[[str], Path], new_warehouse: NewWarehouse) -> Callable[[str], History]:
    """Return a function that gives a history, loaded and built once for all tests."""
    built: dict[str, History] = {}

    def build(name: str) -> History:
        if name not in built:
            folder = unpacked(f"histories/{name}")
            warehouse = new_warehouse(folder)
            warehouse.load()
            warehouse.build()
            built[name] = History(folder, warehouse)
        return built[name]

    return build

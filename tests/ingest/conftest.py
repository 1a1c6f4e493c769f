"""What every test of the loader gets: an environment of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.ingest.stores import Warehouse

settings.register_profile(
    "quick", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("quick")

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep the user's own OpenCode, settings and umask out of a test; return the home it has instead."""
    for name in ("OPENCODE_STORE", "OPENCODE_WAREHOUSE", "OPENCODE_MACHINE", "OPENCODE_DB", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))  # a command that a test starts is this checkout's
    monkeypatch.chdir(home)
    umask = os.umask(0o022)
    yield home
    os.umask(umask)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """A warehouse that does not exist yet."""
    return Warehouse(tmp_path / "warehouse" / "opencode.duckdb")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that a process without rights can reach; see `without_rights`."""
    folder = Path(tempfile.mkdtemp(prefix="opencode-test-"))
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder)

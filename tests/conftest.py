"""The real histories that tests stand on, unpacked once a run."""

import tarfile
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling, LoadScopeScheduling

FIXTURES = Path(__file__).parent / "fixtures"
# What `history` builds once a process: these files' tests stay together.
SHARE_BUILT_HISTORIES = {"costs", "errors", "exports", "forks", "reconciliation", "tracing"}


class SharedBuilds(LoadFileScheduling):
    """Keeps the tests of a file in one process, and those of all files that share built histories."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        name = Path(file).stem.removeprefix("test_")
        return "built histories" if name in SHARE_BUILT_HISTORIES else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Say how tests are shared out where there are several processes."""
    return SharedBuilds(config, log)


@pytest.fixture(scope="session")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one history a name: `1.1.65`, `1.2.27`, … (see tests/fixtures/README.md). Read only."""
    return _unpack(FIXTURES / "histories", tmp_path_factory.mktemp("histories"))


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data root that each of eight OpenCode versions left. Read only."""
    return _unpack(FIXTURES / "versions", tmp_path_factory.mktemp("versions"))


def _unpack(archives: Path, folder: Path) -> Path:
    for archive in sorted(archives.glob("*.tgz")):
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    return folder

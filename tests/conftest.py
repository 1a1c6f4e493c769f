"""The real histories that tests stand on, unpacked once a run."""

import tarfile
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent / "fixtures"


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

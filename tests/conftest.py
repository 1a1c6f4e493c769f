"""The real histories that tests stand on, unpacked once a run."""

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling, LoadScopeScheduling

FIXTURES = Path(__file__).parent / "fixtures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# What a browser would do of its own accord: ask for updates, greet its user.
BROWSER_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# The tests of files that share a build stay together: that of `history`, and that of the bundled sample.
SHARED = {
    f"tests/e2e/test_{name}.py": build
    for build, names in {
        "built histories": ("costs", "errors", "exports", "forks", "reconciliation", "retention", "tracing"),
        "the sample": ("health_checks", "project", "recovery", "report_pages"),
    }.items()
    for name in names
}
# What takes longest begins first, or one process would be left with it at the end.
LONGEST = (
    "built histories",
    "the sample",
    "tests/e2e/test_incremental.py",
    "tests/dev/bench/test_command.py",
    "tests/e2e/test_versions.py",
    "tests/e2e/test_elementary.py",
    "tests/e2e/test_growing_history.py",
    "tests/e2e/test_field_cases.py",
    "tests/ingest/test_interruptions.py",
    "tests/ingest/test_watcher.py",
    "tests/ingest/test_restore.py",
    "tests/dev/tools/test_errors_eval.py",
    "tests/ingest/test_histories.py",
)


def scope_of(nodeid: str) -> str:
    """Return with which others a test shares what it needs: those of its file, unless files share a build."""
    file = nodeid.partition("::")[0]
    return SHARED.get(file, file)


class SharedBuilds(LoadFileScheduling):
    """Keeps the tests of a scope in one process."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest scopes first; the rest stays in its order."""

    def rank(item: pytest.Item) -> int:
        scope = scope_of(item.nodeid)
        return LONGEST.index(scope) if scope in LONGEST else len(LONGEST)

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Say how tests are shared out where there are several processes."""
    config.option.loadscopereorder = False  # by the number of tests; see LONGEST
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser of this machine; where there is none, tests that need it are skipped and say so."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)} is on PATH")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=list(BROWSER_OPTIONS))
        yield opened
        opened.close()

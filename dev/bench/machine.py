"""What a run was made on and of, without names of hosts, people or folders."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from dev.bench.errors import BenchError

_WRITTEN = (":!docs", ":!dev/bench/results.json")
"""What a run writes itself."""
_PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "orjson", "pyarrow")


def describe(project: Path, cache: Path) -> dict[str, object]:
    """Return cores, memory, CPU, versions, the file system of the cache, the time and the commit."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "cpu": _cpu(),
        "system": f"{platform.system()} {platform.machine()}",
        "file_system": _file_system(cache),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "elementary": "off" if _is_stub(project / "dbt_packages" / "elementary") else "on",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "revision": _revision(project),
    }


def _is_stub(package: Path) -> bool:
    """Whether a dbt package is the one that stands in for it where it cannot be had."""
    return package.resolve().parent.name == "offline_packages"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _file_system(path: Path) -> str:
    """Return the type of file system that a folder is on, where Linux says so."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return "unknown"
    found = ("", "unknown")
    for line in mounts.read_text("utf-8", "replace").splitlines():
        _, place, kind, *_ = line.split(" ")
        if path.resolve().is_relative_to(place) and len(place) > len(found[0]):
            found = (place, kind)
    return found[1]


def _revision(project: Path) -> str:
    """Return the commit, with a word where files differ from it; `unknown` outside a checkout."""
    try:
        commit = _git(project, "rev-parse", "--short=12", "HEAD")
        changed = _git(project, "status", "--porcelain", "--untracked-files=no", "--", ".", *_WRITTEN)
    except FileNotFoundError:
        return "unknown"
    except subprocess.CalledProcessError as error:
        if (project / ".git").exists():
            raise BenchError(f"git cannot say which commit this is: {error.stderr.strip()}") from None
        return "unknown"
    return f"{commit} with changes" if changed else commit


def _git(project: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["git", "-C", str(project), *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()

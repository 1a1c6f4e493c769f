"""Other programs that read OpenCode's history, on the same tree: how long they take and what they say.

They are installed into the bench's cache, at exact releases; where that cannot be done, the reason is said.
They sum up tokens and costs and keep nothing, so their time stands beside that of a load, not against it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from dev.bench import measure
from dev.bench.errors import BenchError
from dev.bench.measure import Figure, Runs

CCUSAGE = "20.0.24"
MONITOR = "1.0.5"
RUNS = 3
TOKENS = ("input", "output", "cache_read", "cache_write")
"""As these programs count them: output with reasoning."""
_INSTALL_S = 180


@dataclass(frozen=True, slots=True)
class Peer:
    """What a program took and said: tokens by TOKENS. Where it was not measured `note` says why."""

    name: str
    does: str
    wall: Figure | None
    tokens: Mapping[str, int]
    cost_usd: float | None
    note: str = ""


def peers(cache: Path, store: Path, say: Callable[[str], None]) -> list[Peer]:
    """Return what the other programs took and said of a JSON tree."""
    folder = cache / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / "home"
    data = home / "data"
    data.mkdir(parents=True, exist_ok=True)
    (data / "opencode").unlink(missing_ok=True)
    (data / "opencode").symlink_to(store)
    environment = {
        name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TMPDIR")
    } | {
        "HOME": str(home),
        "XDG_DATA_HOME": str(data),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "OPENCODE_DATA_DIR": str(store),
    }
    return [
        _ccusage(folder, environment, say),
        _monitor(folder, environment, say),
    ]


def _ccusage(folder: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> Peer:
    name, does = f"ccusage {CCUSAGE}", "tokens and list-price cost by month and model; reads messages alone"
    if shutil.which("npm") is None:
        return Peer(name, does, None, {}, None, "not measured: npm is not installed")
    program = folder / "npm" / "node_modules" / ".bin" / "ccusage"
    why_not = _install(
        say,
        name,
        program,
        [
            *("npm", "install", "--no-fund", "--no-audit", "--include=optional"),
            *("--prefix", str(folder / "npm"), f"ccusage@{CCUSAGE}"),
        ],
    )
    if why_not:
        return Peer(name, does, None, {}, None, why_not)
    command = [str(program), "opencode", "monthly", "--json", "--offline"]
    return _measured(name, does, command, folder, environment, say, _ccusage_said)


def _ccusage_said(output: str) -> tuple[dict[str, int], float]:
    totals = orjson.loads(output)["totals"]
    tokens = {
        "input": totals["inputTokens"],
        "output": totals["outputTokens"],
        "cache_read": totals["cacheReadTokens"],
        "cache_write": totals["cacheCreationTokens"],
    }
    return tokens, totals["totalCost"]


def _monitor(folder: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> Peer:
    name = f"opencode-monitor {MONITOR}"
    does = "tokens and recorded cost by model; reads messages alone"
    program = folder / "python" / "bin" / "ocmonitor"
    python = folder / "python" / "bin" / "python"
    why_not = _install(
        say,
        name,
        program,
        [sys.executable, "-m", "venv", str(folder / "python")],
        [str(python), "-m", "pip", "install", "--quiet", f"opencode-monitor=={MONITOR}"],
    )
    if why_not:
        return Peer(name, does, None, {}, None, why_not)
    command = [str(program), "--no-remote", "models", "--format", "json"]
    return _measured(name, does, command, folder, environment, say, _monitor_said)


def _monitor_said(output: str) -> tuple[dict[str, int], float]:
    found: dict[str, Any] = orjson.loads(output[output.index("{") :])
    return {name: found["total_tokens"][name] for name in TOKENS}, found["total_cost"]


def _install(say: Callable[[str], None], name: str, program: Path, *commands: list[str]) -> str:
    """Install a program where it is not yet; return why that cannot be done, in a sentence."""
    if program.exists():
        return ""
    say(f"installing {name} into the bench's cache")
    try:
        for command in commands:
            subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_S)  # noqa: S603
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return f"not measured: it could not be installed ({type(error).__name__})"
    return "" if program.exists() else "not measured: its package has no program for this machine"


def _measured(
    name: str,
    does: str,
    command: list[str],
    folder: Path,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    said: Callable[[str], tuple[dict[str, int], float]],
) -> Peer:
    runs = Runs([])
    try:
        for n in range(RUNS):
            say(f"{name}, {n + 1} of {RUNS}")
            runs.spent.append(measure.run(command, folder, environment))
        tokens, cost_usd = said(runs.spent[-1].output)
    except (BenchError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0].replace(str(folder), "…")
        return Peer(name, does, None, {}, None, f"not measured: {reason}")
    return Peer(name, does, runs.wall, tokens, round(cost_usd, 6))

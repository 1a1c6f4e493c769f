"""What is private stays out of every table, page and terminal: secrets, and signs that terminals obey."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from opencode_warehouse.tell import answers
from tests.ingest.secrets import assert_nowhere, everything, planted

PROJECT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow

ORDERS = "\x1b[31m\x1b]0;owned\x07 \x9b2J \r\b \u202egnp.exe\u2066 \u200f\x7f"
"""Colours, a title for the window, a cleared screen, a line written over, text turned round."""
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Planted:
    """A built warehouse of a real history with every kind of secret and terminal orders in it."""

    warehouse: Any
    secrets: list[str]
    environment: dict[str, str]

    def run(self, *command: str, ok: tuple[int, ...] = (0,)) -> str:
        """Run a command of the project and return all that it prints."""
        done = subprocess.run(
            [sys.executable, *command], cwd=PROJECT, env=self.environment, capture_output=True, check=False
        )
        said = (done.stdout + done.stderr).decode()
        assert done.returncode in ok, said
        return said


def plant(tree: Path) -> list[str]:
    """Put a secret and terminal orders into each title, text, tool and error; return the secrets."""
    found = [piece for _, _, pieces in planted() for piece in pieces]
    texts = cycle(text for _, text, _ in planted())
    for file in sorted(tree.rglob("*.json")):
        document = json.loads(file.read_text())
        if not isinstance(document, dict):
            continue
        noise = f" {next(texts)} {ORDERS}"
        for name in ("title", "text"):
            if isinstance(document.get(name), str):
                document[name] += noise
        state = document.get("state")
        if isinstance(state, dict):
            state["title"] = f"{state.get('title')}{noise}"
            for name in ("output", "error"):
                if isinstance(state.get(name), str):
                    state[name] += noise
            if isinstance(state.get("input"), dict):
                state["input"] |= {
                    name: text + noise for name, text in state["input"].items() if isinstance(text, str)
                }
            if document["tool"] == "glob":
                document["tool"] += ORDERS
        if isinstance(document.get("error"), dict):
            document["error"].setdefault("data", {})["message"] = f"401{noise}"
        file.write_text(json.dumps(document))
    folder = next(tree.glob("part/*"))
    (folder / f"prt_{ORDERS.replace('/', '')}.json").write_text("{")
    return found


@pytest.fixture(scope="module")
def built(
    unpacked: Callable[[str], Path],
    new_warehouse: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Planted:
    """A real history with secrets, loaded, built and reported, under the umask that most people have."""
    tree = tmp_path_factory.mktemp("planted") / "storage"
    shutil.copytree(unpacked("histories/1.1.65") / "storage", tree)
    secrets = plant(tree)
    warehouse = new_warehouse(tree.parent)
    before = os.umask(0o022)
    try:
        result = warehouse.load(code=1)
        warehouse.build_untested()
    finally:
        os.umask(before)
    assert result["counts"]["rejected"] == 1
    assert set(result["counts"]["secrets_masked"]) == {kind for kind, _, _ in planted()}
    environment = os.environ | {
        "OPENCODE_STORE": warehouse.store,
        "OPENCODE_WAREHOUSE": str(warehouse.path),
        "OPENCODE_MACHINE": "desk",
        "OPENCODE_ALERTS_WEBHOOK_URL": "http://127.0.0.1:9/nobody",
    }
    return Planted(warehouse, secrets, environment)


def test_no_secret_is_in_any_table_or_page(built: Planted) -> None:
    built.run("-m", "opencode_warehouse", "report")

    pages = [file for file in (built.warehouse.path.parent / "reports").iterdir() if file.is_file()]
    assert {"health.json"} < {file.name for file in pages}
    kept = everything(built.warehouse.path)
    assert kept.count("[masked:") > len(built.secrets)
    assert_nowhere(built.secrets, kept, *(file.read_bytes() for file in pages))
    assert_nowhere(built.secrets, built.warehouse.path.read_bytes())
    results = built.warehouse.path.parent / "target" / "run_results.json"
    assert_nowhere(built.secrets, results.read_bytes())


def test_no_terminal_is_given_orders(built: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    said = [
        built.run("-m", program, name, *form, ok=(0, 1))
        for program, name in (
            ("ingest", "load"),
            ("ingest", "status"),
            ("ingest", "doctor"),
            ("opencode_warehouse", "health"),
        )
        for form in ([], ["--json"])
    ]
    said += [
        built.run("-m", "opencode_warehouse", "report"),
        built.run("-m", "opencode_warehouse", "alert", "--dry-run", ok=(0, 1)),
    ]
    answered = []
    for file in (PROJECT / "analyses").glob("*/*.sql"):
        assert answers.main(["--warehouse", str(built.warehouse.path), file.stem]) == 0
        answered.append(capsys.readouterr().out)

    assert [text for text in [*said, *answered] if OBEYED.search(text)] == []
    assert any("\ufffd" in text for text in said)
    assert any("\ufffd" in text for text in answered), "titles and tools are shown"
    assert_nowhere(built.secrets, *said, *answered)


def test_everything_beside_the_warehouse_is_private(built: Planted) -> None:
    built.run("-m", "opencode_warehouse", "report")
    built.run("-m", "opencode_warehouse", "backup")

    for path in built.warehouse.path.parent.rglob("*"):
        if "target" not in path.parts:
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_make_runs_dbt_privately() -> None:
    show = "--eval=show-umask:;@umask 022; A=b $(PRIVATELY) sh -c 'umask; echo $$A'"

    done = subprocess.run(
        ["make", "--no-print-directory", show, "show-umask"], cwd=PROJECT, capture_output=True, check=True
    )
    lines = (PROJECT / "Makefile").read_text().splitlines()

    assert done.stdout.split() == [b"0077", b"b"]
    assert "DBT := $(PRIVATELY) $(BIN)/dbt --no-use-colors" in lines
    assert [line for line in lines if "$(BIN)/dbt" in line] == [
        "DBT := $(PRIVATELY) $(BIN)/dbt --no-use-colors"
    ]

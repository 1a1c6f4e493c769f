"""An evening with OpenCode, a watch of its store, and everything that can go wrong with either."""

import ctypes
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import duckdb

from ingest.load import load
from ingest.raw.documents import ENTITIES
from ingest.settings import Settings
from ingest.sync_state import read_status
from opencode_warehouse.keep.releases import current_release

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
COMPARE_EVERY_S = 3.0
PUBLISH = (
    "import sys; from pathlib import Path; from opencode_warehouse.keep.releases import publish; "
    "publish(Path(sys.argv[1]))"
)
OVERFLOWS = 20_000
"""More events than Linux keeps for a listener (16,384)."""

_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 24, 1, 2


def heed_permissions() -> None:
    """Take from root, in a process that is about to start, the right to read what nobody may read."""
    if os.geteuid() == 0 and sys.platform == "linux":
        libc = ctypes.CDLL(None)
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


class Evening:
    """The processes of an evening, the faults that befall them, and what is counted of it."""

    def __init__(self, folder: Path, seed: int, seconds: float, rate: float) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a repeatable evening, no secret
        self.store = folder / "store"
        self.warehouse = folder / "warehouse" / "opencode.duckdb"
        self.clock = folder / "clock"
        self.log = folder / "watch.log"
        self.done: Counter[str] = Counter()
        self.n_reads = 0
        self.served: set[str] = set()
        command = [
            sys.executable,
            str(HERE / "imitation.py"),
            str(self.store),
            str(seconds),
            str(seed),
            str(rate),
        ]
        self.writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.line_of_writer()
        self.watch = self.start_watch()

    def line_of_writer(self) -> str:
        """Return the next line that the writer prints."""
        assert self.writer.stdout is not None
        return self.writer.stdout.readline()

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        """Start a process in a group of its own, which can be killed as a whole."""
        environment = os.environ | {
            "OPENCODE_STORE": str(self.store),
            "OPENCODE_WAREHOUSE": str(self.warehouse),
            "OPENCODE_MACHINE": "box",
            "DBT_PROFILES_DIR": str(PROJECT),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_LOG_LEVEL_FILE": "none",
        }
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def start_watch(self) -> "subprocess.Popen[bytes]":
        """Start a watch that may not read everything, as root may."""
        arguments = (str(self.store), str(self.warehouse), str(COMPARE_EVERY_S), str(self.clock))
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(HERE / "watch.py"), *arguments],
                cwd=PROJECT,
                stderr=log,
                preexec_fn=heed_permissions,
            )

    # what befalls the programs

    def kill_watch(self) -> None:
        """Kill the watch wherever it is, and start it again."""
        self.watch.kill()
        self.watch.wait()
        self.watch = self.start_watch()

    def end_watch(self) -> None:
        """Ask the watch to end, which it does at once and with 0, and start it again."""
        while (read_status(self.warehouse) or {}).get("pid") != self.watch.pid:
            time.sleep(0.05)  # before it has begun nothing listens to signals
            assert self.watch.poll() is None
        self.watch.terminate()
        code = self.watch.wait(timeout=30)
        assert code == 0, f"a watch that is asked to end ended with {code}"
        self.watch = self.start_watch()

    def kill_load(self) -> None:
        """Load by hand beside the watch, and kill that."""
        self.kill_after(self.start("-m", "ingest", "load"), 0.3, 2.5)

    def kill_publish(self) -> None:
        """Publish, and kill that."""
        self.kill_after(self.start("-c", PUBLISH, str(self.warehouse)), 0.3, 2.0)

    def kill_build(self) -> None:
        """Let dbt build something, and kill it."""
        dbt = str(Path(sys.executable).with_name("dbt"))
        target = str(self.warehouse.parent / "target")
        chosen = (
            "run",
            "--select",
            "stg_opencode__messages+1",
            "--target-path",
            target,
            "--log-path",
            target,
        )
        self.kill_after(self.start(dbt, *chosen), 3.0, 9.0)

    def kill_after(self, process: "subprocess.Popen[bytes]", least_s: float, most_s: float) -> None:
        """Kill a process and all that it started after a while, unless it has ended by then."""
        try:
            process.wait(self.random.uniform(least_s, most_s))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        else:
            self.done["ended before the kill"] += 1
            self.done["kills"] -= 1

    def publish(self) -> None:
        """Publish to the end."""
        assert self.start("-c", PUBLISH, str(self.warehouse)).wait(timeout=120) == 0, "publishing failed"

    def hold(self) -> None:
        """Have the warehouse open in a client that knows nothing of our lock."""
        with (
            closing(duckdb.connect()) as connection,
            suppress(duckdb.Error),
        ):  # the watch may have it just now
            connection.execute(f"attach '{self.warehouse}' as held (read_only)")
            time.sleep(self.random.uniform(0.5, 2))

    # what befalls the store

    def some_file(self) -> Path | None:
        """Return a part of the tree."""
        with suppress(FileNotFoundError, IndexError):  # deleted meanwhile; there is none
            folder = self.random.choice(list((self.store / "storage" / "part").iterdir()))
            return self.random.choice(list(folder.glob("*.json")))
        return None

    def truncate(self) -> None:
        """Cut a file, as a full disk does, and mend it after a while, unless OpenCode has changed it."""
        file = self.some_file()
        with suppress(FileNotFoundError):
            if file is not None and len(whole := file.read_bytes()) > 1:
                cut = whole[: len(whole) // 2]
                file.write_bytes(cut)
                time.sleep(self.random.choice((0.2, 1.0, 7.0)))
                if file.read_bytes() == cut:
                    file.write_bytes(whole)

    def forbid(self) -> None:
        """Take away the right to read a file or a folder, for a while."""
        file = self.some_file()
        if file is not None:
            path = self.random.choice((file, file.parent))
            with suppress(FileNotFoundError):
                mode = path.stat().st_mode
                path.chmod(0)
                time.sleep(self.random.uniform(0.5, 4))
                path.chmod(mode)

    def jump(self) -> None:
        """Set the clock of the watch forth or back."""
        self.clock.write_text(str(self.random.choice((-90_000, -5, 0, 5, 90_000))))

    def paused(self, act: Callable[[], object]) -> None:
        """Do something while the writer has nothing open."""
        pause = self.store.with_name(f"{self.store.name}.pause")
        pause.touch()
        paused = pause.with_suffix(".paused")
        while not paused.exists() and self.writer.poll() is None:
            time.sleep(0.02)
        act()
        pause.unlink()
        while paused.exists() and self.writer.poll() is None:
            time.sleep(0.02)

    def disappear(self) -> None:
        """Take the whole store away, as a disk that is not mounted, and bring it back."""

        def away() -> None:
            elsewhere = self.store.with_name("elsewhere")
            self.store.rename(elsewhere)
            time.sleep(self.random.uniform(0.5, 4))
            elsewhere.rename(self.store)

        self.paused(away)

    def replace_database(self) -> None:
        """Put a copy in the place of the database, as one who restores a backup does."""

        def replace() -> None:
            database, copy = self.store / "opencode.db", self.store / "copy"
            with closing(sqlite3.connect(database)) as old, closing(sqlite3.connect(copy)) as new:
                old.backup(new)
            for sidecar in ("-wal", "-shm"):
                database.with_name(f"opencode.db{sidecar}").unlink(missing_ok=True)
            copy.replace(database)

        self.paused(replace)

    def overflow(self) -> None:
        """Let more happen than the system keeps for a watch that does not listen."""
        found = os.walk(self.store / "storage")  # which bears that folders are deleted meanwhile
        files = [Path(folder, name) for folder, _, names in found for name in names][:200]
        self.watch.send_signal(signal.SIGSTOP)
        for n in range(OVERFLOWS):
            with suppress(FileNotFoundError):
                os.utime(files[n % len(files)])
        with suppress(FileNotFoundError):
            files[0].write_text(files[0].read_text() + " ")
        self.watch.send_signal(signal.SIGCONT)

    # how it goes, and how it ends

    def befall(self, name: str) -> None:
        """Let one fault happen, and look at what readers are given."""
        assert self.watch.poll() is None, f"the watch ended by itself: {self.log.read_text()[-3000:]}"
        if name.startswith("kill"):
            self.done["kills"] += 1
        getattr(self, name)()
        self.done[name] += 1
        self.read()

    def read(self) -> None:
        """Read what is released, as a report would: never an error, never half of something."""
        file = current_release(self.warehouse)
        if file is None:
            return
        with closing(duckdb.connect()) as connection:
            connection.execute(f"attach '{file}' as opencode (read_only)")
            rows = connection.execute(
                "select count(*), count(distinct (source_id, document_id)) from opencode.raw.parts"
            ).fetchone()
        assert rows is not None
        assert rows[0] == rows[1]
        self.n_reads += 1
        self.served.add(str(file.resolve()))

    def finish(self, timeout_s: float = 120) -> dict[str, Any]:
        """End the writer, let the watch come level, end it, and return what was counted."""
        assert self.writer.stdin is not None
        self.writer.stdin.close()
        written: dict[str, Any] = json.loads(self.line_of_writer())
        self.writer.wait()
        self.clock.unlink(missing_ok=True)
        until = time.monotonic() + timeout_s
        quiet_since = time.monotonic()
        n_commits: object = None
        while time.monotonic() - quiet_since < 4 * COMPARE_EVERY_S:
            assert time.monotonic() < until, f"the watch never came level: {read_status(self.warehouse)}"
            status = read_status(self.warehouse) or {}
            is_level = status.get("phase") == "realtime" and status.get("lag_s") == 0
            if not is_level or status.get("n_commits") != n_commits:
                n_commits, quiet_since = status.get("n_commits"), time.monotonic()
            time.sleep(0.1)
        self.watch.terminate()
        assert self.watch.wait(timeout=30) == 0
        return written | dict(self.done) | {"reads": self.n_reads, "releases_read": len(self.served)}

    def close(self) -> None:
        """End whatever still runs."""
        for process in (self.watch, self.writer):
            if process.poll() is None:
                process.kill()
                process.wait()

    def fresh(self) -> Path:
        """Load the store as it is, without masking, into a new warehouse and return its path."""
        path = self.warehouse.parent / "fresh" / "opencode.duckdb"
        shutil.rmtree(path.parent, ignore_errors=True)
        load(Settings((self.store,), path, "box", is_default_store=False, mask=False))
        return path


def documents(warehouse: Path) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """Return every document that a warehouse holds as not deleted, with all that its store says of it."""
    found: dict[tuple[str, ...], tuple[Any, ...]] = {}
    with closing(duckdb.connect()) as connection:
        connection.execute(f"attach '{warehouse}' as opencode (read_only)")
        for entity in ENTITIES:
            rows = connection.execute(
                f"""select source_id, document_id, session_id, message_id, payload, payload_hash, origin,
                    origin_modified_at, size_bytes from opencode.raw.{entity} where deleted_at is null"""
            ).fetchall()
            for row in rows:
                key = (entity, row[0], row[1])
                assert key not in found, f"{key} is there twice"
                found[key] = row[2:]
    return found


def differences(one: Path, other: Path) -> list[str]:
    """Return what two warehouses hold differently: each document by its key and what is the matter."""
    left, right = documents(one), documents(other)
    told = [f"{key} is only in {one}" for key in left.keys() - right.keys()]
    told += [f"{key} is only in {other}" for key in right.keys() - left.keys()]
    told += [
        f"{key} differs: {left[key]} {right[key]}"
        for key in left.keys() & right.keys()
        if left[key] != right[key]
    ]
    return sorted(told)

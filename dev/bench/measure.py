"""What a command costs: seconds, CPU, memory, bytes read and written; and figures of several runs of it."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.bench.errors import BenchError
from ingest import human

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
_N_LAST_LINES = 15


@dataclass(frozen=True, slots=True)
class Spent:
    """What one run of a command cost. Bytes read and written are of its system calls, None where not known.

    The peak of memory is never below that of the bench itself, about 100 MB: a process begins as its copy.

    Bytes tell what a clock on a busy machine cannot: whether everything was read or written again.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    read_bytes: int | None
    written_bytes: int | None
    output: str


def run(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Spent:
    """Run a command to its end. Raises BenchError, with its last words, where it fails."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own programs
            command, cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=errors
        )
        read, written = _bytes_at_the_end(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
        if process.returncode != 0:
            errors.seek(0)
            lines = (said + errors.read().decode("utf-8", "replace")).splitlines()[-_N_LAST_LINES:]
            raise BenchError(
                f"`{' '.join(map(human.printable, command))}` ended with {process.returncode}:\n"
                + "\n".join(f"  {human.printable(line)}" for line in lines)
            )
    return Spent(
        wall_s,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * _MAXRSS_UNIT,
        read,
        written,
        said,
    )


def _bytes_at_the_end(pid: int) -> tuple[int | None, int | None]:
    """Wait until a process has ended, without reaping it: until then Linux still has its counts."""
    if not Path("/proc/self/io").exists():
        return None, None
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    try:
        text = Path(f"/proc/{pid}/io").read_text("ascii")
    except PermissionError:  # a container may hide it
        return None, None
    counts = dict(line.split(": ") for line in text.splitlines())
    return int(counts["rchar"]), int(counts["wchar"])


@dataclass(frozen=True, slots=True)
class Figure:
    """The same thing measured several times. `unit` is s, ms, MB or x."""

    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return the median."""
        return statistics.median(self.values)

    @property
    def largest(self) -> float:
        """Return the largest value."""
        return max(self.values)


@dataclass(slots=True)
class Runs:
    """Several runs of the same command."""

    spent: list[Spent]

    @property
    def wall(self) -> Figure:
        """Return the seconds that the runs took."""
        return Figure("s", tuple(round(one.wall_s, 4) for one in self.spent))

    @property
    def peak_mb(self) -> Figure:
        """Return the most memory that each run had, in MB."""
        return Figure("MB", tuple(round(one.peak_bytes / 1e6, 1) for one in self.spent))

    @property
    def cpu(self) -> Figure:
        """Return the seconds of CPU, user and system, that the runs took."""
        return Figure("s", tuple(round(one.cpu_s, 4) for one in self.spent))

    @property
    def read_bytes(self) -> float | None:
        """Return the median of the bytes read, None where they are not known."""
        return _median([one.read_bytes for one in self.spent])

    @property
    def written_bytes(self) -> float | None:
        """Return the median of the bytes written, None where they are not known."""
        return _median([one.written_bytes for one in self.spent])


def _median(values: list[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if len(known) == len(values) else None

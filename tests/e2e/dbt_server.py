"""dbt with the project read once: each command runs in a fork of a process that has imported and parsed it.

Importing dbt and reading the project takes some eight seconds, as often as a command is started. Forks share
nothing of what they do, as processes of their own would not.
"""

import gc
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class DbtServer:
    """A running server; see `run`."""

    def __init__(self, project: Path, folder: Path) -> None:
        """Start it; what it parses goes to `folder`."""
        self._output = folder / "output"
        self._target = folder / "target"
        self._is_ready = False
        environment = os.environ | {"DBT_PROFILES_DIR": str(project)}
        environment.pop("COVERAGE_PROCESS_CONFIG", None)  # there is nothing of ours to be covered in it
        self._server = subprocess.Popen(
            [sys.executable, __file__, str(self._target)],
            cwd=project,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
        """Run a command of dbt on the project in an environment; return its exit code and what it prints."""
        self._wait()
        assert self._server.stdin is not None
        request = {"arguments": [*arguments], "environment": {**environment}, "output": str(self._output)}
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return self._answer(), self._output.read_text(errors="replace")

    def manifest(self) -> Any:
        """Return dbt's manifest of the project."""
        self._wait()
        return json.loads((self._target / "manifest.json").read_text())

    def _wait(self) -> None:
        if not self._is_ready:
            assert self._answer() == 0
            self._is_ready = True

    def _answer(self) -> int:
        assert self._server.stdout is not None
        answer = self._server.stdout.readline()
        assert answer, "the server of dbt has ended"
        return int(answer)

    def close(self) -> None:
        """End the server."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(timeout=10)


def serve(target: Path) -> None:
    """Say 0 when the project is read; answer each line of standard input, a request, with its exit code."""
    from dbt.cli.main import dbtRunner  # here, as tests import this file as well

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what parsing says is not an answer
    parsed = dbtRunner().invoke(["--quiet", "parse", "--target-path", str(target), "--log-path", str(target)])
    if parsed.exception is not None or not parsed.success:
        raise SystemExit(f"dbt cannot read the project: {parsed.exception}")
    assert threading.active_count() == 1, "a fork has the one thread that forks"
    gc.collect()
    gc.freeze()
    print(0, file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_run(parsed.result, target, request))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def _run(manifest: Any, target: Path, request: Mapping[str, Any]) -> int:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(request["environment"])
    arguments = request["arguments"]
    own = Path(arguments[arguments.index("--target-path") + 1])
    own.mkdir(exist_ok=True)
    shutil.copy(target / "manifest.json", own)  # written by who parses, read by who lands results

    def name_invocation(event: Any) -> None:  # what was parsed has the id of the command that parsed it
        manifest.metadata.invocation_id = event.info.invocation_id

    done = dbtRunner(manifest=manifest, callbacks=[name_invocation]).invoke(arguments)
    if done.exception is not None:
        print(done.exception)
    opened: Any = DuckDBConnectionManager._ENV  # None where no connection was opened
    if opened is not None:
        opened.close()  # else a part of the warehouse stays in its write-ahead log
    sys.stdout.flush()
    return 0 if done.success else 2 if done.exception is not None else 1


if __name__ == "__main__":
    serve(Path(sys.argv[1]))

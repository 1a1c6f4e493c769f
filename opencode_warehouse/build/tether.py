"""Running a program that ends when whoever started it does.

`python -m opencode_warehouse.build.tether PROGRAM …`

Its input is a pipe that only its starter holds: it ends when that process does, however that ends, and with
it the program. A dbt that outlived its run would go on writing to a warehouse that the next run has.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

GRACE_S = 10.0
"""How long a program that is asked to end may take."""


def main(command: Sequence[str]) -> int:
    """Run a program and return its exit code; 128 and the number of the signal where one ended it."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as program:  # noqa: S603 - our own programs
        signal.signal(signal.SIGTERM, lambda *_: program.terminate())
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells the program as well
        threading.Thread(target=_end_with_input, args=(program,), daemon=True).start()
        code = program.wait()
    return code if code >= 0 else 128 - code


def _end_with_input(program: "subprocess.Popen[bytes]") -> None:
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    program.terminate()
    try:
        program.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        program.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A watch whose clock jumps: python watch.py STORE WAREHOUSE COMPARE_EVERY CLOCK (seconds to add)."""

import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest import logs
from ingest.settings import Settings
from ingest.watch.watcher import Watcher, WatchOptions


def main() -> None:
    """Watch until a signal ends it."""
    store, warehouse, clock_file = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[4])
    logs.configure("json", 20)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def clock() -> datetime:
        added = float(clock_file.read_text() or 0) if clock_file.exists() else 0.0
        return datetime.now(UTC) + timedelta(seconds=added)

    settings = Settings((store,), warehouse, "box", is_default_store=False)
    Watcher(settings, WatchOptions(compare_every=float(sys.argv[3])), stop, clock=clock).run()


if __name__ == "__main__":
    main()

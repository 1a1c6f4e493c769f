"""What the loader says while it works: names, counts and times, never the text of a document."""

import logging
import sys
import time
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

LogFormat = Literal["text", "json"]
_TIMED = "%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s"
_FIELDS = "%(levelname)s %(name)s %(message)s"
_SECOND = "%Y-%m-%dT%H:%M:%S"


def configure(log_format: LogFormat | None, level: int = logging.WARNING) -> None:
    """Send the log to stderr: as plain sentences, or with UTC times as lines of text or of JSON."""
    handler = logging.StreamHandler(sys.stderr)
    if log_format == "json":
        renamed = {"levelname": "level", "name": "logger"}
        formatter: logging.Formatter = JsonFormatter(_FIELDS, rename_fields=renamed, timestamp="time")
    else:
        formatter = logging.Formatter(None if log_format is None else _TIMED, _SECOND)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it says at INFO how many files changed

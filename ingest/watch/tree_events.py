"""Which files below some folders were written, as the operating system tells it."""

import logging
import threading
from collections.abc import Iterable
from pathlib import Path

import watchfiles

log = logging.getLogger(__name__)

_DEBOUNCE_MS = 200
_STEP_MS = 50
_STOP_EVERY_MS = 200
MAX_PATHS = 20_000
"""More changes than this are not told one by one: whoever asks should look at all."""


class TreeEvents:
    """Collects the paths that change below folders, in a thread of its own, from the moment it is made.

    What it tells is a hint: events get lost where their queue overflows, a file system sends none (network
    mounts), or too many folders are watched. Somebody has to compare all now and then.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = sorted(folders)
        self._lock = threading.Lock()
        self._written: set[Path] = set()
        self._has_deletions = False
        self._has_overflown = False
        self._stop = threading.Event()
        self._changed = threading.Event()
        self._thread = threading.Thread(target=self._collect, name="tree-events", daemon=True)
        if self._folders:
            self._thread.start()

    def __enter__(self) -> "TreeEvents":
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def is_alive(self) -> bool:
        """Whether anything is told at all."""
        return self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait until something changed, but no longer than this."""
        self._changed.wait(seconds)

    def take(self) -> tuple[set[Path], bool]:
        """Return the paths that were written since they were last taken, and whether to look at all."""
        with self._lock:
            written, self._written = self._written, set()
            look_at_all = self._has_deletions or self._has_overflown
            self._has_deletions = self._has_overflown = False
            self._changed.clear()
        return written, look_at_all

    def _collect(self) -> None:
        try:
            for changes in watchfiles.watch(
                *self._folders,
                watch_filter=None,
                debounce=_DEBOUNCE_MS,
                step=_STEP_MS,
                rust_timeout=_STOP_EVERY_MS,
                stop_event=self._stop,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                self._add(changes)
        except OSError as error:  # the limit of inotify, or a folder that went away
            log.warning(
                "the system tells of no changes (%s): they are looked for instead. On Linux a higher "
                "fs.inotify.max_user_watches helps where there are many folders.",
                error.strerror or type(error).__name__,
            )

    def _add(self, changes: set[watchfiles.main.FileChange]) -> None:
        with self._lock:
            for change, path in changes:
                if change == watchfiles.Change.deleted:
                    self._has_deletions = True
                else:
                    self._written.add(Path(path))
            if len(self._written) > MAX_PATHS:
                self._written.clear()
                self._has_overflown = True
        self._changed.set()

"""The least that must be done, as programs of their own: `python -m dev.bench.floors walk|read|select PATH`.

They keep nothing and check nothing: whoever lands a history has to do this and more.
"""

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing

import orjson


def walk(root: str) -> int:
    """List a tree, ask for size and time of every file, and return their number."""
    n = 0
    for entry in _files(root):
        entry.stat()
        n += 1
    return n


def read(root: str) -> int:
    """Read and parse every file of a tree, and return their number."""
    n = 0
    for entry in _files(root):
        with open(entry.path, "rb", buffering=0) as file:  # noqa: PTH123 - the least that can be done
            orjson.loads(file.read())
        n += 1
    return n


def _files(root: str) -> Iterator["os.DirEntry[str]"]:
    folders = [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    yield entry


def select(database: str) -> int:
    """Select every row with its document, parse that, and return the number of rows."""
    n = 0
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        for table in ("project", "session"):
            n += sum(1 for _ in connection.execute(f"select * from {table}"))  # noqa: S608 - constants
        for table in ("message", "part"):
            for row in connection.execute(f"select * from {table}"):  # noqa: S608 - constants
                orjson.loads(row[-1])
                n += 1
    return n


if __name__ == "__main__":
    floor = {"walk": walk, "read": read, "select": select}[sys.argv[1]]
    sys.stdout.write(f"{floor(sys.argv[2])}\n")

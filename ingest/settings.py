"""Where the stores and the warehouse are: arguments, environment, defaults."""

import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.documents import Source
from ingest.errors import IngestError
from ingest.sources import json_store

DATABASES = "opencode*.db"
WAREHOUSE = Path("warehouse/opencode.duckdb")
SAMPLE_MACHINE = "sample"
_SQLITE_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a command works on. `stores` are as given; `is_sample` says that they are the bundled sample."""

    stores: tuple[Path, ...]
    warehouse: Path
    machine: str
    is_default_store: bool
    fallback: Path | None = None
    is_sample: bool = False


def from_environment(
    environ: Mapping[str, str],
    *,
    stores: Sequence[str] = (),
    warehouse: str | None = None,
    machine: str | None = None,
    fallback: str | None = None,
) -> Settings:
    """Return the settings: an argument wins over its environment variable, that over the default.

    OPENCODE_STORE, OPENCODE_WAREHOUSE, OPENCODE_MACHINE; see README. Raises IngestError where a value
    cannot be used.
    """
    given = list(stores) or [item for item in environ.get("OPENCODE_STORE", "").split(os.pathsep) if item]
    path = Path(warehouse or environ.get("OPENCODE_WAREHOUSE") or WAREHOUSE).expanduser()
    if path.stem != "opencode" or path.suffix != ".duckdb":
        raise IngestError(
            f"The warehouse file must be called opencode.duckdb, not {path.name}: its views keep that name. "
            f"Use a folder of its own instead, such as {path.parent / path.stem / 'opencode.duckdb'}."
        )
    return Settings(
        stores=tuple(Path(item).expanduser().absolute() for item in given) or (data_root(environ),),
        warehouse=path.absolute(),
        machine=machine or environ.get("OPENCODE_MACHINE") or socket.gethostname() or "unknown",
        is_default_store=not given,
        fallback=Path(fallback).absolute() if fallback else None,
    )


def data_root(environ: Mapping[str, str]) -> Path:
    """Return OpenCode's default data root: `$XDG_DATA_HOME/opencode`, else `~/.local/share/opencode`."""
    base = environ.get("XDG_DATA_HOME")
    home = environ.get("HOME") or str(Path.home())
    return (Path(base) if base else Path(home) / ".local" / "share") / "opencode"


def find_sources(stores: Iterable[Path], machine: str, *, is_sample: bool = False) -> list[Source]:
    """Return the sources that stores hold: JSON trees, databases, export files; each once.

    A path that does not exist or holds nothing of OpenCode yields no source.
    """
    found: dict[str, Source] = {}
    for store in stores:
        for source in _sources_of(store, machine, is_sample):
            found.setdefault(source.source_id, source)
    return list(found.values())


def _sources_of(store: Path, machine: str, is_sample: bool) -> list[Source]:
    if store.is_file():
        with store.open("rb") as file:
            is_database = file.read(16) == _SQLITE_MAGIC or store.suffix == ".db"
        return [Source(machine, "sqlite" if is_database else "export", store, is_sample)]
    if store.name == json_store.TREE and not (store / json_store.TREE).is_dir() and store.is_dir():
        store = store.parent  # the tree itself was named instead of the root it lies in
        return [Source(machine, "json", store, is_sample)]
    sources = []
    if (store / json_store.TREE).is_dir():
        sources.append(Source(machine, "json", store, is_sample))
    if store.is_dir():
        databases = sorted(path for path in store.glob(DATABASES) if path.is_file())
        sources.extend(Source(machine, "sqlite", path, is_sample) for path in databases)
    return sources

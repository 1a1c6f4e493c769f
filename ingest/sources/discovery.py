"""Which stores there are at the places that somebody named: see Source."""

from collections.abc import Iterable
from pathlib import Path

from ingest.errors import SourceError
from ingest.raw.documents import SourceKey
from ingest.sources.export_file import ExportFile
from ingest.sources.json_store import JsonTree
from ingest.sources.source import Source
from ingest.sources.sqlite_store import Database

KINDS: tuple[type[Source], ...] = (JsonTree, Database, ExportFile)
"""Every kind of store, in the order in which they load."""


def as_source(key: SourceKey) -> Source:
    """Return the store that a key names, to be asked and read."""
    kind = next(kind for kind in KINDS if key.kind == kind.KIND)
    return kind.at(key.machine, key.root, is_sample=key.is_sample)


def find_sources(stores: Iterable[Path], machine: str, *, is_sample: bool = False) -> list[Source]:
    """Return the sources that stores hold: JSON trees, databases, export files; each once.

    A path that does not exist or holds nothing of OpenCode yields no source. Raises SourceError where a
    store cannot be looked into.
    """
    found: dict[str, Source] = {}
    for store in stores:
        try:
            for source in _sources_of(store, machine, is_sample=is_sample):
                found.setdefault(source.source_id, source)
        except OSError as error:
            raise SourceError(
                f"{store} cannot be looked into ({error.strerror}). Give yourself the right to read it."
            ) from None
    return list(found.values())


def _sources_of(store: Path, machine: str, *, is_sample: bool) -> list[Source]:
    return [kind.at(machine, root, is_sample=is_sample) for kind in KINDS for root in kind.discover(store)]

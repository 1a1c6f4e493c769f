"""What load, watch and doctor ask of a store, of whatever kind it is."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from ingest.raw.documents import Document, Entity, Rejection, Seen, SourceKey, SourceKind
from ingest.raw.known import Known


@dataclass(frozen=True, slots=True)
class Census:
    """What a store holds. A table or folder that is missing counts 0."""

    counts: Mapping[str, int]
    """Rows or files of session, message, part and session_message."""
    versions: tuple[tuple[str, int], ...]
    """OpenCode versions and how many sessions each created."""
    unknown_columns: tuple[str, ...]
    """Columns of project, session and todo (as `table.column`) that are not landed."""
    schema_version: str | None
    problems: tuple[str, ...]
    """What cannot be loaded, and why."""


class Source(SourceKey, ABC):
    """One store that can be read. A subclass a kind of store; `KINDS` in discovery lists them."""

    __slots__ = ()

    KIND: ClassVar[SourceKind]
    is_rewritten_in_place: ClassVar[bool] = True
    """Whether a reader may meet a file of it half written."""
    has_schema: ClassVar[bool] = False
    """Whether OpenCode keeps a schema there, which it migrates."""

    @classmethod
    def at(cls, machine: str, root: Path, *, is_sample: bool = False) -> Self:
        """Return the store of this kind at a place."""
        return cls(machine, cls.KIND, root, is_sample)

    @staticmethod
    @abstractmethod
    def discover(store: Path) -> list[Path]:
        """Return the roots of this kind of store in a folder, or at a file, that somebody named.

        Raises OSError where it cannot be looked into.
        """

    @abstractmethod
    def is_found_in(self, store: Path) -> bool:
        """Whether `discover` would look for this store at a path that somebody named."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is and where, for a person."""

    @property
    def tree(self) -> Path | None:
        """The folder below which each document is a file, None where the whole store is one file."""
        return None

    def file_of(self, origin: str) -> Path:
        """Return the file that an origin is in."""
        return self.root

    def schema_version(self) -> str | None:
        """Return what names the schema of the store, None where it has none.

        Raises SourceError where the store cannot be read.
        """
        return None

    def census(self) -> Census | None:
        """Return what the store holds, None where that is not counted. Raises SourceError, OSError."""
        return None

    @abstractmethod
    def read(self, known: Mapping[Entity, Known]) -> Iterator[Document | Rejection | Seen]:
        """Yield the documents that are new or changed, what cannot be read, and counts of the unchanged.

        Notes in `known` every id that it meets. Raises SourceError, at the end, where nothing may be
        concluded from what is missing.
        """

    def read_recent(
        self, files: Collection[Path], known: Mapping[Entity, Known]
    ) -> Iterator[Document | Rejection | Seen]:
        """Yield what was written last, by these files of the tree or by the store's own order.

        Nothing follows from what is not met, and `known` stays as it is. A store that cannot tell yields
        nothing.
        """
        return iter(())

"""One source of a watch: what changed in it since it was last looked at, without the warehouse being open."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ingest.errors import SourceError
from ingest.load import refusal, status_of
from ingest.raw.chunks import CHUNK_ROWS, PIECE_BYTES
from ingest.raw.documents import ENTITIES, Document, Entity, Rejection, Seen
from ingest.raw.json_text import compact
from ingest.raw.known import Known
from ingest.raw.landed import RACY
from ingest.sources.source import Source

HALF_WRITTEN = frozenset({"empty", "truncated", "not_json", "not_utf8"})
"""What a file looks like while OpenCode writes it: files are rewritten in place."""

GRACE_S = 5.0
"""A file that stays like that for so long is broken and gets rejected."""

REST = 10
"""A look at everything is followed by a rest of so many times its own duration."""

Signature = tuple[tuple[int, int, int] | None, ...]


@dataclass(slots=True)
class Found:
    """What a look at a source found, or a piece of it: the last piece says what is gone and how it went.

    `has_all_rejections` says that the whole source was looked at and `rejections` are all there are.
    """

    documents: list[Document] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    vanished: dict[Entity, list[str]] = field(default_factory=dict)
    has_all_rejections: bool = False
    status: str = "ok"
    message: str | None = None
    schema_version: str | None = None


@dataclass(slots=True)
class _Broken:
    """A file as it was when it was found half written, and until when it may still become whole."""

    modified_us: int | None
    size_bytes: int | None
    until: float
    is_given_up: bool = False


class WatchedSource:
    """A source with what is landed of it, so that a look needs no warehouse. Times are monotonic seconds.

    `before` is what watched the source before, whose notes of files are taken over.
    """

    def __init__(
        self,
        source: Source,
        known: Mapping[Entity, Known],
        schema_version: str | None,
        before: "WatchedSource | None" = None,
    ) -> None:
        self.source = source
        self.status = "ok"
        self.message: str | None = None
        self._known = known
        self._schema_version = schema_version
        self._landed: dict[tuple[Entity, str], tuple[str, int | None, int]] = {}
        self._broken: dict[str, _Broken] = {}
        self._rejected: set[Rejection] | None = None
        self._signature: Signature | None = None
        self._files: set[Path] = set() if before is None else before._files | before._looked_at
        self._looked_at: set[Path] = set()
        self._wants_all = True
        self._looked_at_all_at = 0.0
        self._rests_until = 0.0

    def notice(self, files: Iterable[Path], *, all_of_it: bool = False) -> None:
        """Note what the system told of files below the source, and look if its own file changed."""
        self._files.update(files)
        self._wants_all = self._wants_all or all_of_it
        if self.source.tree is None:
            signature = (_sign(str(self.source.root)), _sign(f"{self.source.root}-wal"))
            if signature != self._signature:
                self._signature = signature
                self._files.add(self.source.root)
                self._wants_all = True

    def is_due(self, now: float, compare_every: float) -> bool:
        """Whether there is something to look at; everything is, where that was last done so long ago."""
        self._wants_all = self._wants_all or now - self._looked_at_all_at >= compare_every
        if self._files or (self._wants_all and now >= self._rests_until):
            return True
        return any(now >= broken.until for broken in self._waiting())

    def insist(self) -> None:
        """Ask for a look at everything, and at once: something that was found could not be landed."""
        self._files |= self._looked_at
        self._wants_all = True
        self._looked_at_all_at = self._rests_until = 0.0

    @property
    def is_level(self) -> bool:
        """Whether all of it was looked at since that was last insisted on."""
        return self._looked_at_all_at > 0

    def look(self) -> Iterator[Found]:
        """Yield what changed, in pieces to be landed one by one; call `landed` after each."""
        began = time.monotonic()
        looks_at_all = self._wants_all and began >= self._rests_until
        self._looked_at, self._files = self._files, set()
        # what was written to a file of the tree counts, even where time and size are as before
        if self.source.tree is not None or not looks_at_all:
            files = {*self._looked_at, *self._half_written()}
            yield from self._pieces(self._part(), self.source.read_recent(files, self._known))
        if looks_at_all:
            self._wants_all = False
            yield from self._look_at_all()
            self._looked_at_all_at = time.monotonic()
            self._rests_until = self._looked_at_all_at + REST * (self._looked_at_all_at - began)

    def is_news(self, found: Found) -> bool:
        """Whether there is anything to land in what was found."""
        return (
            bool(found.documents)
            or any(found.vanished.values())
            or (found.status, found.message) != (self.status, self.message)
            or self._are_news(found)
        )

    def _are_news(self, found: Found) -> bool:
        if found.has_all_rejections:
            return set(found.rejections) != self._rejected
        return bool(found.rejections)

    def landed(self, found: Found) -> None:
        """Note that what was found is committed."""
        for document in found.documents:
            self._landed[document.entity, document.document_id] = _version(document)
            self._settle(document)
        for entity, ids in found.vanished.items():
            for document_id in ids:
                self._known[entity].delete(document_id)
                self._landed.pop((entity, document_id), None)
        if found.has_all_rejections:
            self._rejected = set(found.rejections)
            there = {rejection.origin for rejection in found.rejections}
            self._broken = {
                origin: one for origin, one in self._broken.items() if origin in there or not one.is_given_up
            }
            self._schema_version = found.schema_version
        elif found.rejections:
            self._rejected = None  # what is gone by the next look at all is to be resolved
        self.status, self.message = found.status, found.message

    def _look_at_all(self) -> Iterator[Found]:
        source = self.source
        last = Found(has_all_rejections=True, schema_version=self._schema_version)
        try:
            if source.has_schema:
                last.schema_version = source.schema_version()
            # a migration of the schema rewrites rows without moving their time
            is_settled = last.schema_version == self._schema_version
            known = {entity: landed.again(is_settled=is_settled) for entity, landed in self._known.items()}
        except SourceError as error:
            last.has_all_rejections, last.message = False, str(error)
            last.status = status_of(error, is_begun=False)
            yield last
            return
        pieces = self._pieces(last, source.read(known))
        for piece in pieces:
            if piece is last and last.status == "ok":
                last.vanished = {entity: known[entity].vanished() for entity in ENTITIES}
                why_not = refusal(source, known, last.vanished)
                if why_not is not None:
                    last.vanished, last.status, last.message = {}, "refused", why_not
            yield piece

    def _pieces(self, last: Found, items: Iterable[Document | Rejection | Seen]) -> Iterator[Found]:
        """Yield what a reader yields in pieces of bounded size, with `last` as the last of them."""
        n_bytes = 0
        try:
            for item in items:
                if isinstance(item, Rejection):
                    if self._is_final(item):
                        last.rejections.append(item)
                    else:  # it stands for something, we do not know yet for what
                        last.has_all_rejections = False
                elif isinstance(item, Document) and self._is_changed(item):
                    last.documents.append(item._replace(payload=compact(item.payload)))
                    n_bytes += len(item.payload)
                    if len(last.documents) >= CHUNK_ROWS or n_bytes >= PIECE_BYTES:
                        piece = self._part()
                        piece.documents, last.documents, n_bytes = last.documents, [], 0
                        yield piece
        except SourceError as error:
            last.has_all_rejections, last.message = False, str(error)
            last.status = status_of(error, is_begun=True)
        yield last

    def _part(self) -> Found:
        """Return what says nothing of the source as a whole."""
        return Found(status=self.status, message=self.message)

    def _is_changed(self, document: Document) -> bool:
        self._broken.pop(document.origin, None)
        if self._landed.get((document.entity, document.document_id)) != _version(document):
            return True
        self._settle(document)
        return False

    def _settle(self, document: Document) -> None:
        """Note the version of a document that is landed, unless its next change might bear the same time."""
        settled_us = (datetime.now(UTC) - RACY).timestamp() * 1_000_000
        is_settled = document.modified_us is not None and document.modified_us < settled_us
        version = (document.modified_us, document.size_bytes) if is_settled else None
        session_id = document.session_id if self.source.is_excerpt else None
        self._known[document.entity].land(document.document_id, version, session_id)

    def _is_final(self, rejection: Rejection) -> bool:
        """Whether a document is to be rejected now: a file that may be half written gets some time."""
        if not self.source.is_rewritten_in_place or rejection.reason not in HALF_WRITTEN:
            return True
        now = time.monotonic()
        broken = self._broken.get(rejection.origin)
        if broken is None or (broken.modified_us, broken.size_bytes) != (
            rejection.modified_us,
            rejection.size_bytes,
        ):
            broken = _Broken(rejection.modified_us, rejection.size_bytes, now + GRACE_S)
            self._broken[rejection.origin] = broken
        if now >= broken.until and not broken.is_given_up:
            broken.is_given_up = True
            self._wants_all = True  # what it was taken for before is known only then
        return broken.is_given_up

    def _half_written(self) -> list[Path]:
        """Return the files to be looked at again; one that is gone is no longer among them."""
        waiting = [origin for origin, broken in self._broken.items() if not broken.is_given_up]
        for origin in waiting:
            if not os.path.lexists(self.source.file_of(origin)):  # nor one in a folder that is now forbidden
                del self._broken[origin]
        return [self.source.file_of(origin) for origin in waiting]

    def _waiting(self) -> Iterator[_Broken]:
        return (broken for broken in self._broken.values() if not broken.is_given_up)


def _version(document: Document) -> tuple[str, int | None, int]:
    return document.payload_hash, document.modified_us, document.size_bytes


def _sign(path: str) -> tuple[int, int, int] | None:
    """Return what tells whether a file was written to or replaced, None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - of a name that is no path
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size

"""What is landed of a source, as a reader that meets its documents has to know it."""

from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

_NO_TIME = -1
"""Of a document that is to be read again: no file and no row has a time before 1970 (clock_microseconds)."""


class Known:
    """What is landed of one entity of one source, and what a reader has met of it so far.

    `landed` maps an id to (modified, microseconds of the epoch; size, bytes), or to None where the
    document has to be read again whatever its file says; `deleted` are landed ids that had vanished.

    A store has a million documents: an id leads to a number, and what is known of it stands there in arrays.
    """

    __slots__ = ("_deleted", "_is_met", "_is_settled", "_met", "_numbers", "_sessions", "_sizes", "_times")

    def __init__(
        self, landed: Mapping[str, tuple[int, int] | None] | None = None, deleted: Iterable[str] = ()
    ) -> None:
        versions = [version or (_NO_TIME, 0) for version in (landed or {}).values()]
        self._numbers = {document_id: n for n, document_id in enumerate(landed or {})}
        self._times = array("q", [time for time, _ in versions])
        self._sizes = array("q", [size for _, size in versions])
        self._deleted = set(deleted)
        self._is_settled = True
        self._is_met = bytearray(len(versions))
        self._met: set[str] = set()
        """Ids that were not landed when they were met."""
        self._sessions: dict[str, str | None] = {}

    @classmethod
    def of_arrays(
        cls,
        ids: Iterable[str],
        times: "array[int]",
        sizes: "array[int]",
        deleted: Iterable[str],
        sessions: Mapping[str, str | None] | None = None,
    ) -> "Known":
        """Return what is landed, from arrays of 64 bits; a time is -1 where all is to be read again.

        `sessions` are those of the landed ids, for a source that may hold some and lose others.
        """
        known = cls(deleted=deleted)
        known._sessions = dict(sessions or {})
        known._numbers = dict(zip(ids, range(len(times)), strict=True))
        known._times, known._sizes = times, sizes
        known._is_met = bytearray(len(times))
        return known

    def __bool__(self) -> bool:
        return bool(self._numbers) or bool(self._deleted)

    def __len__(self) -> int:
        return len(self._numbers)

    def meet(self, document_id: str) -> "Met":
        """Note that the source has this id; return what is landed of it."""
        number = self._numbers.get(document_id)
        if number is None or number >= len(self._is_met) or document_id in self._met:
            is_duplicate = document_id in self._met
            self._met.add(document_id)
            is_known = number is not None or document_id in self._deleted
            if not (is_known or is_duplicate):
                return NEW
            version = None if number is None or is_duplicate else self._version(number)
            return Met(is_known, version, is_duplicate)
        if self._is_met[number]:
            return Met(is_known=True, version=None, is_duplicate=True)
        self._is_met[number] = True
        return Met(is_known=True, version=self._version(number), is_duplicate=False)

    def meet_many(self, ids: Sequence[str], modified_us: Sequence[int | None]) -> "list[tuple[int, Met]]":
        """Note that the source has these ids, one after the other; return what is landed of the changed ones.

        That is, position and state of each that is not landed as of its time. One call for many, because a
        load in which nothing changed does little else.
        """
        changed = []
        times, is_met, met = self._times, self._is_met, self._met
        n_landed = len(is_met) if self._is_settled else 0
        numbers = map(self._numbers.get, ids)
        for position, (number, time) in enumerate(zip(numbers, modified_us, strict=True)):
            if (
                number is not None
                and number < n_landed
                and not is_met[number]
                and times[number] == time != _NO_TIME
                and ids[position] not in met
            ):
                is_met[number] = True
            else:
                changed.append((position, self.meet(ids[position])))
        return changed

    def meet_unchanged(self, document_id: str, modified_us: int | None, size_bytes: int) -> bool:
        """Note that the source has this id and say so, if it is landed as of this time and size.

        Says no, and notes nothing, where it was met before or is to be read: `meet` has the rest.
        """
        number = self._numbers.get(document_id)
        if (
            number is None
            or modified_us in (None, _NO_TIME)
            or number >= len(self._is_met)
            or self._is_met[number]
            or self._times[number] != modified_us
            or self._sizes[number] != size_bytes
            or not self._is_settled
            or document_id in self._met
        ):
            return False
        self._is_met[number] = True
        return True

    def _version(self, number: int) -> tuple[int, int] | None:
        time = self._times[number]
        return (time, self._sizes[number]) if time != _NO_TIME and self._is_settled else None

    def peek(self, document_id: str) -> "Met":
        """Return what is landed of an id that is to be read whatever its time says."""
        is_known = document_id in self._numbers or document_id in self._deleted
        return Met(is_known, None, is_duplicate=False)

    def again(self, *, is_settled: bool = True) -> "Known":
        """Return the same for another reading, which has met nothing yet; all is read, where not settled."""
        other = Known()
        other._numbers, other._times, other._sizes = self._numbers, self._times, self._sizes
        other._deleted = self._deleted
        other._sessions = self._sessions
        other._is_settled = is_settled
        other._is_met = bytearray(len(self._times))
        return other

    def land(
        self, document_id: str, version: tuple[int | None, int] | None, session_id: str | None = None
    ) -> None:
        """Note that a document was landed as of this version, None where it has to be read again."""
        self._deleted.discard(document_id)
        if session_id is not None:
            self._sessions[document_id] = session_id
        modified_us, size_bytes = version or (None, 0)
        time = _NO_TIME if modified_us is None else modified_us
        number = self._numbers.setdefault(document_id, len(self._times))
        if number == len(self._times):
            self._times.append(time)
            self._sizes.append(size_bytes)
        else:
            self._times[number], self._sizes[number] = time, size_bytes

    def delete(self, document_id: str) -> None:
        """Note that a document was marked as deleted."""
        if document_id in self._numbers:
            del self._numbers[document_id]
            self._deleted.add(document_id)

    def meet_all(self) -> None:
        """Take every landed document for present: nothing is known of what is missing."""
        self._met.update(self._numbers)

    def meet_sessions_but(self, sessions: Collection[str]) -> None:
        """Take every landed document for present, but for those of these sessions."""
        self._met.update(one for one in self._numbers if self._sessions.get(one) not in sessions)

    def has_missed(self) -> bool:
        """Whether the reader has not met every landed id: `vanished` without naming them, and faster."""
        return self._is_met.count(True) < len(self._is_met) and bool(self.vanished())

    def vanished(self) -> list[str]:
        """Return the landed ids that the reader did not meet."""
        n = len(self._is_met)
        return [
            document_id
            for document_id, number in self._numbers.items()
            if not (number < n and self._is_met[number]) and document_id not in self._met
        ]


class Met(NamedTuple):
    """What is landed of an id that a reader meets: whether it is, as of which version (see Known).

    A duplicate was met before in this source: the first place counts, this one is rejected.
    """

    is_known: bool
    version: tuple[int, int] | None
    is_duplicate: bool


NEW = Met(is_known=False, version=None, is_duplicate=False)
"""Shared, because most are."""

"""What a load did: for a program, and in words for a person."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from ingest import human
from ingest.raw import masking
from ingest.raw.batch import Counts
from ingest.raw.documents import Rejection
from ingest.sources.source import Source

Rejected = tuple[Path, Rejection]
"""A rejection and the file it is in."""


@dataclass(slots=True)
class SourceResult:
    """What one source gave.

    `status`: ok, incomplete (read in part), damaged (read as far as can be), failed (not read), refused (its
    deletions were not believed), missing.
    """

    source: Source
    status: str
    message: str | None
    counts: Counts
    is_problem: bool = True


@dataclass(slots=True)
class LoadResult:
    """What one load did. `problems` are for the user to act on, `notes` for her to know."""

    batch_id: int
    warehouse: Path
    is_dry_run: bool
    is_sample: bool
    started_at: datetime
    ended_at: datetime
    sources: list[SourceResult] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    rejections: list[Rejected] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def needs_user(self) -> bool:
        """Whether something is for the user to act on: a problem, or a document that was rejected."""
        return bool(self.problems or self.rejections)

    def add(self, one: SourceResult) -> None:
        """Add what one source gave."""
        self.sources.append(one)
        self.counts.add(one.counts)
        if one.message is not None:
            (self.problems if one.is_problem else self.notes).append(one.message)

    def as_json(self) -> dict[str, object]:
        """Return the result in JSON types."""
        return {
            "batch_id": self.batch_id,
            "warehouse": str(self.warehouse),
            "is_dry_run": self.is_dry_run,
            "is_sample": self.is_sample,
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
            "counts": asdict(self.counts),
            "sources": [
                {
                    "source_id": result.source.source_id,
                    "kind": result.source.kind,
                    "root": str(result.source.root),
                    "status": result.status,
                    "message": result.message,
                    "counts": asdict(result.counts),
                }
                for result in self.sources
            ],
            "rejected": [
                {
                    "path": str(path),
                    "document_id": rejection.document_id,
                    "reason": rejection.reason,
                    "detail": rejection.detail,
                    "position": rejection.position,
                }
                for path, rejection in self.rejections
            ],
            "problems": self.problems,
            "notes": self.notes,
        }


MAX_LISTED_REJECTIONS = 10


def describe(result: LoadResult) -> str:
    """Return what a load did, for a person."""
    counts = result.counts
    lines = []
    if result.is_sample:
        lines.append("No OpenCode history was found on this machine: the bundled sample is used instead.")
    for one in result.sources:
        figures = f"{human.count(one.counts.scanned, 'document')}, {one.counts.written:,} new or changed"
        lines.append(f"  {one.source.kind:<6} {human.place(one.source.root)}: {figures}")
    would = "would be " if result.is_dry_run else ""
    summary = (
        "Nothing changed since the last load, nothing was written."
        if counts.written == counts.deleted == 0
        else f"{human.count(counts.written, 'document')} {would}written, "
        f"{counts.deleted:,} {would}marked as deleted."
    )
    lines.append(
        f"{summary} {counts.unchanged:,} unchanged, {counts.rejected:,} rejected, {counts.resolved:,} mended."
    )
    if counts.secrets_masked:
        kinds = ", ".join(f"{kind} {n:,}" for kind, n in sorted(counts.secrets_masked.items()))
        lines.append(
            f"{human.count(masking.total(counts.secrets_masked), 'secret')} {would}masked in them: {kinds}."
        )
    for path, rejection in result.rejections[:MAX_LISTED_REJECTIONS]:
        place = "" if rejection.position is None else f" at byte {rejection.position:,}"
        one_of = "" if path.suffix == ".json" or not rejection.document_id else f" ({rejection.document_id})"
        lines.append(
            human.printable(f"  rejected: {path}{one_of}: {rejection.reason}{place}: {rejection.detail}")
        )
    if len(result.rejections) > MAX_LISTED_REJECTIONS:
        lines.append(
            f"  and {len(result.rejections) - MAX_LISTED_REJECTIONS:,} more: see raw.rejected_documents"
        )
    lines.extend(f"Note: {human.printable(note)}" for note in result.notes)
    lines.extend(f"Problem: {human.printable(problem)}" for problem in result.problems)
    seconds = (result.ended_at - result.started_at).total_seconds()
    lines.append(f"{'Dry run' if result.is_dry_run else f'Load {result.batch_id}'} took {seconds:.1f} s.")
    return "\n".join(lines)

"""Where the stores and the warehouse are: arguments, environment, defaults."""

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import IngestError

WAREHOUSE = Path("warehouse/opencode.duckdb")
SAMPLE_MACHINE = "sample"
RELEASES_KEEP = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """What a command works on. `fallback` is the sample, for where no store is named and none is found.

    Of the releases the newest `releases_keep` stay.
    """

    stores: tuple[Path, ...]
    warehouse: Path
    machine: str
    is_default_store: bool
    fallback: Path | None = None
    releases_keep: int = RELEASES_KEEP
    mask: bool = True
    """Whether secrets in documents are masked when they are landed."""


def from_environment(
    environ: Mapping[str, str],
    *,
    stores: Sequence[str] = (),
    warehouse: str | None = None,
    machine: str | None = None,
    fallback: str | None = None,
    no_mask: bool = False,
) -> Settings:
    """Return the settings: an argument wins over its environment variable, that over the default.

    OPENCODE_STORE, OPENCODE_WAREHOUSE, OPENCODE_MACHINE, OPENCODE_RELEASES_KEEP, OPENCODE_MASK; see README.
    Raises IngestError where a value cannot be used.
    """
    given = list(stores) or [item for item in environ.get("OPENCODE_STORE", "").split(os.pathsep) if item]
    path = resolved(warehouse or environ.get("OPENCODE_WAREHOUSE") or WAREHOUSE)
    if path.stem != "opencode" or path.suffix != ".duckdb":
        raise IngestError(
            f"The warehouse file must be called opencode.duckdb, not {path.name}: its views keep that name. "
            f"Use a folder of its own instead, such as {path.parent / path.stem / 'opencode.duckdb'}."
        )
    if "?" in str(path):  # DuckDB 1.5 puts the write-ahead log elsewhere, as if it were an address
        raise IngestError(f"The path of the warehouse must not hold a question mark: {path}.")
    roots = tuple(resolved(item) for item in given) or (resolved(data_root(environ)),)
    for root in roots:
        if path.is_relative_to(root):
            raise IngestError(
                f"The warehouse {path} would lie inside the store {root}, where nothing may be written. "
                "Name another place with OPENCODE_WAREHOUSE or --warehouse."
            )
    return Settings(
        stores=tuple(dict.fromkeys(roots)),
        warehouse=path,
        machine=_text(machine or environ.get("OPENCODE_MACHINE") or socket.gethostname() or "unknown"),
        is_default_store=not given,
        fallback=resolved(fallback) if fallback else None,
        releases_keep=_whole_number(environ, "OPENCODE_RELEASES_KEEP", RELEASES_KEEP),
        mask=not no_mask and _is_on("OPENCODE_MASK", environ),
    )


def _whole_number(environ: Mapping[str, str], name: str, default: int) -> int:
    given = environ.get(name) or str(default)
    if not (given.isascii() and given.isdigit() and 1 <= int(given) <= 1000):
        raise IngestError(f"{name} must be a whole number from 1 to 1000, not {given}.")
    return int(given)


def _is_on(name: str, environ: Mapping[str, str]) -> bool:
    """Return a switch of the environment that is on by default; anything but on or off is an error."""
    given = environ.get(name, "").strip().lower() or "on"
    if given not in ("on", "off"):
        raise IngestError(f"{name} is on or off, not {environ[name]}.")
    return given == "on"


def resolved(given: str | Path) -> Path:
    """Return a path without `~`, `..` and symbolic links: the same store has the same name at every load."""
    try:
        return Path(_text(str(Path(given).expanduser().resolve())))
    except (OSError, RuntimeError) as error:  # no such user, links that lead in a circle
        raise IngestError(f"The path {given} leads nowhere ({error}). Check it.") from None


def _text(given: str) -> str:
    shown = os.fsencode(given).decode("utf-8", "replace")
    if shown != given:
        raise IngestError(f"The name {shown} is not UTF-8. Give it one that is.")
    return given


def data_root(environ: Mapping[str, str]) -> Path:
    """Return OpenCode's default data root: `$XDG_DATA_HOME/opencode`, else `~/.local/share/opencode`."""
    base = environ.get("XDG_DATA_HOME")
    home = environ.get("HOME") or str(Path.home())
    return (Path(base) if base else Path(home) / ".local" / "share") / "opencode"

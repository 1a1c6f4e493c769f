"""What makes dbt wait its turn: a plugin of dbt-duckdb that profiles.yml names.

dbt opens the warehouse itself and would end with DuckDB's error where another program has it. With this
plugin it holds the lock of those who write from before it opens the file until it ends.
"""

import gc
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.flags import get_flags

from ingest import trust
from ingest.errors import IngestError
from ingest.lock import Patience, writing
from ingest.raw.schema import CATALOG
from ingest.warehouse import attach_in_turn


class Plugin(BasePlugin):
    """Takes the lock when dbt connects for the first time. The process lets go of it when it ends.

    dbt reaches the warehouse and the project's seeds, and no other file: a view in a warehouse that somebody
    else made would read them with the rights of whoever builds.
    """

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Called by dbt-duckdb before anything is opened."""
        self.turn = ExitStack()

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Wait until the warehouse can be opened; dbt-duckdb opens it right after.

        Raises RuntimeError, which dbt shows as its own error, where it cannot be had.
        """
        # What dbt knows of the project is there now and stays to the end. The collector of garbage would
        # look through it again and again: a twentieth of a build.
        gc.freeze()
        paths = [
            Path(attachment.path).resolve()
            for attachment in (self.creds.attach if self.creds else None) or []
            if attachment.alias == CATALOG
        ]
        for path in paths:
            patience = Patience()
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.turn.enter_context(writing(path, patience))
                attach_in_turn(conn, path, patience)
            except IngestError as error:
                raise RuntimeError(str(error)) from None
            except OSError as error:
                raise RuntimeError(f"The folder {path.parent} cannot be made ({error.strerror}).") from None
            conn.execute("use memory")
            conn.execute(f"detach {CATALOG}")
        trust.shut(conn, lock=False, but=[*paths, *seeds()])


def seeds() -> list[Path]:
    """Return the folders of the project whose files dbt loads into the warehouse."""
    flags = get_flags()  # type: ignore[no-untyped-call]  # dbt has no types here
    project = Path(getattr(flags, "PROJECT_DIR", None) or ".").resolve()
    return [project / "seeds"]

"""How far a store is that grows."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from dev.bench import stores


class GrowthBar:
    """Shows how far a store is: as a bar on a terminal, else as a line for each tenth."""

    def __init__(self, console: Console, what: str) -> None:
        self._console = console
        self._what = what
        self._tenths = -1
        self._bar = Progress(
            TextColumn("bench: {task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> stores.Progress:
        return self._tell

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def _tell(self, n: int, total: int) -> None:
        # The bar begins with the first document: mostly the store is there, and there is nothing to show.
        if self._console.is_terminal:
            self._bar.start()
            self._bar.update(self._task, completed=n, total=total)
        elif (tenths := 10 * n // total) > self._tenths:
            self._tenths = tenths
            self._console.print(f"bench: {self._what}: {10 * tenths} %", markup=False, highlight=False)

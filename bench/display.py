"""Tell what is going on: a moving line on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Display:
    """The progress of a run, on standard error; standard output is for results."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._progress = Progress(
            *columns, console=self.console, disable=not self.console.is_terminal
        )
        self._task: TaskID | None = None
        self._title = ""

    @contextmanager
    def during(self, title: str) -> Iterator[None]:
        """Show that something is being measured."""
        self._title = title
        began = time.monotonic()
        with self._progress:
            self._task = self._progress.add_task(title, total=None)
            yield
            self._progress.remove_task(self._task)
        self.console.print(f"{title}: done in {time.monotonic() - began:.0f} s")

    def tell(self, step: str) -> None:
        """Show how far it has come."""
        if self._task is not None:
            self._progress.update(self._task, description=f"{self._title}: {step}")

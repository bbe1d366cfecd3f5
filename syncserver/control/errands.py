"""Send an errand to the running server, or run it here when there is none."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from syncserver.collections import data_root_lock
from syncserver.control.installation import Installation
from syncserver.control.operator import acting_operator, operator_name
from syncserver.errands import channel
from syncserver.errands.errand import Progress as ReportProgress
from syncserver.services import Services, prepare_data_root


def run_errand(installation: Installation, errand: str, title: str, **arguments: Any) -> Any:
    """Run an errand and return its result, with a progress bar on a terminal.

    Raises ErrandFailed, NoAnswer.
    """
    prepare_data_root(installation.settings.data_root)
    request = channel.Request(errand, arguments, operator_name())
    with acting_operator(), _progress_bar(title) as progress:
        try:
            data_root_lock.acquire(installation.settings.data_root)
        except data_root_lock.DataRootInUse:
            return channel.ask_server(installation.settings.data_root, request, progress)
        return _run_here(installation, request, progress)


def _run_here(
    installation: Installation, request: channel.Request, progress: ReportProgress
) -> Any:
    services = Services(installation.settings)
    try:
        services.start()
        return channel.run_errand(services, request, progress)
    finally:
        services.close()
        data_root_lock.release(installation.settings.data_root)


@contextmanager
def _progress_bar(title: str) -> Iterator[ReportProgress]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task(title, total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield progress

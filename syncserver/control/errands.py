"""Send an errand to the running server, or run it here when there is none."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from syncserver import events
from syncserver.collections import data_root_lock
from syncserver.control.installation import Installation, enter_data_root
from syncserver.control.operator import command_name, operator_name
from syncserver.errands import channel
from syncserver.errands.errand import Converse, Talk
from syncserver.errands.errand import Progress as ReportProgress
from syncserver.services import Services


def run_errand(
    installation: Installation, errand: str, title: str, *, user: str = "", **arguments: Any
) -> Any:
    """Run an errand and return its result, with a progress bar on a terminal.

    `user` is the name of the user whom it is about. Raises ErrandFailed, NoAnswer, and DataRootInUse
    while another command works on the files.
    """
    enter_data_root(installation.settings.data_root)
    request = channel.Request(errand, arguments, operator_name(), user)
    with events.saying(**request.log_fields), progress_bar(title) as progress:
        if _server_owns(installation.settings.data_root):
            return channel.ask_server(installation.settings.data_root, request, progress)
        return _run_here(installation, request, progress)


@contextmanager
def conversation(
    installation: Installation, errand: str, *, user: str, **arguments: Any
) -> Iterator[Converse]:
    """Begin an errand in several steps, at the running server or here when there is none.

    `user` is the name of the user whom it is about.
    Leaving the block ends it. Each step raises what the errand does, or ErrandFailed, NoAnswer.
    Raises DataRootInUse while another command works on the files.
    """
    data_root = installation.settings.data_root
    enter_data_root(data_root)
    request = channel.Request(errand, arguments, operator_name(), user)
    if _server_owns(data_root):
        with channel.talking_to_server(data_root, request) as converse:
            yield converse
        return
    with (
        events.saying(**request.log_fields),
        _services_here(installation) as services,
        closing(channel.begin_talk(services, request)) as talk,
    ):
        yield lambda said: _step(talk, said)


def _server_owns(data_root: Path) -> bool:
    """Own the data root from now on, unless a server does; tell which."""
    try:
        data_root_lock.acquire(data_root, command_name())
    except data_root_lock.DataRootInUse as problem:
        if problem.owner.command:
            raise
        return True
    return False


def _step(talk: Talk, said: Any) -> Any:
    try:
        return talk.send(said)
    except StopIteration as end:
        return end.value


def _run_here(
    installation: Installation, request: channel.Request, progress: ReportProgress
) -> Any:
    with _services_here(installation) as services:
        return channel.run_errand(services, request, progress)


@contextmanager
def _services_here(installation: Installation) -> Iterator[Services]:
    """Be the owner of the data root, whose lock is held already, for a while."""
    services = Services(installation.settings)
    try:
        services.start()
        yield services
    finally:
        services.close()
        data_root_lock.release(installation.settings.data_root)


@contextmanager
def progress_bar(title: str) -> Iterator[ReportProgress]:
    """Show on a terminal how far something is; nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task(title, total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield progress

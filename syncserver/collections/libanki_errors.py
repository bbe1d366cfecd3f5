"""What libanki raises, in the words of our layers: they know none of its classes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, ParamSpec, TypeVar

from anki.errors import BackendError, BackendIOError, DBError, NotFoundError

from syncserver.errors import DiskFull, ServerBusy

# Words of SQLite and of the operating system for trouble that passes.
FULL_DISK_SIGNS: Final = ("disk is full", "DiskFull", "No space left")
PASSING_TROUBLE_SIGNS: Final = ("DatabaseBusy", "database is locked", "already open", "IoFailure")
# What SQLite says of a search of somebody's that is beyond its limits.
TOO_COMPLEX_SIGNS: Final = ("pattern too complex", "Expression tree is too large")

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class CollectionDamaged(Exception):
    """The file cannot be opened or used as a collection; the message is SQLite's or libanki's."""


class Rejected(Exception):
    """An object was refused: its JSON is not of the right shape, or it breaks a constraint."""


class Missing(Rejected):
    """What was asked for is not in the collection."""


class LibankiPanicked(Exception):
    """The Rust code panicked; this collection object must not be used any more."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what `objects` raises into what our layers know.

    Raises Rejected, Missing, CollectionDamaged, DiskFull, ServerBusy, LibankiPanicked.
    """
    try:
        yield
    except BaseException as problem:
        if (known := _translated(problem)) is not None:
            raise known from problem
        raise


def guarded(
    call: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Call the backend with its errors translated."""
    try:
        return call(*args, **kwargs)
    except BaseException as problem:
        if (known := _translated(problem)) is not None:
            raise known from problem
        raise


def _translated(problem: BaseException) -> Exception | None:
    """Return what our layers know of an error of libanki's, None if it is none of those."""
    message = str(problem)
    if isinstance(problem, (DBError, BackendIOError)):
        return _storage_error(message)
    if isinstance(problem, NotFoundError):
        return Missing(message)
    if isinstance(problem, BackendError):
        return Rejected(message)
    if type(problem).__name__ == "PanicException":  # pyo3's, derived from BaseException
        return LibankiPanicked(message)
    return None


def _storage_error(message: str) -> Exception:
    if any(sign in message for sign in FULL_DISK_SIGNS):
        return DiskFull("The server's disk is full; nothing was changed.", cause=message)
    if any(sign in message for sign in PASSING_TROUBLE_SIGNS):
        return ServerBusy("The collection cannot be used at the moment.", cause=message)
    if any(sign in message for sign in TOO_COMPLEX_SIGNS):
        return Rejected("The search is too complex.")
    if "constraint" in message:
        return Rejected(message)
    return CollectionDamaged(message)

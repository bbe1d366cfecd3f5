"""The commands that write a user's collection into a file: export and copy."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from syncserver.collections import atomic_files
from syncserver.collections.libanki import LibankiCollection, progress_text
from syncserver.control.errands import conversation, progress_bar
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    ConfigOption,
    Installation,
    JsonOption,
    open_accounts,
    open_installation,
)
from syncserver.control.output import WRONG_USAGE, CommandFailed, print_json, say
from syncserver.errors import UploadRefused
from syncserver.moving.colpkg import SUFFIX
from syncserver.sync.collection_file import Holdings, validated_collection

LOOK_SECONDS: Final = 0.2
NUMBER: Final = re.compile(r"\d+")

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="The user's name.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]


def export(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    user_name: UserArgument,
    file: FileArgument,
    without_media: Annotated[
        bool, typer.Option("--without-media", help="Leave the media files out.")
    ] = False,
    legacy: Annotated[
        bool, typer.Option("--legacy", help="Make a file for Anki before 2.1.50.")
    ] = False,
    force: ForceOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Write a user's whole collection into a package (.colpkg) that Anki imports."""
    if file.suffix.lower() != SUFFIX:  # no other is imported, neither here nor by Anki
        text = f"{file}: export writes a collection package: name a file that ends in {SUFFIX}"
        raise CommandFailed(text, WRONG_USAGE)
    installation = open_installation(config)
    media = not without_media
    with _target(file, force=force) as target, lent(installation, user_name, media=media) as copy:
        collection = LibankiCollection(Path(copy["collection"]))
        _pack(collection, lambda: collection.pack(target, with_media=media, legacy=legacy), copy)
        size = target.stat().st_size
    done = {"user": user_name, "file": str(file), "size": size, "media_files": copy["files"]}
    if as_json:
        print_json(done)
    else:
        say(f"exported {user_name} to {file} ({size} bytes, {copy['files']} media files)")


def copy(
    user_name: UserArgument,
    file: FileArgument,
    force: ForceOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Write a consistent copy of a user's collection (.anki2) into a file, and check it."""
    installation = open_installation(config)
    with (
        _target(file, force=force) as target,
        lent(installation, user_name, media=False) as lending,
    ):
        source = Path(lending["collection"])
        found = _checked(source)
        atomic_files.copy(source, target)
    if as_json:
        print_json({"user": user_name, "file": str(file), "notes": found.notes})
    else:
        say(f"copied the collection of {user_name} to {file} ({found.notes} notes)")


@contextmanager
def lent(installation: Installation, user_name: str, *, media: bool) -> Iterator[dict[str, Any]]:
    """Have a copy of a user's collection and media for the length of the block."""
    with open_accounts(installation) as accounts:
        user = accounts.user(user_name)
    arguments = {"folder": user.folder, "media": media}
    with conversation(installation, "lend", user=user.name, **arguments) as converse:
        yield converse(None)
        converse({})


@contextmanager
def _target(file: Path, *, force: bool) -> Iterator[Path]:
    """Give a temporary file that takes the place of `file` at the end of the block."""
    _refuse_existing(file, force=force)
    with atomic_files.temporary_file(file.absolute().parent) as path:
        yield path
        _refuse_existing(file, force=force)
        atomic_files.replace(path, file.absolute())


def _refuse_existing(file: Path, *, force: bool) -> None:
    if file.is_dir():
        raise CommandFailed(f"{file} is a folder")
    if file.exists() and not force:
        raise CommandFailed(f"{file} exists already: --force replaces it")


def _checked(copy: Path) -> Holdings:
    try:
        return validated_collection(copy)
    except UploadRefused as problem:
        raise CommandFailed(f"the collection is damaged: {problem.cause}") from None


def _pack(collection: LibankiCollection, pack: Callable[[], None], copy: dict[str, Any]) -> None:
    """Have libanki pack in a thread, so that progress can be shown and Ctrl+C is heard."""
    objects = collection.objects
    # Not a thread of our own: after Ctrl+C in its join, Python 3.11 takes it for ended.
    with ThreadPoolExecutor(1) as worker, progress_bar("exporting") as progress:
        packing = worker.submit(pack)
        try:
            while not wait([packing], LOOK_SECONDS).done:
                number = NUMBER.search(progress_text(objects))
                progress(int(number[0]) if number else 0, copy["files"] + 1)
        finally:
            objects.set_wants_abort()
        packing.result()

"""Import one user's files: find out what they are, unpack them here, have the server take them."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from syncserver.control.errands import conversation, progress_bar
from syncserver.control.installation import Installation
from syncserver.control.old_passwords import Secret, secrets_in
from syncserver.moving.colpkg import SUFFIX, Limits, stage_package
from syncserver.moving.old_servers import (
    NotMovable,
    OldUser,
    find_auth_db,
    installation_in,
    user_in,
)
from syncserver.moving.staging import Places, Progress, Staging, stage_user

COLLECTION_SUFFIX: Final = ".anki2"


@dataclass(frozen=True, slots=True)
class Source:
    """What is imported: the files of another server's user, or a package of a collection.

    Only a server's folder holds the state that its devices are in step with: `in_step`. `secret` is
    the password of the user there, or its hash.
    """

    files: OldUser | Path
    in_step: bool
    secret: Secret | None = None


def source_at(
    installation: Installation, path: Path, user_name: str, passwords: Path | None
) -> Source:
    """Find out what lies at `path`. Raises NotMovable."""
    if path.resolve().is_relative_to(installation.settings.data_root.resolve()):
        raise NotMovable(f"{path} belongs to this server: see ctl.py restore, or copy it elsewhere")
    if path.is_dir():
        return _in_folder(path, user_name, passwords)
    if not path.is_file():
        raise NotMovable(f"{path}: there is no such file or folder")
    if path.suffix.lower() == SUFFIX:
        return Source(path, in_step=False, secret=secrets_in(passwords).get(user_name))
    if path.suffix.lower() == COLLECTION_SUFFIX:
        files = OldUser(path, None, None)
        return Source(files, in_step=False, secret=secrets_in(passwords).get(user_name))
    raise NotMovable(f"{path}: neither a folder nor a {SUFFIX} or {COLLECTION_SUFFIX} file")


def import_files(
    installation: Installation, folder: str, name: str, source: Source
) -> dict[str, Any]:
    """Put a source's collection and media in the place of those of `folder`, and tell what it was.

    Raises NotMovable, ErrandFailed, NoAnswer, DiskFull.
    """
    with conversation(installation, "receive", user=name, folder=folder) as converse:
        told = converse(None)
        places = Places(*(Path(told[key]) for key in ("collection", "media", "manifest")))
        with progress_bar(f"reading {name}") as progress:
            staging = _stage(installation, source, places, progress)
            staging.finish()
        with progress_bar(f"importing {name}"):
            moved = converse({"keep_stamps": source.in_step})
    return {"user": name, **moved, "media": asdict(staging.report)}


def _stage(
    installation: Installation, source: Source, places: Places, progress: Progress
) -> Staging:
    settings = installation.settings
    if isinstance(source.files, OldUser):
        return stage_user(source.files, places, settings.max_media_file_bytes, progress)
    limits = Limits(settings.max_collection_bytes, settings.max_media_file_bytes)
    return stage_package(source.files, places, limits, progress)


def _in_folder(folder: Path, user_name: str, passwords: Path | None) -> Source:
    files = user_in(folder)
    if files is not None:
        auth_db = find_auth_db(folder.absolute().parent)
    else:
        everybody = installation_in(folder)
        files, auth_db = everybody.users.get(user_name), everybody.auth_db
    if files is None:
        raise NotMovable(f"{folder}: there is no collection of {user_name!r} in this folder")
    return Source(files, in_step=True, secret=secrets_in(passwords or auth_db).get(user_name))

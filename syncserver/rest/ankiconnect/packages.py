"""Packages of decks: in the request and in the answer, since paths on the server are refused."""

import base64
import binascii
from typing import Final

from anki.collection import Collection, DeckIdLimit, ExportAnkiPackageOptions
from anki.decks import DeckId

from syncserver.accounts.scopes import Scope
from syncserver.rest.ankiconnect.actions import Actions, Params
from syncserver.rest.ankiconnect.finding import deck_named
from syncserver.rest.call import Call
from syncserver.rest.importing import import_package, lent_media, written_file
from syncserver.rest.problems import Invalid, TooLarge

actions: Final = Actions()

NO_PATHS: Final = "paths on the server cannot be used"


class Export(Params):
    """A deck that becomes a package; `path` is known, and refused."""

    deck: str
    path: str | None = None
    includeSched: bool = False  # noqa: N815 - the add-on's spelling


class Import(Params):
    """A package in base64; `path` is known, and refused."""

    path: str | None = None
    data: str | None = None


@actions.add("importPackage", scope=Scope.WRITE)
def import_deck(call: Call, params: Import) -> bool:
    """Import a deck package that comes with the request."""
    if params.path is not None or params.data is None:
        raise Invalid(f"{NO_PATHS}: send the package as data, in base64")
    with written_file(call, call.user, decoded(params.data)) as path:
        import_package(call, call.user, path, with_scheduling=True)
    return True


@actions.add("exportPackage")
def export_deck(call: Call, params: Export) -> str:
    """Return a deck with its media as a package in base64. Raises TooLarge."""
    if params.path is not None:
        raise Invalid(f"{NO_PATHS}: without one the package is the result, in base64")
    limit = call.services.settings.max_request_bytes
    with written_file(call, call.user, b"") as path:
        with call.reading() as collection:
            _export(call, collection, params, str(path))
        if path.stat().st_size > limit:
            raise TooLarge(f"the package has more than {limit} bytes")
        return base64.b64encode(path.read_bytes()).decode()


def decoded(data: str) -> bytes:
    """Return what is written in base64. Raises Invalid."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("the data are not base64") from None


def _export(call: Call, collection: Collection, params: Export, path: str) -> None:
    deck = DeckIdLimit(deck_id=DeckId(deck_named(collection, params.deck)["id"]))
    options = ExportAnkiPackageOptions(
        with_scheduling=params.includeSched,
        with_deck_configs=params.includeSched,
        with_media=True,
        legacy=True,
    )
    files = call.services.media.library(call.user.folder).folder.files
    names = [file.name for file in files.iterdir()] if files.exists() else []
    with lent_media(collection, files, names):
        collection.export_anki_package(out_path=path, options=options, limit=deck)

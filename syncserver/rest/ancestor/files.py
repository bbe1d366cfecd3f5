"""import_file and set_language: the ancestor's operations that are about more than the collection."""

import base64
import binascii
from pathlib import Path
from typing import Any, Final, Literal

from syncserver.accounts.scopes import Scope
from syncserver.collections import restore_points
from syncserver.collections.libanki import LANGUAGES
from syncserver.rest.ancestor.finding import find_deck
from syncserver.rest.ancestor.handlers import AncestorRequest, Data, Handlers
from syncserver.rest.fetch import fetch
from syncserver.rest.importing import (
    TextOptions,
    import_package,
    import_text,
    replace_by_package,
    written_file,
)
from syncserver.rest.problems import Invalid, NotFound

handlers: Final = Handlers()

FileType = Literal["text", "csv", "apkg", "colpkg"]
TEXTS: Final = ("text", "csv")


class File(Data):
    """A file in the request, or where to fetch it; packages are encoded as base64."""

    filetype: FileType
    data: str | None = None
    url: str | None = None
    encoding: Literal["", "base64"] = ""
    model: str | None = None
    deck: int | str | None = None
    with_scheduling: bool = False
    allow_full_sync: bool = False


class Language(Data):
    """A language by its code: de, pt-br, zh_CN."""

    code: str


@handlers.add("collection", "import_file", scope=Scope.WRITE, needs="nothing")
def import_file(request: AncestorRequest, data: File) -> dict[str, Any]:
    """Import a file, and return how many notes were found and what became of them."""
    content = _content(request, data)
    with written_file(request.call, request.user, content) as path:
        if data.filetype in TEXTS:
            return _import_text(request, data, path)
        if data.filetype == "apkg":
            imported = import_package(
                request.call, request.user, path, with_scheduling=data.with_scheduling
            )
            return imported.document()
        notes = replace_by_package(
            request.call, request.user, path, allow_full_sync=data.allow_full_sync
        )
        return {"notes": notes}


@handlers.add("collection", "set_language", scope=Scope.WRITE, needs="nothing")
def set_language(request: AncestorRequest, data: Language) -> None:
    """Have libanki's messages and reports for this collection in another language."""
    language = _language(data.code)
    with request.call.services.collections.borrow(request.user.folder) as lease:
        lease.speak(language)


def _language(code: str) -> str:
    """Return the code of libanki's that is meant. Raises Invalid."""
    wanted = code.replace("-", "_").lower()
    known = {one.lower(): one for one in LANGUAGES}
    # 'de' is enough for de_DE.
    short = {one.lower().partition("_")[0]: one for one in sorted(LANGUAGES, reverse=True)}
    found = known.get(wanted) or {**short, "en": "en_US"}.get(wanted)
    if found is None:
        raise Invalid(f"There is no language {code!r:.20}.")
    return found


def _content(request: AncestorRequest, data: File) -> bytes:
    settings = request.call.services.settings
    if (data.data is None) is (data.url is None):
        raise Invalid("Send either the data of the file or its url.")
    if data.url is not None:
        return fetch(settings, data.url, settings.max_request_bytes)
    text = data.data or ""
    if data.filetype in TEXTS and data.encoding != "base64":
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("The data are not base64.") from None


def _import_text(request: AncestorRequest, data: File, path: Path) -> dict[str, Any]:
    request.call.keep_before(restore_points.IMPORT, request.user)
    with request.call.changing(request.user) as collection:
        notetype = None if data.model is None else collection.models.by_name(data.model)
        if data.model is not None and notetype is None:
            raise NotFound(f"There is no notetype {data.model!r:.80}.")
        deck = None if data.deck is None else find_deck(collection, str(data.deck))
        options = TextOptions(notetype["id"] if notetype else None, deck["id"] if deck else None)
        return import_text(collection, path, options).document()

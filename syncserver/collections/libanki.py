"""The one adapter to libanki: every private call of the `anki` package that we use is in here.

A collection is opened in server mode, in which the backend stamps what it changes with the
collection's own usn. The engine sees tables (SQL through the backend's own SQLite), the JSON of
schema 11, and three verbs for the transaction; it never sees the package itself. What each call
does and does not do is in section 8 of the protocol facts, tried out there.

The API works with the package's own `Collection`, which `objects` gives. Its constructor would
write the server's time zone and a dozen settings into every new collection; ours does not.
"""

import json
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import anki.collection  # first: the package's modules import each other in a circle
import anki.lang
import anki.latex
from anki import card_rendering_pb2, hooks, notetypes_pb2
from anki._backend import RustBackend
from anki.collection import Collection
from anki.dbproxy import DBProxy
from anki.scheduler.dummy import DummyScheduler
from anki.scheduler.v3 import Scheduler, SchedulingStates
from anki.stats_pb2 import GraphsResponse
from anki.template import TemplateRenderContext, TemplateRenderOutput

from syncserver.collections.libanki_errors import Missing, guarded

# For a check, which reads each page about once: as many KiB as a processor's own cache holds.
CHECKING_CACHE: Final = -4096

# Where libanki looks for media, beside the collection; there are none but during an import.
STAGED_MEDIA: Final = ".media-staged"
STAGED_MEDIA_DB: Final = ".media-staged.db"
ENGLISH: Final = "en"
# What `set_lang` knows, by their codes: en_US and so on.
LANGUAGES: Final = frozenset(code for _name, code in anki.lang.langs)

Row = list[Any]

NotetypeConfig = notetypes_pb2.Notetype.Config
FieldConfig = notetypes_pb2.Notetype.Field.Config
TemplateConfig = notetypes_pb2.Notetype.Template.Config


class LibankiCollection:
    """One open collection file. Not for use by two threads at once: the lease sees to that."""

    def __init__(self, path: Path, language: str = ENGLISH) -> None:
        """Open `path`, upgrading it to the newest schema; a missing file becomes a new collection.

        `language` is that of libanki's messages and reports.
        Raises CollectionDamaged, DiskFull, ServerBusy.
        """
        # What whoever uses the collection keeps of it for as long as it is open.
        self.kept: object = None
        self._backend = RustBackend(langs=_translations(language), server=True)
        self._path = path
        self._objects: Collection | None = None
        guarded(
            self._backend.open_collection,
            collection_path=str(path),
            media_folder_path=str(path.with_suffix(STAGED_MEDIA)),
            media_db_path=str(path.with_suffix(STAGED_MEDIA_DB)),
        )

    def close(self) -> None:
        """Close the file; a transaction that is still open is rolled back first.

        Without that, libanki swallows the failure of its close and leaves a write-ahead log.
        """
        self.roll_back()
        guarded(self._backend.close_collection, downgrade_to_schema11=False)

    def close_as_schema_11(self) -> None:
        """Close the file in the form that clients before 2.1.57 read; only for private copies.

        libanki swallows failures here: whoever calls this checks the result.
        """
        self.roll_back()
        guarded(self._backend.close_collection, downgrade_to_schema11=True)

    # SQL

    def rows(self, sql: str, *values: object) -> list[Row]:
        """Return all rows of a query; blobs are lists of integers."""
        return guarded(self._backend.db_query, sql, values, False)  # type: ignore[arg-type]

    def row(self, sql: str, *values: object) -> Row:
        """Return the first row of a query that always has one."""
        return self.rows(sql, *values)[0]

    def scalar(self, sql: str, *values: object) -> Any:
        """Return the first column of the first row, None when there is no row."""
        rows = self.rows(sql, *values)
        return rows[0][0] if rows else None

    def column(self, sql: str, *values: object) -> list[Any]:
        """Return the first column of all rows."""
        return [row[0] for row in self.rows(sql, *values)]

    def execute(self, sql: str, *values: object) -> None:
        """Run one statement."""
        self.rows(sql, *values)

    def execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run one statement for each row of values."""
        if rows:
            guarded(self._backend.db_execute_many, sql, rows)  # type: ignore[arg-type]

    # Transactions

    def begin(self) -> None:
        """Open the exclusive transaction in which a whole sync happens."""
        guarded(self._backend.db_begin)

    def commit(self) -> None:
        """Make the transaction durable: when this returns it is on disk.

        Through SQL, because the backend's own commit would overwrite the collection's `mod`.
        """
        self.execute("commit")

    def roll_back(self) -> None:
        """Undo the open transaction, if there is one, and drop the backend's caches."""
        guarded(self._backend.db_rollback)

    def commit_objects(self) -> None:
        """Make what was done through `objects` durable.

        The backend's own commit, because a commit by SQL would empty the list of what can be
        undone. It sets the collection's `mod` itself if a table was written by SQL.
        """
        guarded(self._backend.db_commit)

    @property
    def objects(self) -> Collection:
        """The collection as the package presents it: notes, decks, scheduler, search."""
        if self._objects is None:
            self._objects = _AttachedCollection(str(self._path), self._backend, server=True)
        return self._objects

    def drop_caches(self) -> None:
        """Let libanki read notetypes and decks afresh; only outside of a transaction.

        What it knows of the scheduler's day stays (section 8.4 of the protocol facts).
        """
        self._objects = None  # it remembers notetypes too
        self.roll_back()

    @property
    def can_undo(self) -> bool:
        """Whether something that was done through `objects` can be undone or redone."""
        status = self._objects.undo_status() if self._objects else None
        return status is not None and bool(status.undo or status.redo)

    def pack(self, target: Path, *, with_media: bool, legacy: bool) -> None:
        """Write a collection package (.colpkg); the file is closed by that. Raises Rejected."""
        self.roll_back()
        guarded(self.objects.export_collection_package, str(target), with_media, legacy)

    # Objects as JSON of schema 11

    def notetype_json(self, notetype_id: int) -> bytes:
        """Return a stored notetype with its usn, mod and unknown keys."""
        return guarded(self._backend.get_notetype_legacy, notetype_id)

    def deck_json(self, deck_id: int) -> bytes:
        """Return a stored deck."""
        return guarded(self._backend.get_deck_legacy, deck_id)

    def deck_options_json(self, options_id: int) -> bytes:
        """Return stored deck options; the id must exist, or libanki answers with the defaults."""
        return guarded(self._backend.get_deck_config_legacy, options_id)

    def config_json(self) -> bytes:
        """Return the whole configuration as one JSON object."""
        return guarded(self._backend.get_all_config)

    def deck_of_name(self, name: str) -> int | None:
        """Return the id of the deck that has this name in its normal form, None if none has."""
        try:
            return guarded(self._backend.get_deck_id_by_name, name)
        except Missing:
            return None

    def put_deck(self, deck: dict[str, Any]) -> None:
        """Store a deck with the usn and mod that it carries, renaming it if its name is taken.

        Raises Rejected.
        """
        guarded(
            self._backend.add_or_update_deck_legacy,
            deck=json.dumps(deck).encode(),
            preserve_usn_and_mtime=True,
        )

    def put_deck_options(self, options: dict[str, Any], *, mod: int, usn: int) -> None:
        """Store deck options with this usn and mod (seconds), which libanki would set itself.

        Raises Rejected.
        """
        guarded(self._backend.add_or_update_deck_config_legacy, json.dumps(options).encode())
        self.execute(
            "update deck_config set mtime_secs = ?, usn = ? where id = ?", mod, usn, options["id"]
        )

    # Small helpers of the core

    def restore_buried_cards(self) -> None:
        """Unbury cards if the user's day has rolled over since the last time, as clients do.

        A side effect of asking for the scheduler's day; section 2.12 of the protocol facts.
        """
        guarded(self._backend.sched_timing_today)

    def strip_html(self, text: str) -> str:
        """Return `text` as it counts for the sort field and the checksum of a note."""
        return guarded(
            self._backend.strip_html,
            text=text,
            mode=card_rendering_pb2.StripHtmlRequest.PRESERVE_MEDIA_FILENAMES,
        )

    def integrity_problems(self) -> list[str]:
        """Return what SQLite's full integrity check found; empty when the file is sound."""
        usual = self.scalar("pragma cache_size")
        self.execute(f"pragma cache_size = {CHECKING_CACHE}")
        try:
            return [line for line in self.column("pragma integrity_check") if line != "ok"]
        finally:
            self.execute(f"pragma cache_size = {usual}")


class _AttachedCollection(Collection):
    """The package's Collection on a backend that has a file open already; writes nothing itself."""

    def reopen(self, after_full_sync: bool = False) -> None:  # noqa: ARG002 - its signature
        """Attach to the open file in the place of opening it."""
        self.db = DBProxy(weakref.proxy(self._backend))

    def _load_scheduler(self) -> None:
        # The package's own turns the handling of time zones on, with the server's time zone.
        self.sched = Scheduler(self) if self.v3_scheduler() else DummyScheduler(self)


def _translations(language: str) -> list[str]:
    """Return what is to be loaded beside English, which always is, each time in 1.4 MB."""
    return [] if language == ENGLISH else [language]


def scheduling_states(collection: Collection, card_id: int) -> SchedulingStates:
    """Return what each answer to a card would lead to. Raises NotFoundError."""
    return collection._backend.get_scheduling_states(card_id)  # noqa: SLF001 - the one adapter


def graphs(collection: Collection, search: str, days: int) -> GraphsResponse:
    """Return the statistics of the cards that a search finds; 0 days are all days.

    Raises SearchError.
    """
    return collection._backend.graphs(search=search, days=days)  # noqa: SLF001 - the one adapter


def extend_limits(collection: Collection, deck_id: int, new: int, review: int) -> None:
    """Allow so many cards more of a deck today. Raises NotFoundError."""
    collection._backend.extend_limits(  # noqa: SLF001 - the one adapter
        deck_id=deck_id, new_delta=new, review_delta=review
    )


def progress_text(collection: Collection) -> str:
    """Return what libanki says of an import or export in progress, from any thread."""
    progress = collection.latest_progress()
    text = progress.importing or progress.exporting
    return text.replace("\u2068", "").replace("\u2069", "")


def forget_queue(collection: Collection) -> None:
    """Let libanki forget which card comes next, so that any card can be answered.

    What could be undone is forgotten too.
    """
    assert collection.db is not None  # noqa: S101 - only open collections are given
    collection.db.execute("update col set usn = usn where false")


def add_reviews(collection: Collection, reviews: Sequence[Sequence[int]]) -> None:
    """Add reviews to the history as changes for every device: all columns but the usn, in order.

    libanki has no call for that. What could be undone is forgotten.
    Raises DBError when there is a review of the same time.
    """
    assert collection.db is not None  # noqa: S101 - only open collections are given
    usn = collection.db.scalar("select usn from col")
    collection.db.executemany(
        "insert into revlog values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(review_id, card_id, usn, *others) for review_id, card_id, *others in reviews],
    )


def staged_media(collection: Collection) -> tuple[Path, Path]:
    """Return the folder that libanki takes for that of the media, and the file of its index."""
    path = Path(collection.path)
    return path.with_suffix(STAGED_MEDIA), path.with_suffix(STAGED_MEDIA_DB)


def unpack_collection(package: Path, target: Path, media_folder: Path) -> None:
    """Unpack a .colpkg: the collection to `target`, its media into an existing folder.

    All of the collection counts as known to the server, and as new to every device.
    Raises Rejected for what is no such package.
    """
    backend = RustBackend(langs=[], server=True)
    guarded(
        backend.import_collection_package,
        col_path=str(target),
        backup_path=str(package),
        media_folder=str(media_folder),
        media_db=str(media_folder.with_suffix(".db")),
    )


def _show_latex_images(output: TemplateRenderOutput, context: TemplateRenderContext) -> None:
    """Put the images that devices have made of LaTeX into a card, whether they are there or not."""
    notetype = context.note_type()
    backend = context.col()._backend  # noqa: SLF001 - the one adapter
    for side in ("question_text", "answer_text"):
        extracted = backend.extract_latex(
            text=getattr(output, side), svg=notetype.get("latexsvg", False), expand_clozes=False
        )
        setattr(output, side, extracted.text)


# The package's own would run TeX on what people wrote, if their settings say so.
hooks.card_did_render.remove(anki.latex.on_card_did_render)
hooks.card_did_render.append(_show_latex_images)

# Without a language libanki's text helpers raise AttributeError; the language itself is not used.
anki.lang.set_lang("en")

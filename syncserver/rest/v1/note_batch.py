"""`POST /v1/notes:batch`: thousands of notes added, changed and deleted, with a result for each.

All of it is one change of the collection: one entry to undo, one time for the devices.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from anki.collection import AddNoteRequest, Collection
from anki.notes import NoteId
from anki.utils import field_checksum
from pydantic import Field

from syncserver.accounts.scopes import Scope
from syncserver.collections.libanki_errors import Missing, Rejected, translated_errors
from syncserver.rest.call import Call
from syncserver.rest.models import Body, Document
from syncserver.rest.operations import Resource
from syncserver.rest.problems import Problem, ScopeTooNarrow, problem_of
from syncserver.rest.v1.common import Id
from syncserver.rest.v1.note_documents import check_version, etag
from syncserver.rest.v1.notes import NewNote, NoteChange, apply_change, deck_for, new_note

resource = Resource("notes")

MOST_ENTRIES: Final = 20_000
# What Anki shows beside "Undo".
UNDO_NAME: Final = "Change Notes"
Status = Literal["added", "changed", "removed", "refused", "undone"]


class Addition(NewNote):
    """Add a note."""

    do: Literal["add"]


class Change(NoteChange):
    """Change a note, if it still has this version."""

    do: Literal["change"]
    id: Id
    version: str | None = None


class Removal(Body):
    """Delete a note, if it still has this version."""

    do: Literal["remove"]
    id: Id
    version: str | None = None


Entry = Annotated[Addition | Change | Removal, Field(discriminator="do")]


class Batch(Body):
    """What is to be done, in this order; `atomic` means all of it or nothing."""

    entries: Annotated[list[Entry], Field(max_length=MOST_ENTRIES)]
    atomic: bool = False


class Result(Document):
    """What became of one entry; `problem` is a document as of a refused request."""

    status: Status
    id: int | None = None
    problem: dict[str, Any] | None = None


class Results(Document):
    """A result for each entry, in their order, and how many were refused."""

    results: list[Result]
    refused: int


class _Undone(Exception):
    """An entry of an atomic batch was refused."""


@resource.post("/v1/notes:batch", scope=Scope.ADD)
def change_notes(call: Call, body: Batch) -> Results:
    """Add, change and delete many notes, with a result for each.

    A token that may only add may only send additions.
    """
    if not call.has(Scope.WRITE) and any(entry.do != "add" for entry in body.entries):
        raise ScopeTooNarrow(Scope.WRITE.value)
    call.keep_before_deleting(sum(entry.do == "remove" for entry in body.entries))
    results: list[Result] = []
    try:
        with call.changing() as collection:
            run = _Run(collection, call.context.request_id, results)
            run.all(body.entries)
            if body.atomic:
                run.undo_if_refused()
    except _Undone:
        results = [one if one.problem else Result(status="undone") for one in results]
    return Results(results=results, refused=sum(one.problem is not None for one in results))


@dataclass(slots=True)
class _Waiting:
    """A note that is to be added together with its neighbours."""

    position: int
    request: AddNoteRequest


@dataclass(slots=True)
class _Run:
    """One run through a batch. Additions wait for each other, as long as none repeats another."""

    collection: Collection
    request_id: str
    results: list[Result]
    waiting: list[_Waiting] = field(default_factory=list)
    first_fields: set[tuple[int, int]] = field(default_factory=set)
    undo_entry: int = 0

    def all(self, entries: Sequence[Addition | Change | Removal]) -> None:
        """Do everything; the results tell what became of each entry."""
        for entry in entries:
            self.results.append(self._result(entry))
        self._add_waiting()

    def undo_if_refused(self) -> None:
        """Raise _Undone if any entry was refused."""
        if any(result.problem for result in self.results):
            raise _Undone

    def _result(self, entry: Addition | Change | Removal) -> Result:
        try:
            with translated_errors():
                return self._done(entry)
        except (Problem, Missing, Rejected) as refusal:
            problem = problem_of(refusal)
            assert problem is not None  # noqa: S101 - these are foreseen
            return Result(status="refused", problem=problem.document(self.request_id))

    def _done(self, entry: Addition | Change | Removal) -> Result:
        if isinstance(entry, Addition):
            return self._add(entry)
        self._add_waiting()
        note = self.collection.get_note(NoteId(entry.id))
        check_version(note, None if entry.version is None else etag(entry.version))
        if isinstance(entry, Change):
            with self._step():
                apply_change(self.collection, note, entry)
            return Result(status="changed", id=entry.id)
        with self._step():
            self.collection.remove_notes([note.id])
        return Result(status="removed", id=entry.id)

    def _add(self, entry: Addition) -> Result:
        note = new_note(self.collection, entry)
        first_field = (note.mid, field_checksum(note.fields[0]))
        if first_field in self.first_fields:
            self._add_waiting()
            note = new_note(self.collection, entry)
        self.first_fields.add(first_field)
        request = AddNoteRequest(note, deck_for(self.collection, note, entry))
        self.waiting.append(_Waiting(len(self.results), request))
        return Result(status="added")

    def _add_waiting(self) -> None:
        waiting, self.waiting = self.waiting, []
        self.first_fields.clear()
        if not waiting:
            return
        with self._step():
            self.collection.add_notes([one.request for one in waiting])
        for one in waiting:
            self.results[one.position] = Result(status="added", id=one.request.note.id)

    @contextmanager
    def _step(self) -> Iterator[None]:
        """Make what the block does one with the rest of the batch, for who undoes it."""
        if not self.undo_entry:
            self.undo_entry = self.collection.add_custom_undo_entry(UNDO_NAME)
        yield
        self.collection.merge_undo_entries(self.undo_entry)

"""One request to AnkiConnect: who asks, what for, and the form of the answer.

Up to version 4 of its API, which is meant when a request names none, the bare result is answered;
errors have one form in all versions.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from pydantic import Field
from webob import Request

from syncserver import events
from syncserver.accounts.api_tokens import Bearer
from syncserver.rest.access import bearer_of
from syncserver.rest.ankiconnect.actions import Action, Actions, Part
from syncserver.rest.arguments import validated
from syncserver.rest.call import Call
from syncserver.rest.problems import (
    FullSyncNeeded,
    Problem,
    SyncInProgress,
    Unauthenticated,
    problem_of,
)
from syncserver.services import Services
from syncserver.wsgi.request_chain import RequestContext

LAST_BARE_VERSION: Final = 4
# A `multi` in a `multi`, and so on; each level costs a part of Python's stack.
MOST_LEVELS: Final = 10
# What programs look for to ask their user for a key.
KEY_NEEDED: Final = "valid api key must be provided"
SCHEMA_CHANGE: Final = (
    "this would force every device into a full sync; nothing was changed. Whoever runs the server"
    " can allow it by the option ankiconnect_schema_changes"
)

log = structlog.get_logger()


class Envelope(Part):
    """What every request has."""

    action: str = ""
    version: int = LAST_BARE_VERSION
    params: dict[str, Any] | None = None
    key: str | None = Field(default=None, repr=False)


@dataclass(slots=True)
class Patience:
    """Whether an action has waited for a device's sync in vain: the others then do not wait too."""

    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The HTTP request in which actions are asked for, one or, by `multi`, several."""

    services: Services
    context: RequestContext
    request: Request
    actions: Actions
    key: str | None = None
    level: int = 0
    patience: Patience = field(default_factory=Patience)

    def answer(self, asked: Any) -> Any:
        """Do what a request asks for, and return what is answered. Raises nothing."""
        version = LAST_BARE_VERSION
        try:
            envelope = validated(Envelope, asked)
            assert isinstance(envelope, Envelope)  # noqa: S101 - for the types
            version = envelope.version
            result = self._perform(envelope)
        except Exception as error:  # whatever it is, the answer has the add-on's form
            return self.failure(error)
        return result if version <= LAST_BARE_VERSION else {"result": result, "error": None}

    def failure(self, error: Exception) -> dict[str, Any]:
        """Return the answer for an error, and log what is not meant for the caller."""
        problem = problem_of(error)
        if problem is None:
            log.error(events.REQUEST_FAILED, exc_info=error)
            text = f"the server failed; its log says more under {self.context.request_id}"
            return {"result": None, "error": text}
        if isinstance(problem, SyncInProgress):
            self.patience.is_over = True
        if problem.cause:
            self.context.bind(cause=problem.cause)
        return {"result": None, "error": _text(problem)}

    def _perform(self, envelope: Envelope) -> Any:
        action = self.actions.find(envelope.action)
        if self.level == 0:
            self.context.bind(method=action.name)
        inner = Dialogue(
            self.services,
            self.context,
            self.request,
            self.actions,
            envelope.key or self.key,
            self.level + 1,
            self.patience,
        )
        call = Call(self.services, self.context, self.request, inner.bearer(action), action.name)
        params = validated(action.params, envelope.params or {})
        if self.patience.is_over and action.scope is not None:
            raise SyncInProgress
        return _call(action, {"call": call, "params": params, "dialogue": inner})

    def bearer(self, action: Action) -> Bearer | None:
        """Return who asks, by the key, or by a token in the header of the request.

        Raises Unauthenticated, ScopeTooNarrow.
        """
        if action.scope is None:
            return None
        kind, _, token = self.request.headers.get("Authorization", "").partition(" ")
        key = self.key or (token.strip() if kind.lower() == "bearer" else "")
        if not key:
            raise Unauthenticated
        return bearer_of(self.services, self.context, key, action.scope)


def _call(action: Action, given: dict[str, Any]) -> Any:
    arguments = {name: value for name, value in given.items() if name in action.takes}
    if "collection" not in action.takes:
        return action.function(**arguments)
    call = given["call"]
    with opened(call, action) as collection:
        return action.function(collection=collection, **arguments)


def opened(call: Call, action: Action) -> Any:
    """Give the collection as the action needs it."""
    if action.changes:
        return call.changing(allow_full_sync=call.services.settings.ankiconnect_schema_changes)
    return call.reading()


def _text(problem: Problem) -> str:
    if isinstance(problem, Unauthenticated):
        return KEY_NEEDED
    if isinstance(problem, FullSyncNeeded):
        return SCHEMA_CHANGE
    return problem.detail or problem.title

"""One call of the API: who calls, and the ways to what it is about."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from anki.collection import Collection
from webob import Request

from syncserver import events
from syncserver.accounts.api_tokens import Bearer
from syncserver.accounts.scopes import Scope
from syncserver.accounts.users import User
from syncserver.collections import restore_points
from syncserver.collections.api_work import Work, api_work
from syncserver.errors import BodyTooLarge
from syncserver.rest.access import check_still_known
from syncserver.rest.problems import NotFound
from syncserver.services import Services
from syncserver.wsgi.request_body import body_source
from syncserver.wsgi.request_chain import RequestContext

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `bearer` is None only in operations that need no token."""

    services: Services
    context: RequestContext
    request: Request
    bearer: Bearer | None
    operation: str

    @property
    def user(self) -> User:
        """Whose token it is, and whose collection is meant unless the path names another user."""
        assert self.bearer is not None  # noqa: S101 - the operation declared a scope
        return self.bearer.user

    def named_user(self, name: str) -> User:
        """Return the user called `name`: the caller, or anybody for the scope admin.

        Raises NotFound, in the same words whether there is such a user or not.
        """
        user = self.services.users.find(name)
        if user is None or not (user == self.user or self.has(Scope.ADMIN)):
            raise NotFound
        return user

    def has(self, scope: Scope) -> bool:
        """Tell whether the caller may do what needs `scope`."""
        return self.bearer is not None and self.bearer.scope.includes(scope)

    @contextmanager
    def reading(self, user: User | None = None) -> Iterator[Collection]:
        """Give the collection of `user`, the caller by default, to look at."""
        folder = (user or self.user).folder
        with api_work(self.services.collections, folder, Work(change=False)) as collection:
            yield collection

    @contextmanager
    def changing(
        self, user: User | None = None, *, allow_full_sync: bool = False
    ) -> Iterator[Collection]:
        """Give the collection of `user`, the caller by default, for one change, and log it.

        All of the block is one transaction. See `api_work` for what it raises.
        """
        changed = user or self.user
        work = Work(change=True, allow_full_sync=allow_full_sync)
        with api_work(self.services.collections, changed.folder, work) as collection:
            yield collection
        log.info(events.API_CHANGE, operation=self.operation, collection=changed.name)

    def keep_before(self, reason: str, user: User | None = None) -> None:
        """Take a restore point of the collection of `user`, the caller by default.

        Not while the collection is in use by this call. Raises SyncConflict.
        """
        self.services.restore_points.take_before((user or self.user).folder, reason)

    def keep_before_deleting(self, notes: int) -> None:
        """Take a restore point if so many notes (or cards) at once are a bulk deletion.

        As `keep_before`. Raises SyncConflict.
        """
        if notes >= self.services.settings.bulk_deletion_notes:
            self.keep_before(restore_points.DELETION)

    def body_parts(self, limit: int) -> Iterator[bytes]:
        """Yield the body as it comes, and make sure at its end that the token is still good.

        Raises BodyTooLarge beyond `limit` bytes, BadRequest, Unauthenticated.
        """
        source = body_source(self.request, self.context)
        while part := source.read():
            if source.bytes_read > limit:
                raise BodyTooLarge("The request is too large.", cause=f"more than {limit} bytes")
            yield part
        if self.bearer is not None:
            check_still_known(self.services, self.request, self.bearer)

"""What a token may do: five scopes, of which the wider ones include narrower ones."""

from enum import Enum
from typing import Final


class Scope(str, Enum):
    """The right that an operation asks for and that a token has.

    read    look at everything of one's own collection and media
    review  read, and study: answer, undo, bury, suspend, flag
    add     read, and add notes and media; nothing that exists is changed
    write   read, review, add, and every other change of one's own collection and media
    admin   write, in every user's collection, and the list of collections
    """

    READ = "read"
    REVIEW = "review"
    ADD = "add"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, needed: "Scope") -> bool:
        """Tell whether a token of this scope may do what needs `needed`."""
        return needed in _INCLUDED[self]


_INCLUDED: Final = {
    Scope.READ: {Scope.READ},
    Scope.REVIEW: {Scope.READ, Scope.REVIEW},
    Scope.ADD: {Scope.READ, Scope.ADD},
    Scope.WRITE: set(Scope) - {Scope.ADMIN},
    Scope.ADMIN: set(Scope),
}

"""How an account database of any age becomes one of today, step by step (Alembic).

A step that has been released is never edited. A new one goes into `versions/`, names its
predecessor, and becomes HEAD.
"""

from typing import Final

# The newest revision. Known without reading `versions/`, so that a database that is up to date is
# recognised without importing Alembic.
HEAD: Final = "0004"

"""Be another user of the system for a while."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

# Nobody has this number.
SOMEBODY_ELSE = 12345


@contextmanager
def somebody_else() -> Iterator[None]:
    """Be somebody who may do nothing special; the test is skipped unless it runs as root."""
    if os.geteuid():
        pytest.skip("only root may become somebody else")
    os.seteuid(SOMEBODY_ELSE)
    try:
        yield
    finally:
        os.seteuid(0)

"""What a test needs and a machine may lack."""

import os
from typing import NoReturn

import pytest


def cannot_be_tested(missing: object, *, nowhere: bool = False) -> NoReturn:
    """Skip the test, saying what is missing; fail in CI, where only what exists nowhere may be."""
    if os.environ.get("CI") and not nowhere:
        pytest.fail(str(missing))
    pytest.skip(str(missing))

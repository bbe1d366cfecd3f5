"""What all unit tests start from."""

import pytest
import structlog


@pytest.fixture(autouse=True)
def _logging_as_it_comes() -> None:
    """Forget how another test's control command set logging up in this process."""
    structlog.reset_defaults()

"""An installation for each test, and certainly no process left of it afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.operator import Operator


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """An installation with a configuration file and nothing else."""
    operator = Operator(tmp_path)
    yield operator
    operator.clean_up()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """An installation whose server runs in the background, for all tests of a module."""
    operator = Operator(tmp_path_factory.mktemp("running"))
    try:
        operator.must("start")
        yield operator
    finally:
        operator.clean_up()

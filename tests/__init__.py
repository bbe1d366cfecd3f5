"""The tests: units, protocol, clients and faults, as CONTRIBUTING says; `support` serves them all."""

import pytest

# Failing asserts of the helpers then show both sides, as those of the tests do.
pytest.register_assert_rewrite("tests.support")

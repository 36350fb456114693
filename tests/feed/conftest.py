"""The log that the feed reads in these tests."""

import pytest

from .fakes import FakeLog


@pytest.fixture
def log() -> FakeLog:
    """A log in memory, which answers at once until a test has it wait."""
    return FakeLog()

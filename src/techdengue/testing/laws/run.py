"""How a law runs: one assertion over the examples of a strategy, under Hypothesis's current profile."""

from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Example = TypeVar("Example")


def run(examples: st.SearchStrategy[Example], hold: Callable[[Example], None]) -> None:
    """Raise for the smallest example found that the assertion does not hold for."""

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(examples)
    def law(example: Example) -> None:
        hold(example)

    law()

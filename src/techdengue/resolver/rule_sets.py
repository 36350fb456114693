"""Every rule set that ever ran in production, under its number: an old event replays by the rules it met."""

from collections.abc import Callable
from typing import Final

from . import rule_set_1, rule_set_2
from .model import Operation, Rejection, Settlement, State, Verdict

Resolve = Callable[[State, Operation | Settlement, State | None], tuple[State, Verdict] | Rejection]

RULE_SETS: Final[dict[int, Resolve]] = {1: rule_set_1.resolve, 2: rule_set_2.resolve}

CURRENT_RULE_SET: Final = 2

resolve = rule_set_2.resolve
"""The current rule set's resolver."""

barred = rule_set_2.barred

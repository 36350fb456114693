"""The resolver: what one operation does to one entity (docs/resolution.md). Pure: no clock, no I/O, no randomness.

    resolve(state, operation, base) -> (state, verdict) | Rejection

`base` is the state at the operation's `base_version`, needed where that is below the current version.
"""

from .codec import decode_state, encode_created, encode_state
from .contest import Contest, contested, suggestion, value_at
from .created import Created, resolve_lazily
from .document import document, is_live, shown, underlying
from .effective_time import ClockReading, effective_time
from .merge_patch import assignments
from .model import (
    ABSENT,
    REMOVED,
    Change,
    Leaf,
    Operation,
    Rejection,
    Settlement,
    Stamp,
    State,
    Verdict,
)
from .plain_life import PlainLife
from .rule_sets import CURRENT_RULE_SET, RULE_SETS, barred, resolve

__all__ = [
    "ABSENT",
    "CURRENT_RULE_SET",
    "REMOVED",
    "RULE_SETS",
    "Change",
    "ClockReading",
    "Contest",
    "Created",
    "Leaf",
    "Operation",
    "PlainLife",
    "Rejection",
    "Settlement",
    "Stamp",
    "State",
    "Verdict",
    "assignments",
    "barred",
    "contested",
    "decode_state",
    "document",
    "effective_time",
    "encode_created",
    "encode_state",
    "is_live",
    "resolve",
    "resolve_lazily",
    "shown",
    "suggestion",
    "underlying",
    "value_at",
]

"""How many operations of a batch became what: counted once, for the request log and for the metrics."""

from collections import Counter
from collections.abc import Iterable

from techdengue.domain.operation import Outcome

from .model import Answer, Parked, Refusal

ALREADY_PROCESSED = "already_processed"
UNKNOWN = "unknown"

Told = tuple[str, str, str]
"""Entity type, operation, and what became of it: an outcome, or that it was before; of a refusal: `unknown` twice, and
its code."""

Tally = Counter[Told]


def tally_of(answers: Iterable[Answer]) -> Tally:
    """Of a batch's answers; all three words of an entry come from closed sets."""
    return Counter(map(_told, answers))


def _told(answer: Answer) -> Told:
    if isinstance(answer, Refusal):
        return UNKNOWN, UNKNOWN, answer.code.value
    if answer.already_processed:
        became = ALREADY_PROCESSED
    else:
        became = Outcome.CONFLICT.value if isinstance(answer, Parked) else answer.status._value_
    return answer.entity_type, answer.operation._value_, became  # as `.value`, without the two calls that it takes

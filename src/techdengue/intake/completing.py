"""Whether an event completes an atividade: its document says CONCLUIDA, and did not before."""

from typing import Any, Final

from techdengue.domain.atividade import ATIVIDADE
from techdengue.resolver import Created, State, is_live

_STATUS: Final = "status"
_PATH: Final = f"/{_STATUS}"
_COMPLETED: Final = "CONCLUIDA"


def completes(entity_type: str, patch: dict[str, Any] | None, before: State, after: State | Created) -> bool:
    """Looked at only where the answer may be yes: `patch` says so, or a deleted entity may live again."""
    if entity_type != ATIVIDADE.name:
        return False
    if (patch is None or patch.get(_STATUS) != _COMPLETED) and before.tombstone is None:
        return False
    return _is_completed(after) and not _is_completed(before)


def _is_completed(state: State | Created) -> bool:
    """Read from the leaf: a status is a word, so nothing ever stands below it or cuts it off."""
    if isinstance(state, Created):
        return state.data.get(_STATUS) == _COMPLETED
    leaf = state.leaves.get(_PATH)
    return leaf is not None and leaf[0] == _COMPLETED and is_live(state)

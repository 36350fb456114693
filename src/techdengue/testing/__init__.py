"""For those who fuzz their own merges: strategies for devices' histories, and the laws of docs/resolution.md.

    from techdengue.testing import laws

    def test_my_rules_obey_the_laws():
        laws.check_all(resolve=my_resolve)

Needs Hypothesis, which `techdengue[testing]` installs. `laws` holds one function per law; the strategies
below make the examples that they run on, and `play` is the server in memory that replays a history.
"""

try:
    import hypothesis as _hypothesis  # noqa: F401 - only to say clearly what is missing
except ModuleNotFoundError as missing:
    raise ImportError(
        "techdengue.testing needs Hypothesis: pip install 'techdengue[testing]'", name="hypothesis"
    ) from missing

from . import laws
from .documents import arrays, documents, keys, merge_patches, scalars, values
from .histories import Edit, History, Jump, Pull, Push, Settle, Step, device_histories
from .operations import contents, entities, operations
from .patches import apply_patch, same
from .play import Attempt, Played, fold, play

__all__ = [
    "Attempt",
    "Edit",
    "History",
    "Jump",
    "Played",
    "Pull",
    "Push",
    "Settle",
    "Step",
    "apply_patch",
    "arrays",
    "contents",
    "device_histories",
    "documents",
    "entities",
    "fold",
    "keys",
    "laws",
    "merge_patches",
    "operations",
    "play",
    "same",
    "scalars",
    "values",
]

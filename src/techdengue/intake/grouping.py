"""How a process groups what it commits: how many operations together, and how many groups at once.

A process alone needs several committers: one would leave the database idle while Python thinks. Beside other workers
each has one, and larger groups: the others keep the database busy, and a group's own cost is paid more rarely.
"""

from typing import Final

import msgspec

from techdengue.settings import Settings


class Grouping(msgspec.Struct, frozen=True):
    """At most `size` operations a commit, and so many commits in flight."""

    committers: int
    size: int


_ALONE: Final = Grouping(committers=3, size=100)
_BESIDE_OTHERS: Final = Grouping(committers=1, size=400)


def grouping_of(settings: Settings, *, alone: bool) -> Grouping:
    """What the settings say; where they say `auto`, what was measured to be quickest (docs/performance.md)."""
    best = _ALONE if alone else _BESIDE_OTHERS
    return Grouping(
        committers=best.committers if settings.committers == "auto" else settings.committers,
        size=best.size if settings.group_size == "auto" else settings.group_size,
    )

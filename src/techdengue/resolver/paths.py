"""JSON Pointers (RFC 6901) put together and taken apart, each once: documents of one kind share their paths."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

Found = TypeVar("Found")

LONGEST_KEPT: Final = 256
"""Longer names and paths are worked out anew each time: a device may send keys of 64 KiB, and a cache of those is a
leak."""
_MOST_KEPT: Final = 8_192
_MOST_OBJECTS: Final = 128
_MOST_MEMBERS: Final = 128


class Kept(dict[str, Found], Generic[Found]):
    """`kept[text]` is what `work_out(text)` answers, remembered for short texts."""

    __slots__ = ("_most", "_work_out")

    def __init__(self, work_out: Callable[[str], Found], most: int = _MOST_KEPT) -> None:
        super().__init__()
        self._work_out = work_out
        self._most = most

    def __missing__(self, text: str) -> Found:
        found = self._work_out(text)
        if len(text) <= LONGEST_KEPT:
            if len(self) >= self._most:
                self.clear()
            self[text] = found
        return found


def keys_of(path: str) -> tuple[str, ...]:
    """The object keys that a path names, outermost first; none for the root."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])


def _members(above: str) -> "Kept[str]":
    return Kept(lambda key: f"{above}/{key.replace('~', '~0').replace('/', '~1')}", _MOST_MEMBERS)


def _place(path: str) -> tuple[tuple[str, ...], str]:
    keys = keys_of(path)
    return keys[:-1], keys[-1]


def _above(path: str) -> tuple[str, ...]:
    keys = path.split("/")
    return tuple("/".join(keys[:end]) for end in range(len(keys) - 1, 1, -1))


MEMBERS: Final = Kept(_members, _MOST_OBJECTS)
"""Of an object's path: by key, its members'. The same string each time, whose hash is known already."""

PLACE: Final = Kept(_place)
"""Of a path that is not the root: the keys of the objects around it, outermost first, and its own."""

ABOVE: Final = Kept(_above)
"""The paths above, nearest first, without the root, which never holds anything that cuts."""

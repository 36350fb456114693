"""Long histories from a seed: what a working day at odds looks like, where a shrinking generator stays short."""

import random
from typing import Any

from techdengue.domain.operation import Choice, OperationKind, Strategy
from techdengue.testing import Edit, History, Jump, Pull, Push, Settle, Step

from .wire import Json

DEVICES = ("d1", "d2", "d3", "d4")
_SECOND = 1_000_000
_SKEWS = (0, 0, 1, -1, 2 * _SECOND, 2 * _SECOND + 1, -3 * _SECOND, 3600 * _SECOND, -86_400 * _SECOND, 10**15)
_KEYS = ("a", "b", "c", "n", "/", "~", "é", "")
_SCALARS: tuple[Any, ...] = (0, 1, 1.0, True, False, "", "x", "y", "😀", -0.0, 2**53 + 1, 5e-324, 1e21, -(2**63))
_ITEMS: tuple[Any, ...] = (1, 1.0, True, "x", "y", "z", None, {"id": 1}, {"id": 2}, {"id": 2, "n": None}, [], [1])


def write_history(seed: int, steps: int) -> History:
    """What several devices, their users and a manager do: the same for the same seed."""
    return _Author(random.Random(seed)).write(steps)  # noqa: S311 - a repeatable story, not a secret


def write_patch(rng: random.Random) -> Json:
    """A merge patch as the histories have them: few keys, every kind of value."""
    return _Author(rng).patch(3)


class _Author:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def write(self, steps: int) -> History:
        clocks = {device: self._rng.choice(_SKEWS) for device in DEVICES}
        story: list[Step] = []
        for device, entity in (("d1", "e1"), ("d2", "e2"), ("d3", "e2"), ("d1", "f1")):
            create = OperationKind.CREATE
            story.append(self._edit(device, entity, create))
            story.append(Push(device=device, size=9))
        while len(story) < steps:
            story += self._scene()
        return History(clocks, tuple(story))

    def _scene(self) -> list[Step]:
        """Mostly two devices that know the same and both change it; else one of the things that happen."""
        one, other = self._rng.sample(DEVICES, 2)
        entity = self._rng.choice(("e1", "e1", "e1", "e2", "f1"))
        match self._rng.randrange(10):
            case 0 | 1 | 2:
                pulls: list[Step] = [Pull(device=one), Pull(device=other)] if self._rng.random() < 0.7 else []
                return [*pulls, self._edit(one, entity), self._edit(other, entity), self._push(one), self._push(other)]
            case 3 | 4:
                return [self._edit(one, entity) for _ in range(self._rng.randint(1, 4))]
            case 5 | 6:
                return [self._push(one), self._push(other)]
            case 7:
                return [Pull(device=one)]
            case 8:
                choice = self._rng.choice(list(Choice))
                return [Settle(entity=entity, which=self._rng.randrange(3), choice=choice, data=self.patch(2))]
            case _:
                return [Jump(device=one, by=self._rng.choice(_SKEWS))]

    def _edit(self, device: str, entity: str, kind: OperationKind | None = None) -> Edit:
        kinds = [OperationKind.UPDATE] * 8 + [OperationKind.DELETE, OperationKind.CREATE]
        kind = kind or self._rng.choice(kinds)
        strategies = [*Strategy, Strategy.MERGE, Strategy.MANUAL, Strategy.LAST_WRITE_WINS]
        return Edit(
            device=device,
            entity=entity,
            kind=kind,
            data=None if kind is OperationKind.DELETE else self.patch(3),
            strategy=self._rng.choice(strategies),
            knows=self._rng.random() < 0.6,
            wait=self._rng.choice((0, 0, 1, 1000, _SECOND)),
        )

    def _push(self, device: str) -> Push:
        return Push(
            device=device,
            size=self._rng.choice((1, 2, 3, 9)),
            copies=self._rng.choice((1, 1, 1, 2)),
            says_when=self._rng.random() < 0.5,
            lost=self._rng.random() < 0.25,
        )

    def patch(self, depth: int) -> Json:
        """A merge patch: few keys, so that most edits meet; every kind of value under each."""
        keys = self._rng.sample(_KEYS[:4], self._rng.choice((0, 1, 1, 2, 2, 3)))
        if self._rng.random() < 0.2:
            keys.append(self._rng.choice(_KEYS))
        return {key: self._value(depth - 1) for key in keys}

    def _value(self, depth: int) -> Any:
        draw = self._rng.random()
        if draw < 0.3:
            return self._rng.choice(_SCALARS)
        if draw < 0.55:
            return self._rng.choices(_ITEMS, k=self._rng.randint(0, 4))
        if draw < 0.65:
            return None
        return self.patch(depth) if depth else {}

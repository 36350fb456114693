"""What a measure is, and what it answers: rows, each with what it must reach and whether it does."""

import datetime as dt
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol

import msgspec

from .stage import Stage


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured. Sizes are events in the log, durations seconds."""

    rounds: int = 5
    seconds: float = 2.0
    """One contestant's turn under load."""
    events: tuple[int, ...] = (0, 1_000_000)
    soak: float = 120.0
    """How long the resident set is watched."""
    devices: int = 5_000
    workers: tuple[int, ...] = (1, 2)
    """Server processes of the contestants of ingest."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a row must reach: `limit` at least or at most, by its ratio to the reference or by its median."""

    limit: float
    at_most: bool = False
    of: Literal["ratio", "median"] = "ratio"

    def reached(self, figure: float) -> bool:
        """Whether a figure does."""
        return figure <= self.limit if self.at_most else figure >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {shown(self.limit)}"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One contestant's figures, a value for each round, and how they compare with a reference of the same rounds."""

    measure: str
    contestant: str
    unit: str
    values: tuple[float, ...]
    references: tuple[float, ...] = ()
    """Those of the contestant that it is compared with, round by round; empty: it is compared with none."""
    target: Target | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """The middle of the values."""
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        """The middle of the rounds' ratios: neighbours in time meet the same noise."""
        if not self.references:
            return None
        return statistics.median(value / other for value, other in zip(self.values, self.references, strict=True))

    @property
    def reached(self) -> bool | None:
        """Whether it reaches its target; None when it has none."""
        if self.target is None:
            return None
        figure = self.ratio if self.target.of == "ratio" else self.median
        return figure is not None and self.target.reached(figure)


class Measure(Protocol):
    """One of the table's measures."""

    @property
    def name(self) -> str:
        """One word, for `--only`."""

    def duration(self, options: Options) -> float:
        """About how long it takes, in seconds."""

    async def run(self, stage: Stage, options: Options) -> Sequence[Row]:
        """Measure. Raises what breaks it: a figure that cannot be trusted is none."""


class Named(msgspec.Struct, frozen=True):
    """A measure made of functions."""

    name: str
    lasts: Callable[[Options], float]
    body: Callable[[Stage, Options], Awaitable[Sequence[Row]]]

    def duration(self, options: Options) -> float:
        """About how long it takes, in seconds."""
        return self.lasts(options)

    async def run(self, stage: Stage, options: Options) -> Sequence[Row]:
        """Measure."""
        return await self.body(stage, options)


def shown(figure: float) -> str:
    """A figure with as many digits as mean something."""
    if abs(figure) >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if abs(figure) >= 10 else f"{figure:.2f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


_STARTED = time.monotonic()


def tell(text: str) -> None:
    """Progress, on stderr."""
    passed = dt.timedelta(seconds=int(time.monotonic() - _STARTED))
    print(f"[{passed}] {text}", file=sys.stderr, flush=True)

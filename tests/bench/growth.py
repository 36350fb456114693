"""Growth: what ingest and the hot reads cost with a long log, against the same with an empty one."""

import contextlib
import statistics
from collections.abc import AsyncIterator, Sequence

import msgspec

from projections.cursor import Scope, encode_cursor
from techdengue.dev.database import Database
from techdengue.domain.access import Role

from . import workload
from .fetching import Fetching
from .load import Load
from .measure import Named, Options, Row, Target, percentile, tell
from .population import populate
from .stage import Server, Stage
from .statements import SQL

_CONNECTIONS = 32
_REPEATS = 25
_PAGE = 500
_SLOWER = 1 / 0.85
_NEW = 5_000
"""What stands for an empty log: a block for each município, so that reads find something to read there too."""
_AS_FAST = 0.85


class Grown(msgspec.Struct, frozen=True):
    """A server on a log of some size, and what is asked of it."""

    events: int
    load: Load
    reads: dict[str, tuple[Fetching, str]]
    """By name: who asks, and the address."""


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    figures: dict[tuple[str, int], list[float]] = {}
    async with contextlib.AsyncExitStack() as stack:
        contestants = []
        for events in options.events:
            tell(f"growth: a log of {events:,} events")
            contestants.append(await stack.enter_async_context(_grown(stage, events)))
        for number in range(_rounds(options)):
            tell(f"growth: round {number + 1} of {_rounds(options)}")
            for grown in contestants:
                for name, value in (await _turn(grown, options)).items():
                    figures.setdefault((name, grown.events), []).append(value)
    return [row for name in _names(figures) for row in _rows(name, figures, options.events)]


@contextlib.asynccontextmanager
async def _grown(stage: Stage, events: int) -> AsyncIterator[Grown]:
    database = await populate(stage, max(events, _NEW))
    async with stage.serving(database) as server:
        load = Load(server.url, server.token(workload.MUNICIPIO))
        await load.run(_CONNECTIONS, 1.0)
        await stage.settle(database)
        reads = await _reads(stage, database, server)
        yield Grown(events, load, reads)
        for client, _ in reads.values():
            client.close()
    await stage.drop(database)


async def _reads(stage: Stage, database: Database, server: Server) -> dict[str, tuple[Fetching, str]]:
    device = Fetching(server.url, server.token(workload.MUNICIPIO))
    person = Fetching(server.url, server.token(workload.MUNICIPIO, role=Role.VIGILANCIA, user="ana"))
    async with stage.owner(database) as owner:
        found = await owner.fetchrow(SQL["find_examples"], workload.MUNICIPIO)
    scope = Scope("changes", found["log"], frozenset({workload.MUNICIPIO}), (None,))
    recent = encode_cursor(scope, found["recent"])
    entity = f"/api/entities/{found['stream']}"
    return {
        "pull: first page": (device, f"/api/sync/changes?limit={_PAGE}"),
        "pull: changes": (device, f"/api/sync/changes?limit={_PAGE}&cursor={recent}"),
        "status of a device": (device, f"/api/sync/status/{found['writer']}"),
        "as_of": (person, f"{entity}?as_of={found['position']}"),
        "history": (person, f"{entity}/history"),
        "events of a device": (person, f"/api/events?device={found['writer']}"),
        "events of a rare device": (person, "/api/events?device=nobody"),
        "events of a rare outcome": (person, "/api/events?outcome=server_kept"),
        "events of a minute": (person, f"/api/events?since={found['since']}&until={found['until']}"),
        "the oldest open conflict": (person, "/api/conflicts?limit=1"),
    }


async def _turn(grown: Grown, options: Options) -> dict[str, float]:
    turn = await grown.load.run(_CONNECTIONS, options.seconds)
    alone = await grown.load.run(1, options.seconds / 2)
    figures = {
        "ingest": turn.rate,
        "latency, p50": statistics.median(alone.latencies) * 1e3,
        "latency, p99": percentile(alone.latencies, 0.99) * 1e3,
    }
    for name, (client, path) in grown.reads.items():
        figures[name] = statistics.median([await client.seconds(path) for _ in range(_REPEATS)]) * 1e3
    return figures


def _names(figures: dict[tuple[str, int], list[float]]) -> list[str]:
    return list(dict.fromkeys(name for name, _ in figures))


def _rows(name: str, figures: dict[tuple[str, int], list[float]], sizes: Sequence[int]) -> list[Row]:
    first = tuple(figures[name, sizes[0]])
    target = Target(limit=_AS_FAST) if name == "ingest" else Target(limit=_SLOWER, at_most=True)
    return [
        Row(
            measure="growth",
            contestant=f"{name}, {f'{size:,} events' if size else 'a new log'}",
            unit="operations/s" if name == "ingest" else "ms",
            values=tuple(figures[name, size]),
            references=() if size == sizes[0] else first,
            target=None if size == sizes[0] else target,
        )
        for size in sizes
    ]


def _rounds(options: Options) -> int:
    """Fewer than others have: a round asks a dozen questions of each log."""
    return min(3, options.rounds)


def _lasts(options: Options) -> float:
    growing = sum(15 + events / 1e6 * 90 for events in options.events)
    return growing + _rounds(options) * len(options.events) * (options.seconds * 2.5 + 6)


GROWTH = Named("growth", _lasts, _measure)

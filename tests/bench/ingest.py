"""Ingest: acknowledged, durable operations a second over HTTP, against the same rows written by a bare driver.

The ceiling is what measures speak of: a bare driver with the intake's two statements, one that reads and one that
compares and writes. What inserts that compare nothing come to stands beside it.
"""

import contextlib
from collections.abc import Sequence

import msgspec

from techdengue.asgi import PROBES
from techdengue.dev.database import Database

from . import ceiling, workload
from .load import Load
from .measure import Named, Options, Row, Target, tell
from .processor import processor_seconds
from .stage import Server, Stage
from .statements import SQL

CONNECTIONS = (1, 8, 32, 128)
_JUDGED = 32
_GROUPS = 70
_OF_THE_CEILING = 0.5
_AS_FAST = 0.97
"""128 connections "never fewer than" 32: within the noise of neighbouring turns."""
_TOLERANCE = 0.02
_UNIT = "operations/s"

Prepared = Sequence[Sequence[ceiling.Prepared]]


class _Served(msgspec.Struct):
    """A server, the load on it, and by connections what each round came to."""

    server: Server
    load: Load
    rates: dict[int, list[float]]
    ceilings: list[float]
    """Just before each judged turn."""
    costs: list[tuple[float, float, float]]
    """µs of CPU an operation in each judged turn: the server's, PostgreSQL's, the load's."""


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    database = await stage.database()
    prepared = [await ceiling.prepare(committer, _GROUPS) for committer in ("left", "right")]
    inserts: list[float] = []
    async with contextlib.AsyncExitStack() as stack:
        served: dict[int, _Served] = {}
        for workers in options.workers:
            server = await stack.enter_async_context(stage.serving(database, workers=workers))
            load = Load(server.url, server.token(workload.MUNICIPIO), f"w{workers}-")
            await load.run(8, 1.0)
            served[workers] = _Served(server, load, {number: [] for number in CONNECTIONS}, [], [])
        for number in range(options.rounds):
            tell(f"ingest: round {number + 1} of {options.rounds}")
            for contestant in served.values():
                await _turn(stage, prepared, contestant, options.seconds)
            inserts.append(await _ceiling(stage, prepared, ceiling.write_bare))
    await check_mix(stage, database)
    await stage.drop(database)
    last = list(served.values())[-1]
    rows = [
        _row("ceiling: the two statements", [rate for one in served.values() for rate in one.ceilings]),
        _row("bare inserts, nothing read or compared", inserts, last.ceilings),
    ]
    return rows + [row for workers, contestant in served.items() for row in _rows(_name(workers), contestant)]


async def _turn(stage: Stage, prepared: Prepared, served: _Served, seconds: float) -> None:
    for connections in CONNECTIONS:
        if connections == _JUDGED:
            served.ceilings.append(await _ceiling(stage, prepared, ceiling.write_as_intake))
        pids = served.server.pid, stage.postgres.pid
        before = [processor_seconds(pid) for pid in pids]
        turn = await served.load.run(connections, seconds)
        served.rates[connections].append(turn.rate)
        if connections == _JUDGED:
            server, database = (
                (processor_seconds(pid) - was) / turn.operations * 1e6 for pid, was in zip(pids, before, strict=True)
            )
            served.costs.append((server, database, turn.cost_of_one))


def _rows(name: str, served: _Served) -> list[Row]:
    rows = [
        _row(
            f"{name}, {connections} connection{'s' if connections > 1 else ''}",
            rates,
            served.ceilings,
            Target(limit=_OF_THE_CEILING) if connections == _JUDGED else None,
        )
        for connections, rates in served.rates.items()
    ]
    rows.append(
        _row(f"{name}, 128 against 32", served.rates[128], served.rates[_JUDGED], Target(limit=_AS_FAST)),
    )
    rows += [
        Row(
            measure="ingest",
            contestant=f"{name}, 32: CPU of {who}",
            unit="µs/operation",
            values=tuple(cost[place] for cost in served.costs),
        )
        for place, who in enumerate(("the server", "PostgreSQL", "the load"))
    ]
    return rows


def _row(
    contestant: str, values: Sequence[float], references: Sequence[float] = (), target: Target | None = None
) -> Row:
    return Row(
        measure="ingest",
        contestant=contestant,
        unit=_UNIT,
        values=tuple(values),
        references=tuple(references),
        target=target,
    )


def _name(workers: int) -> str:
    return "serve" if workers == 1 else f"serve --workers {workers}"


async def _ceiling(stage: Stage, prepared: Prepared, write: ceiling.Write) -> float:
    database = await stage.database()
    async with stage.pool(database, "techdengue_intake", 2, **PROBES) as pool:
        rate = await ceiling.run(pool, prepared, write)
    await _check_rows(stage, database, prepared)
    await stage.drop(database)
    return rate


async def _check_rows(stage: Stage, database: Database, prepared: Prepared) -> None:
    """Raises RuntimeError unless every row was written: a ceiling that leaves some out is none."""
    async with stage.owner(database) as owner:
        found = await owner.fetchrow(SQL["count_rows"])
    units = [unit for groups in prepared for group in groups for unit in group.units]
    events = sum(len(unit.events) for unit in units)
    wanted = {
        "events": events,
        "last": events,
        "heads": len({(head.tenant, head.stream) for unit in units for head in unit.heads}),
        "writers": len({change.writer for unit in units for change in unit.writers}),
        "requests": sum(group.operations for groups in prepared for group in groups) // workload.SIZE,
    }
    if dict(found) != wanted:
        raise RuntimeError(f"the ceiling wrote {dict(found)}, not {wanted}")


async def check_mix(stage: Stage, database: Database) -> None:
    """Raises RuntimeError unless what the server counted is the mix that is promised."""
    async with stage.owner(database) as owner:
        counted = await owner.fetchrow(SQL["count_outcomes"])
    for outcome, promised in workload.MIX.items():
        share = counted[outcome] / max(1, counted["operations"])
        if abs(share - promised) > _TOLERANCE:
            raise RuntimeError(f"{share:.1%} of the operations were {outcome}, not {promised:.0%}")


def _lasts(options: Options) -> float:
    contestants = len(options.workers) * len(CONNECTIONS)
    return 15 + options.rounds * (2 + 3 * len(options.workers) + contestants * (options.seconds + 0.7))


INGEST = Named("ingest", _lasts, _measure)

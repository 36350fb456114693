"""Ingest: acknowledged, durable operations a second over HTTP, against the same rows written by a bare driver."""

import contextlib
from collections.abc import Sequence

from techdengue.asgi import PROBES
from techdengue.dev.database import Database

from . import ceiling, workload
from .load import Load, Turn
from .measure import Named, Options, Row, Target, tell
from .stage import Stage
from .statements import SQL

CONNECTIONS = (1, 8, 32, 128)
_GROUPS = 70
_OF_THE_CEILING = 0.5
_AS_FAST = 0.97
"""128 connections "never fewer than" 32: within the noise of neighbouring turns."""
_TOLERANCE = 0.02


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    served: dict[tuple[int, int], list[Turn]] = {}
    bare: list[float] = []
    own: list[float] = []
    database = await stage.database()
    prepared = [await ceiling.prepare(committer, _GROUPS) for committer in ("left", "right")]
    async with contextlib.AsyncExitStack() as stack:
        loads = {}
        for workers in options.workers:
            server = await stack.enter_async_context(stage.serving(database, workers=workers))
            loads[workers] = Load(server.url, server.token(workload.MUNICIPIO), f"w{workers}-")
            await loads[workers].run(8, 1.0)
        for number in range(options.rounds):
            tell(f"ingest: round {number + 1} of {options.rounds}")
            bare.append(await _ceiling(stage, prepared, ceiling.write_bare))
            own.append(await _ceiling(stage, prepared, ceiling.write_as_intake))
            for workers, load in loads.items():
                for connections in CONNECTIONS:
                    turn = await load.run(connections, options.seconds)
                    served.setdefault((workers, connections), []).append(turn)
    await check_mix(stage, database)
    await stage.drop(database)
    return _rows(bare, own, served)


def _rows(bare: list[float], own: list[float], served: dict[tuple[int, int], list[Turn]]) -> list[Row]:
    name, unit = "ingest", "operations/s"
    rows = [
        Row(measure=name, contestant="ceiling: bare inserts", unit=unit, values=tuple(bare)),
        Row(
            measure=name, contestant="the intake's two statements", unit=unit, values=tuple(own), references=tuple(bare)
        ),
    ]
    for (workers, connections), turns in served.items():
        rates = tuple(turn.rate for turn in turns)
        target = Target(limit=_OF_THE_CEILING) if connections == 32 else None
        rows.append(
            Row(
                measure=name,
                contestant=f"{_name(workers)}, {connections} connections",
                unit=unit,
                values=rates,
                references=tuple(bare),
                target=target,
                note=f"the load took {sum(turn.cost_of_one for turn in turns) / len(turns):.0f} µs of CPU an operation",
            )
        )
        if connections == 128:
            at_32 = tuple(turn.rate for turn in served[workers, 32])
            rows.append(
                Row(
                    measure=name,
                    contestant=f"{_name(workers)}, 128 against 32",
                    unit=unit,
                    values=rates,
                    references=at_32,
                    target=Target(limit=_AS_FAST),
                )
            )
    return rows


def _name(workers: int) -> str:
    return "serve" if workers == 1 else f"serve --workers {workers}"


async def _ceiling(stage: Stage, prepared: Sequence[Sequence[ceiling.Prepared]], write: ceiling.Write) -> float:
    database = await stage.database()
    async with stage.pool(database, "techdengue_intake", 2, **PROBES) as pool:
        rate = await ceiling.run(pool, prepared, write)
    await stage.drop(database)
    return rate


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
    return 15 + options.rounds * (6 + contestants * (options.seconds + 0.7))


INGEST = Named("ingest", _lasts, _measure)

"""Latency: one batch of ten over one connection, against the same two statements by a bare driver."""

import time
from collections.abc import Sequence

import asyncpg

from techdengue.asgi import PROBES

from . import ceiling, workload
from .load import Load
from .measure import Named, Options, Row, Target, percentile, tell
from .stage import Stage

_BATCHES = 400
_P50, _P99 = 2.5, 4.0


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    served: list[Sequence[float]] = []
    bare: list[Sequence[float]] = []
    database, written = await stage.database(), await stage.database()
    async with (
        stage.serving(database) as server,
        stage.pool(written, "techdengue_intake", 1, **PROBES) as pool,
        pool.acquire() as connection,
    ):
        load = Load(server.url, server.token(workload.MUNICIPIO))
        await load.run(1, 1.0)
        for number in range(options.rounds):
            tell(f"latency: round {number + 1} of {options.rounds}")
            bare.append(await bare_latencies(connection, f"bare-{number}"))
            served.append((await load.run(1, options.seconds)).latencies)
    await stage.drop(database)
    await stage.drop(written)
    return [*_rows("p50", 0.50, _P50, served, bare), *_rows("p99", 0.99, _P99, served, bare)]


async def bare_latencies(connection: asyncpg.Connection, name: str) -> list[float]:
    """Seconds that the intake's two statements take for a batch, batch after batch."""
    prepared = await ceiling.prepare(name, _BATCHES, connections=1)
    latencies = []
    for group in prepared:
        started = time.perf_counter()
        await ceiling.write_as_intake(connection, group)
        latencies.append(time.perf_counter() - started)
    return latencies[workload.OPENING :]


def _rows(
    name: str, share: float, limit: float, served: Sequence[Sequence[float]], bare: Sequence[Sequence[float]]
) -> list[Row]:
    reference = tuple(percentile(values, share) * 1e3 for values in bare)
    ours = tuple(percentile(values, share) * 1e3 for values in served)
    return [
        Row(measure="latency", contestant=f"the two statements, {name}", unit="ms", values=reference),
        Row(
            measure="latency",
            contestant=f"serve, {name}",
            unit="ms",
            values=ours,
            references=reference,
            target=Target(limit=limit, at_most=True),
        ),
    ]


LATENCY = Named("latency", lambda options: 5 + options.rounds * (options.seconds + 3), _measure)

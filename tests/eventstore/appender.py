"""A process that appends to the event store under contention: `python -m tests.eventstore.appender URL NAME UNITS`.

Every unit appends to a few of the same few streams, with what it last read as expectation; losers are read and tried
again until they win. Prints one line when it is connected, then waits for a line before it begins.
"""

import asyncio
import random
import sys

import asyncpg

from eventstore import AppendUnit, PostgresEventStore
from tests.eventstore.samples import clock, event, unit

STREAMS = [f"a/{n}" for n in range(6)]
TENANT = "5103403"


async def main(url: str, name: str, units: int) -> None:
    connection = await asyncpg.connect(url, server_settings={"role": "techdengue_intake"})
    store = PostgresEventStore(connection)
    print("ready", flush=True)  # noqa: T201  # tells the test that it may give the signal
    await asyncio.to_thread(sys.stdin.readline)
    choose = random.Random(name)  # noqa: S311  # reproducible, not secret
    waiting = list(range(units))
    clocks: dict[str, int | None] = {}
    while waiting:
        group = waiting[: choose.randint(1, 4)]
        streams = choose.sample(STREAMS, len(STREAMS))
        wanted = [streams.pop() for _ in group]
        appended = await store.append(
            [
                await _unit(store, clocks, f"{name}.{number}", wanted[i], streams.pop() if i == 0 else f"{name}/{number}")
                for i, number in enumerate(group)
            ]
        )
        for i, number in enumerate(group):
            if i not in appended.moved:
                waiting.remove(number)
                clocks[f"{name}.{number}"] = number
    await connection.close()


async def _unit(
    store: PostgresEventStore, clocks: dict[str, int | None], writer: str, first: str, second: str
) -> AppendUnit:
    heads = {head.stream: head.sequence for head in await store.read_heads([(TENANT, first), (TENANT, second)])}
    return unit(
        *(
            event(stream, heads.get(stream, 0) + 1, f"{writer} on {stream}", writer=writer)
            for stream in choose_order(first, second)
        ),
        clocks=[clock(writer, clocks.get(writer), 1)],
    )


def choose_order(first: str, second: str) -> tuple[str, str]:
    """Half of the units take their streams in the opposite order: an invitation to deadlock."""
    return (first, second) if hash(first) % 2 else (second, first)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))

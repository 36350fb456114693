"""A process that appends under contention: `python -m tests.eventstore.appender URL NAME UNITS`.

Every unit appends to two of the same six streams, in an order of its own, with the heads that it last read as
expectation, and is tried until it wins. Prints one line when it is connected, and begins when it is sent one.
"""

import asyncio
import random
import sys

import asyncpg

from eventstore import PostgresEventStore
from tests.eventstore.samples import clock, event, unit

STREAMS = [f"shared/{n}" for n in range(6)]
TENANT = "5103403"


async def main(url: str, name: str, units: int) -> None:
    connection = await asyncpg.connect(url, server_settings={"role": "techdengue_intake"})
    print("ready", flush=True)  # noqa: T201  # tells the test that this process waits for its line
    await asyncio.to_thread(sys.stdin.readline)
    choose = random.Random(name)  # noqa: S311  # reproducible, not secret
    for number in range(units):
        await append_until_it_wins(PostgresEventStore(connection), name, number, choose.sample(STREAMS, 2))
    await connection.close()


async def append_until_it_wins(store: PostgresEventStore, name: str, number: int, streams: list[str]) -> None:
    """Append one contended unit, and each time a neighbour beside it that nobody contends for and that must win."""
    attempt = 0
    while True:
        heads = {head.stream: head.sequence for head in await store.read_heads([(TENANT, s) for s in streams])}
        contended = unit(
            *(event(s, heads.get(s, 0) + 1, f"{number} on {s}", writer=name) for s in streams),
            clocks=[clock(name, number or None, number + 1)],
        )
        neighbour = unit(event(f"{name}/{number}.{attempt}", 1, writer=name))
        appended = await store.append([contended, neighbour])
        if 1 in appended.moved:
            raise AssertionError("a unit lost that nobody contended with")
        if 0 not in appended.moved:
            return
        attempt += 1


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))

"""A process that forwards the trail until it is killed: `python -m tests.audit.forwarding DATABASE_URL PORT`."""

import asyncio
import sys

import asyncpg

from techdengue.audit import AUDITOR
from techdengue.audit.collector import Address
from techdengue.audit.forwarder import Forwarder, Pace

PACE = Pace(poll=0.02, confirm=0.2, timeout=2, retry=0.05)


async def forward(database_url: str, port: int) -> None:
    """Forward to this port, for ever."""
    async with asyncpg.create_pool(database_url, min_size=0, max_size=3, server_settings={"role": AUDITOR}) as pool:
        await Forwarder(pool, Address("127.0.0.1", port), enterprise_id=32473, pace=PACE).run()


if __name__ == "__main__":
    asyncio.run(forward(sys.argv[1], int(sys.argv[2])))

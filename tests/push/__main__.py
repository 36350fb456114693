"""The stand-in for FCM as a process: `python -m tests.push DIRECTORY [PORT [DELAY]]`, until SIGTERM.

It writes DIRECTORY/service-account.json and prints the two settings that lead the server to it. DELAY: seconds from a
message to its answer.
"""

import asyncio
import signal
import sys
from pathlib import Path

from .fcm import StandIn


async def run(directory: Path, port: int, delay: float) -> None:
    """Serve until told to stop."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with StandIn(delay=delay).running(port) as stand_in:
        path = stand_in.write_service_account(directory / "service-account.json")
        sys.stdout.write(f"TECHDENGUE_PUSH_SERVICE_ACCOUNT_FILE={path}\nTECHDENGUE_PUSH_ENDPOINT={stand_in.url}\n")
        sys.stdout.flush()
        await stopping.wait()


if __name__ == "__main__":
    given = [*sys.argv[1:], "0", "0"]
    asyncio.run(run(Path(given[0]).resolve(), int(given[1]), float(given[2])))

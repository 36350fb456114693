"""`make chaos`: break everything, many times each, for as long as is wanted; print what it cost.

Exits with 1 where an acknowledged operation was lost, doubled or reordered, or anything else was wrong.
"""

import argparse
import asyncio
import signal
import sys
import time

import uvloop

from .episode import Plan
from .faults import KINDS, Faults
from .notifying import Notified
from .notifying import standing as standing_to_notify
from .report import Totals
from .running import check_all, faults_of, run_episode
from .site import standing

_SHOWN = 20


def main() -> int:
    """Run with the arguments of the command line; the exit code."""
    parser = argparse.ArgumentParser(
        prog="make chaos", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=600,
        help="begin no episode after so long (default: 600); one takes about two minutes; 0: none",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed gives the same work and bad luck (default: 1)"
    )
    parser.add_argument("--devices", type=int, default=8, help="devices at work at once (default: 8)")
    parser.add_argument("--gap", type=int, default=20, help="acknowledged operations between two faults (default: 20)")
    parser.add_argument("--faults", default="", help="only faults whose name contains this:\n  " + "\n  ".join(KINDS))
    parser.add_argument(
        "--conflicts",
        type=int,
        default=1000,
        help="at the end, conflicts that are parked while workers are killed; 0: none (default: 1000)",
    )
    wanted = parser.parse_args()
    if not faults_of(wanted.seed, 0, wanted.faults, often=1):
        parser.error(f"there is no fault whose name contains {wanted.faults!r}")
    try:
        totals = uvloop.run(_run(wanted)) if wanted.seconds > 0 else Totals()
        notified = uvloop.run(_notify(wanted)) if wanted.conflicts else None
    except KeyboardInterrupt:
        print("\nstopped twice: nothing more was checked", file=sys.stderr)
        return 130
    wrong = [] if notified is None else notified.wrong
    for complaint in [*totals.complaints(), *wrong[:_SHOWN]]:
        print(complaint, file=sys.stderr)
    return 0 if totals.findings.clean and not wrong else 1


async def _run(wanted: argparse.Namespace) -> Totals:
    stop, totals = asyncio.Event(), Totals()
    _stop_on_ctrl_c(stop)
    async with standing() as broken:
        faults, began = Faults(broken, wanted.seed), time.monotonic()
        _say(f"all is up; Ctrl-C stops and prints the table. Disk: {broken.disk.kind}")
        number = 0
        while not stop.is_set() and (number == 0 or time.monotonic() - began < wanted.seconds):
            plan = Plan(
                seed=wanted.seed,
                number=number,
                faults=faults_of(wanted.seed, number, wanted.faults, often=4),
                gap=wanted.gap,
                devices=wanted.devices,
            )
            await run_episode(broken, plan, faults, totals, stop)
            number += 1
            _say(f"{time.monotonic() - began:5.0f} s: {totals.line()}")
        await check_all(broken, totals)
        print(totals.table(time.monotonic() - began, broken.disk.kind))
    return totals


async def _notify(wanted: argparse.Namespace) -> Notified:
    """Conflicts whose notifications workers send, while those and what they need are killed."""
    async with standing_to_notify(seed=wanted.seed) as stage:
        _say(f"{wanted.conflicts:,} conflicts, and workers that are killed")
        notified = await stage.run(wanted.conflicts, gap=3 * wanted.gap)
    print(f"\n{notified.table()}")
    return notified


def _stop_on_ctrl_c(stop: asyncio.Event) -> None:
    """The first Ctrl-C ends the episode and the run; the second one everything at once."""
    loop = asyncio.get_running_loop()

    def asked() -> None:
        _say("stopping: what is under way is finished and checked; Ctrl-C again gives up")
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, asked)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

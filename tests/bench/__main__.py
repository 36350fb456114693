"""`make bench`: every measure, each against its contestant in the same run, as one table and as JSON."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import asyncpg
import msgspec
import uvloop

from . import report
from .evidence import EVIDENCE
from .fan_out import FAN_OUT
from .growth import GROWTH
from .ingest import INGEST
from .jobs import JOBS
from .latency import LATENCY
from .long_log import LONG_LOG
from .measure import Measure, Options, Row, tell
from .memory import MEMORY
from .pull import PULL
from .push import PUSH
from .replay import REPLAY
from .reports import REPORTS
from .resolver import RESOLVER
from .stage import Stage, staged
from .streams import STREAMS
from .upkeep import UPKEEP

MEASURES: tuple[Measure, ...] = (
    INGEST,
    LATENCY,
    RESOLVER,
    REPLAY,
    PULL,
    GROWTH,
    LONG_LOG,
    FAN_OUT,
    STREAMS,
    JOBS,
    EVIDENCE,
    PUSH,
    REPORTS,
    UPKEEP,
    MEMORY,
)
QUICK = Options(rounds=2, seconds=1.0, workers=(1,))
FULL = Options(seconds=4.0, events=(0, 1_000_000, 10_000_000), soak=600.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the arguments ask for; 1 when a measure broke, and 0 also where a figure falls short."""
    asked = _parser().parse_args(arguments)
    options = _options(asked)
    wanted = [measure for measure in MEASURES if not asked.only or measure.name in asked.only]
    seconds = 10 + sum(measure.duration(options) for measure in wanted)
    tell(f"{len(wanted)} measures, about {max(1, round(seconds / 60))} min: {', '.join(m.name for m in wanted)}")
    try:
        return uvloop.run(_run(wanted, options, asked))
    except (KeyboardInterrupt, asyncio.CancelledError):
        tell("stopped; everything that was started is gone")
        return 130


async def _run(wanted: Sequence[Measure], options: Options, asked: argparse.Namespace) -> int:
    _stop_on_signals()
    rows: list[Row] = []
    broken: list[str] = []
    async with staged() as stage:
        about = report.machine(await _version(stage))
        for measure in wanted:
            tell(f"{measure.name}: begins")
            try:
                rows += await measure.run(stage, options)
            except Exception as error:  # noqa: BLE001 - the other measures' figures are worth their time
                broken.append(f"{measure.name}: {_told(error)}")
                tell(f"{measure.name} broke: {_told(error)}")
            report.write(rows, about, asked.json)
    print(
        f"\n{about['cores']} cores, {about['memory_gib']} GiB, {about['system']}, {about['python']}, "
        f"PostgreSQL {about['postgresql']}; {options.rounds} rounds; load {about['load_before']} before\n"
    )
    print(report.table(rows, markdown=asked.markdown))
    for line in broken:
        print(f"not measured: {line}")
    return 1 if broken else 0


def _told(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


async def _version(stage: Stage) -> str:
    connection = await asyncpg.connect(stage.postgres.url())
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


def _stop_on_signals() -> None:
    """SIGTERM ends a run as Ctrl-C does."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _options(asked: argparse.Namespace) -> Options:
    options = FULL if asked.full else QUICK if asked.quick else Options()
    changes = {
        name: value
        for name in ("rounds", "seconds", "events", "soak", "devices", "workers")
        if (value := getattr(asked, name)) is not None
    }
    return msgspec.structs.replace(options, **changes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    names = [measure.name for measure in MEASURES]
    parser.add_argument("--only", type=_words(names), help=f"some of: {', '.join(names)}")
    parser.add_argument("--full", action="store_true", help="ten million events too, and ten minutes of memory")
    parser.add_argument("--quick", action="store_true", help="two short rounds, one server process")
    parser.add_argument("--events", type=_numbers, help="sizes of the log for `growth`, such as 0,1000000")
    parser.add_argument("--workers", type=_numbers, help="server processes of `ingest`, such as 1,2")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="one turn under load")
    parser.add_argument("--soak", type=float, help="seconds of `memory`")
    parser.add_argument("--devices", type=int, help="WebSocket devices of `streams`")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where all figures go")
    parser.add_argument("--markdown", action="store_true", help="the table as Markdown")
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part.replace("_", "")) for part in text.split(","))


def _words(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        words = tuple(text.split(","))
        if unknown := set(words) - set(known):
            raise argparse.ArgumentTypeError(f"there is no measure {', '.join(sorted(unknown))}")
        return words

    return read


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())

"""Memory: the resident set of a server under the ingest load, at the end against after its first minute."""

import time
from collections.abc import Sequence
from pathlib import Path

from . import workload
from .load import Load
from .measure import Named, Options, Row, Target, tell
from .stage import Stage

_CONNECTIONS = 32
_TURN = 10.0
_FIRST = 60.0
_FLAT, _MOST_MIB = 1.05, 200.0


async def _measure(stage: Stage, options: Options) -> Sequence[Row]:
    database = await stage.database()
    early = late = 0.0
    async with stage.serving(database) as server:
        load = Load(server.url, server.token(workload.MUNICIPIO))
        started = time.monotonic()
        first = min(_FIRST, options.soak / 2)
        while (passed := time.monotonic() - started) < options.soak:
            await load.run(_CONNECTIONS, _TURN)
            late = resident_mib(server.pid)
            if passed < first:
                early = late
            tell(f"memory: {late:.0f} MiB after {time.monotonic() - started:.0f} s of {options.soak:.0f} s")
    await stage.drop(database)
    name, unit = "memory", "MiB"
    return [
        Row(measure=name, contestant=f"serve, after {first:.0f} s", unit=unit, values=(early,)),
        Row(
            measure=name,
            contestant=f"serve, after {options.soak:.0f} s",
            unit=unit,
            values=(late,),
            references=(early,),
            target=Target(limit=_FLAT, at_most=True),
        ),
        Row(
            measure=name,
            contestant=f"serve, after {options.soak:.0f} s, at most",
            unit=unit,
            values=(late,),
            target=Target(limit=_MOST_MIB, at_most=True, of="median"),
        ),
    ]


def resident_mib(pid: int) -> float:
    """The resident set of a process, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} tells no resident set")


MEMORY = Named("memory", lambda options: options.soak + 15, _measure)

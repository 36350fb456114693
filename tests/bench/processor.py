"""Processor time of processes and of those that they started: what a noisy neighbour does not change."""

import os
from pathlib import Path

from techdengue.dev.processes import child_pids

_TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """Of a process, its children, and those of them that have ended; 0 of one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    own = sum(int(fields[place]) for place in (11, 12, 13, 14)) / _TICKS
    return own + sum(processor_seconds(child) for child in child_pids(pid))

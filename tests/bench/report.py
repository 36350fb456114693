"""The table and its JSON."""

import datetime as dt
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from .measure import Row, shown

_COLUMNS = ("measure", "contestant", "median", "least – most", "", "ratio", "must reach", "")
_LEFT = {0, 1, 4, 6, 7}


def machine(postgres: str) -> dict[str, Any]:
    """What the figures were measured on."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(pages * size / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "postgresql": postgres,
        "load_before": round(os.getloadavg()[0], 2),
    }


def table(rows: Sequence[Row], *, markdown: bool = False) -> str:
    """The rows, aligned for a terminal or as Markdown."""
    cells = [_cells(row) for row in rows]
    if markdown:
        lines = [_COLUMNS, ("---",) * len(_COLUMNS), *cells]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)
    widths = [max(len(line[column]) for line in (_COLUMNS, *cells)) for column in range(len(_COLUMNS))]
    aligned = [
        "  ".join(
            text.ljust(width) if column in _LEFT else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (_COLUMNS, *cells)
    ]
    return "\n".join([aligned[0], "─" * max(map(len, aligned)), *aligned[1:]])


def _cells(row: Row) -> tuple[str, ...]:
    ratio = row.ratio
    verdict = {None: "", True: "reached", False: "falls short"}[row.reached]
    return (
        row.measure,
        row.contestant,
        shown(row.median),
        f"{shown(min(row.values))} – {shown(max(row.values))}",
        row.unit,
        "" if ratio is None else f"{ratio:.2f}",
        "" if row.target is None else f"{row.target}{'' if row.target.of == 'ratio' else ' ' + row.unit}",
        verdict,
    )


def write(rows: Sequence[Row], about: dict[str, Any], place: Path) -> None:
    """All figures, those of each round too."""
    told = [
        {
            **msgspec.to_builtins(row),
            "median": row.median,
            "ratio": row.ratio,
            "reached": row.reached,
        }
        for row in rows
    ]
    document = {"at": dt.datetime.now(dt.UTC), "machine": about, "rows": told}
    place.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")

"""Projections: what the log means as tables, and the queries of those who read them.

`run` keeps the tables up to date, `rebuild` makes one anew beside the live one, `verify` compares with the log,
`status` says how far each has come. Readers' queries are in `projections.queries`, their answers in
`projections.model`.
"""

from .engine import catch_up, run
from .errors import CursorFromElsewhere, ProjectionError, RebuildRunning, ReplayDiverged, SeveralEntities
from .rebuild import rebuild
from .status import status
from .tables import PROJECTIONS
from .verification import HEADS, VERIFIABLE, verify

__all__ = [
    "HEADS",
    "PROJECTIONS",
    "VERIFIABLE",
    "CursorFromElsewhere",
    "ProjectionError",
    "RebuildRunning",
    "ReplayDiverged",
    "SeveralEntities",
    "catch_up",
    "rebuild",
    "run",
    "status",
    "verify",
]

"""Reports on paper: the evidence of an activity under a Merkle root (EVD01), a município's week in figures (SEMANAL).

`order` takes a person's order, the jobs make reports, `queries` and `verification` tell of them. docs/reports.md.
"""

from .ordering import Order, order
from .queries import Evidenced, ReportsWanted

__all__ = ["Evidenced", "Order", "ReportsWanted", "order"]

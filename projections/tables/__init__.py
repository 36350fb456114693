"""The projections: one table each, in a file of its own name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .atividade import Atividade
from .conflict import Conflict
from .device_status import DeviceStatus
from .entity import Entity
from .evidencia import Evidencia
from .projection import Projection

PROJECTIONS: Final[Mapping[str, Projection]] = MappingProxyType(
    {projection.name: projection for projection in (Entity(), Conflict(), Atividade(), Evidencia(), DeviceStatus())}
)
"""Every projection by name, as in `projections.definition`."""

FOLLOWERS: Final = tuple(projection for projection in PROJECTIONS.values() if not projection.written_by_intake)
"""The projections that follow the log."""

__all__ = ["FOLLOWERS", "PROJECTIONS", "Projection"]

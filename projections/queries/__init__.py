"""The readers' queries. Each wants a `Reader`: a connection on which a territory is set.

async with territory(connection, caller.municipios) as reader:
    page = await changes(reader, cursor=cursor, limit=500)
"""

from .changes import changes
from .conflicts import ConflictsWanted, conflict, conflicts
from .devices import device_owner, device_owners, device_status, forget_device, register_device
from .entities import NOW, Cut, entity, entity_as_of, history
from .events import EventsWanted, event_of, events
from .territory import Reader, territory

__all__ = [
    "NOW",
    "ConflictsWanted",
    "Cut",
    "EventsWanted",
    "Reader",
    "changes",
    "conflict",
    "conflicts",
    "device_owner",
    "device_owners",
    "device_status",
    "entity",
    "entity_as_of",
    "event_of",
    "events",
    "forget_device",
    "history",
    "register_device",
    "territory",
]

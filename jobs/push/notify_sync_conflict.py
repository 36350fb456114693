"""`notify_sync_conflict`: a parked operation waits for a person; its author and the município's managers are told."""

import datetime as dt
from typing import Final

from jobs import outbox
from jobs.errors import Permanent
from jobs.model import Counts, Job, Queue
from jobs.outbox import ConflictParked
from jobs.run import Run

from . import statements, texts
from .delivery import DELIVERY_RETRY, DELIVERY_TIME_LIMIT, deliver
from .model import MessageType, Notification

TTL: Final = dt.timedelta(hours=24)


async def notify_sync_conflict(run: Run, arguments: ConflictParked) -> Counts:
    """Deliver to the owner of the device that wrote it and to the managers, to nobody twice; if it is still open."""
    async with run.services.pool.acquire() as connection:
        conflict = await connection.fetchrow(statements.READ_CONFLICT, arguments.conflict_id)
        if conflict is None:
            raise Permanent("there is no such conflict")
        if conflict["status"] != "open":
            return {"already_resolved": 1}
        managers = await connection.fetch(statements.FIND_MANAGERS, [conflict["municipio_cod_ibge"]])
    users = {conflict["user_id"], *(manager["user_id"] for manager in managers)}
    notification = Notification(
        key=f"{MessageType.SYNC_CONFLICT}/{arguments.conflict_id}",
        type=MessageType.SYNC_CONFLICT,
        messages=dict.fromkeys(users, texts.sync_conflict(arguments.conflict_id, conflict["entity_type"])),
        ttl=TTL,
    )
    return await deliver(run, notification)


NOTIFY_SYNC_CONFLICT: Final = Job(
    name=outbox.NOTIFY_SYNC_CONFLICT,
    queue=Queue.NOTIFICATIONS,
    arguments=ConflictParked,
    handler=notify_sync_conflict,
    time_limit=DELIVERY_TIME_LIMIT,
    retry=DELIVERY_RETRY,
    summary="Tells the owner of the device and the município's managers of a conflict that waits for a decision.",
)

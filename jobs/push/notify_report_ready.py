"""`notify_report_ready`: a report is there; who asked for it is told."""

import datetime as dt
import uuid
from typing import Final

import msgspec

from jobs.errors import Permanent
from jobs.model import Counts, Job, Queue
from jobs.run import Run

from . import statements, texts
from .delivery import DELIVERY_RETRY, DELIVERY_TIME_LIMIT, deliver
from .model import MessageType, Notification

TTL: Final = dt.timedelta(hours=24)


class ReportReady(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `notify_report_ready`."""

    report_id: uuid.UUID


async def notify_report_ready(run: Run, arguments: ReportReady) -> Counts:
    """Deliver to who asked; of a report that nobody asked for nobody is told."""
    report = await run.services.pool.fetchrow(statements.READ_REPORT, arguments.report_id)
    if report is None or report["status"] != "ready":
        raise Permanent("there is no such report, or it is not ready")
    if report["requested_by"] is None:
        return {"nobody_asked": 1}
    notification = Notification(
        key=f"{MessageType.REPORT_READY}/{arguments.report_id}",
        type=MessageType.REPORT_READY,
        messages={report["requested_by"]: texts.report_ready(arguments.report_id, report["code"])},
        ttl=TTL,
    )
    return await deliver(run, notification)


NOTIFY_REPORT_READY: Final = Job(
    name="notify_report_ready",
    queue=Queue.NOTIFICATIONS,
    arguments=ReportReady,
    handler=notify_report_ready,
    time_limit=DELIVERY_TIME_LIMIT,
    retry=DELIVERY_RETRY,
    summary="Tells who asked for a report that it is ready.",
)

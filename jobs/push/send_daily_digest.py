"""`send_daily_digest`: yesterday in numbers, to every manager for their municípios; once, however often it runs."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

from jobs.model import Counts, Job, NoArguments, Queue
from jobs.run import Run
from jobs.schedule import ZONE

from . import statements, texts
from .delivery import DELIVERY_RETRY, DELIVERY_TIME_LIMIT, deliver
from .model import Message, MessageType, Notification
from .texts import NOTHING, DayFigures

TTL: Final = dt.timedelta(hours=12)
SILENT_AFTER: Final = dt.timedelta(days=7)
"""A field agent works without a network for up to a week: only then is silence worth a word."""
ABANDONED_AFTER: Final = dt.timedelta(days=30)
"""A device that was not heard of for so long is not silent but gone; nobody is reminded of it every day."""
LATE_AFTER: Final = dt.timedelta(hours=15)
"""A digest that could not be sent on its day is no news on the next one."""
_EVERYWHERE: Final = "*"


def day_before(moment: dt.datetime) -> tuple[dt.date, dt.datetime, dt.datetime]:
    """The calendar day in Cuiabá before the one of this moment, where it begins and where it ends (UTC, half-open)."""
    today = moment.astimezone(ZONE).date()
    day = today - dt.timedelta(days=1)
    begin, end = (dt.datetime.combine(date, dt.time(), ZONE).astimezone(dt.UTC) for date in (day, today))
    return day, begin, end


async def send_daily_digest(run: Run, _arguments: NoArguments) -> Counts:
    """Deliver the digest of the day before the one on which the run was due."""
    if run.services.clock() - run.due_at > LATE_AFTER:
        return {"too_late": 1}
    day, begin, end = day_before(run.due_at)
    pool = run.services.pool
    managers = await pool.fetch(statements.FIND_MANAGERS, None)
    rows = await pool.fetch(statements.READ_DIGEST_FIGURES, begin, end, end - SILENT_AFTER, end - ABANDONED_AFTER)
    figures = {row["municipio"]: _figures(row) for row in rows}
    notification = Notification(
        key=f"{MessageType.DAILY_DIGEST}/{day.isoformat()}",
        type=MessageType.DAILY_DIGEST,
        messages={manager["user_id"]: _message(day, manager, figures) for manager in managers},
        ttl=TTL,
    )
    return await deliver(run, notification)


def _message(day: dt.date, manager: Any, figures: Mapping[str, DayFigures]) -> Message:
    return texts.daily_digest(day, sum(_of_territory(figures, manager["municipios"]), NOTHING))


def _of_territory(figures: Mapping[str, DayFigures], municipios: Iterable[str]) -> Iterable[DayFigures]:
    codes = set(municipios)
    return (told for code, told in figures.items() if code in codes or _EVERYWHERE in codes)


def _figures(row: Any) -> DayFigures:
    return DayFigures(
        activities=row["activities"],
        evidence=row["evidence"],
        open_conflicts=row["open_conflicts"],
        silent_devices=row["silent_devices"],
    )


SEND_DAILY_DIGEST: Final = Job(
    name="send_daily_digest",
    queue=Queue.NOTIFICATIONS,
    arguments=NoArguments,
    handler=send_daily_digest,
    time_limit=DELIVERY_TIME_LIMIT,
    retry=DELIVERY_RETRY,
    exclusive=True,
    summary="Tells every manager of the day before in their municípios.",
)

"""When jobs run by themselves, as data; times are of America/Cuiaba, which has had no daylight saving since 2019.

A run belongs to a job and a due time, so any number of schedulers queue it once. Times that passed while no worker
lived are caught up by one run, that of the latest.
"""

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, assert_never
from zoneinfo import ZoneInfo

import msgspec

ZONE: Final = ZoneInfo("America/Cuiaba")
MONDAY, SUNDAY = 0, 6

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DAY: Final = dt.timedelta(days=1)


class Daily(msgspec.Struct, frozen=True, tag="daily"):
    """Every day at this time."""

    at: dt.time


class Weekly(msgspec.Struct, frozen=True, tag="weekly"):
    """Once a week; `weekday` counts from Monday, 0."""

    weekday: int
    at: dt.time


class Every(msgspec.Struct, frozen=True, tag="every"):
    """Whenever so much time has passed again since the epoch: every 15 minutes is at :00, :15, :30 and :45."""

    period: dt.timedelta


Times = Daily | Weekly | Every


class Scheduled(msgspec.Struct, frozen=True, kw_only=True):
    """When a job is due, and over how long after that its starts are spread at random."""

    times: Times
    spread: dt.timedelta = dt.timedelta(0)


SCHEDULE: Final[Mapping[str, Scheduled]] = MappingProxyType(
    {
        "cleanup_old_s3_files": Scheduled(times=Daily(dt.time(2, 0))),
        "clean_abandoned_uploads": Scheduled(times=Daily(dt.time(2, 30))),
        "archive_old_reports": Scheduled(times=Daily(dt.time(3, 0))),
        "prune_push_targets": Scheduled(times=Daily(dt.time(3, 30))),
        "cleanup_sync_logs": Scheduled(times=Weekly(SUNDAY, dt.time(4, 0))),
        "vacuum_database": Scheduled(times=Weekly(SUNDAY, dt.time(5, 0))),
        "aggregate_sync_metrics": Scheduled(times=Every(dt.timedelta(minutes=15))),
        "generate_weekly_report": Scheduled(times=Weekly(MONDAY, dt.time(6, 0))),
        # FCM asks senders to stay clear of the full hour
        "send_daily_digest": Scheduled(times=Daily(dt.time(8, 0)), spread=dt.timedelta(minutes=5)),
    }
)


def describe(times: Times) -> str:
    """For people, in the schedule's own time zone."""
    match times:
        case Daily(at):
            return f"daily {at:%H:%M}"
        case Weekly(weekday, at):
            return f"weekly {_WEEKDAYS[weekday]} {at:%H:%M}"
        case Every(period):
            return f"every {period.total_seconds() / 60:g} min"
        case _:
            assert_never(times)


def latest(times: Times, moment: dt.datetime) -> dt.datetime:
    """The last due time that is not after `moment`; aware, UTC."""
    match times:
        case Daily(at):
            return _latest_on_days(at, moment, every_days=1)
        case Weekly(weekday, at):
            return _latest_on_days(at, moment, every_days=7, weekday=weekday)
        case Every(period):
            return _EPOCH + (moment - _EPOCH) // period * period
        case _:
            assert_never(times)


def following(times: Times, moment: dt.datetime) -> dt.datetime:
    """The first due time after `moment`; aware, UTC."""
    match times:
        case Daily(at):
            return _first_on_days(at, moment, every_days=1)
        case Weekly(weekday, at):
            return _first_on_days(at, moment, every_days=7, weekday=weekday)
        case Every(period):
            return latest(times, moment) + period
        case _:
            assert_never(times)


def _latest_on_days(at: dt.time, moment: dt.datetime, *, every_days: int, weekday: int | None = None) -> dt.datetime:
    day = _day_of(moment, weekday) + every_days * _DAY
    while (due := _at(day, at)) > moment:
        day -= every_days * _DAY
    return due


def _first_on_days(at: dt.time, moment: dt.datetime, *, every_days: int, weekday: int | None = None) -> dt.datetime:
    day = _day_of(moment, weekday) - every_days * _DAY
    while (due := _at(day, at)) <= moment:
        day += every_days * _DAY
    return due


def _day_of(moment: dt.datetime, weekday: int | None) -> dt.date:
    """The local date of the moment, or the last one before it on this weekday."""
    day = moment.astimezone(ZONE).date()
    return day if weekday is None else day - (day.weekday() - weekday) % 7 * _DAY


def _at(day: dt.date, at: dt.time) -> dt.datetime:
    """A local time as UTC. One that a change of the clocks skips is taken by the offset before the change."""
    return dt.datetime.combine(day, at, tzinfo=ZONE).astimezone(dt.UTC)

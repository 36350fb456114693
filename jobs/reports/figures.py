"""A week in figures, by município: what the weekly report says, and against which week it says it."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from jobs.statements import load
from techdengue.domain.epidemiological_week import EpidemiologicalWeek, week_of
from techdengue.domain.operation import CONSOLE_DEVICE_PREFIX, SERVER_DEVICE_PREFIX

from .wording import CUIABA

_ACTIVITIES = load("week_of_activities")
_EVIDENCE = load("week_of_evidence")
_EVENTS = load("week_of_events")
_DEVICES = load("week_of_devices")
_CONFLICTS = load("week_of_conflicts")


class EvidenceCount(msgspec.Struct, frozen=True, kw_only=True):
    """Of one type. `bytes` are those of the verified ones."""

    registered: int = 0
    verified: int = 0
    bytes: int = 0


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One week of one município.

    `activities` are those registered in the week, by type and the status that they have now; `concluded` those that
    ended in it, by type. `operations` are what came in, by outcome. `settled` are parked conflicts that people settled
    in the week, by choice; `open_conflicts` what was parked still at its end.
    """

    activities: dict[str, dict[str, int]] = {}
    concluded: dict[str, int] = {}
    evidence: dict[str, EvidenceCount] = {}
    operations: dict[str, int] = {}
    devices: int = 0
    people: int = 0
    parked: int = 0
    settled: dict[str, int] = {}
    open_conflicts: int = 0

    @property
    def registered(self) -> int:
        """Activities of every type and status."""
        return sum(sum(by_status.values()) for by_status in self.activities.values())


def span_of(week: EpidemiologicalWeek) -> tuple[dt.datetime, dt.datetime]:
    """From Sunday's midnight to the next one's in Cuiabá, as UTC; the end is not of the week any more."""
    first, after = week.first_day, week.last_day + dt.timedelta(days=1)
    return _midnight(first), _midnight(after)


def week_before(week: EpidemiologicalWeek) -> EpidemiologicalWeek:
    """The week that ended when this one began."""
    return week_of(week.first_day - dt.timedelta(days=1))


async def figures_of(
    connection: "asyncpg.Connection[Any]", week: EpidemiologicalWeek, municipios: Sequence[str] | None
) -> dict[str, Figures]:
    """The week's figures by município: of these, or of all in which anything was counted."""
    asked = (None if municipios is None else list(municipios), *span_of(week))
    found: dict[str, dict[str, Any]] = {municipio: {} for municipio in municipios or ()}
    for row in await connection.fetch(_ACTIVITIES, *asked):
        _add_activity(_of(found, row), row)
    for row in await connection.fetch(_EVIDENCE, *asked):
        counted = EvidenceCount(registered=row["registered"], verified=row["verified"], bytes=row["bytes"])
        _of(found, row).setdefault("evidence", {})[row["tipo"]] = counted
    for row in await connection.fetch(_EVENTS, *asked, SERVER_DEVICE_PREFIX):
        _of(found, row).setdefault("operations", {})[row["outcome"]] = row["events"]
    for row in await connection.fetch(_DEVICES, *asked, CONSOLE_DEVICE_PREFIX, SERVER_DEVICE_PREFIX):
        _of(found, row).update(devices=row["devices"], people=row["people"])
    for row in await connection.fetch(_CONFLICTS, *asked):
        settled = {choice: row[choice] for choice in ("client", "server", "merge", "custom") if row[choice]}
        _of(found, row).update(parked=row["opened"], settled=settled, open_conflicts=row["open_at_end"])
    return {municipio: Figures(**fields) for municipio, fields in sorted(found.items())}


def _of(found: dict[str, dict[str, Any]], row: Any) -> dict[str, Any]:
    return found.setdefault(row["municipio_cod_ibge"], {})


def _add_activity(fields: dict[str, Any], row: Any) -> None:
    if row["registered"]:
        fields.setdefault("activities", {}).setdefault(row["tipo"], {})[row["status"]] = row["registered"]
    if row["concluded"]:
        concluded = fields.setdefault("concluded", {})
        concluded[row["tipo"]] = concluded.get(row["tipo"], 0) + row["concluded"]


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), CUIABA).astimezone(dt.UTC)

"""The epidemiological week, as Brazil's Ministry of Health counts it.

Weeks begin on Sunday; week 1 is the first with at least four days in January (that is, the one of the year's first
Wednesday), so a week belongs to the year that its Wednesday is in. 2025 has 53.
"""

import datetime as dt

import msgspec

_WEEK = 7
_FROM_SUNDAY_TO_WEDNESDAY = 3


class EpidemiologicalWeek(msgspec.Struct, frozen=True, order=True):
    """A week of a year; the year is the week's own, not always that of each of its days."""

    year: int
    number: int

    @property
    def first_day(self) -> dt.date:
        """Its Sunday. Raises OverflowError before year 1."""
        return _week_one(self.year) + dt.timedelta(weeks=self.number - 1)

    @property
    def last_day(self) -> dt.date:
        """Its Saturday."""
        return self.first_day + dt.timedelta(days=_WEEK - 1)

    @property
    def code(self) -> str:
        """`202553`: how SINAN writes week 53 of 2025."""
        return f"{self.year:04}{self.number:02}"


def week_of(day: dt.date) -> EpidemiologicalWeek:
    """The week that a day is in. For a moment, give its date in the territory's time zone."""
    since_sunday = day.isoweekday() % _WEEK
    wednesday = day + dt.timedelta(days=_FROM_SUNDAY_TO_WEDNESDAY - since_sunday)
    return EpidemiologicalWeek(wednesday.year, (wednesday.timetuple().tm_yday - 1) // _WEEK + 1)


def weeks_in(year: int) -> int:
    """How many weeks a year has: 52 or 53."""
    return week_of(dt.date(year, 12, 28)).number


def _week_one(year: int) -> dt.date:
    fourth = dt.date(year, 1, 4)
    return fourth - dt.timedelta(days=fourth.isoweekday() % _WEEK)

"""The epidemiological week of Brazil's Ministry of Health, against its published calendars and its definition."""

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from techdengue.domain.epidemiological_week import EpidemiologicalWeek, week_of, weeks_in

DAYS = st.dates(min_value=dt.date(2, 1, 1), max_value=dt.date(9998, 12, 31))


@pytest.mark.parametrize(
    ("year", "first_day"),
    [
        (2014, "2013-12-29"),
        (2015, "2015-01-04"),
        (2016, "2016-01-03"),
        (2020, "2019-12-29"),
        (2021, "2021-01-03"),
        (2022, "2022-01-02"),
        (2023, "2023-01-01"),
        (2024, "2023-12-31"),
        (2025, "2024-12-29"),
        (2026, "2026-01-04"),
    ],
)
def test_week_1_begins_where_the_ministry_says(year: int, first_day: str) -> None:
    assert EpidemiologicalWeek(year, 1).first_day == dt.date.fromisoformat(first_day)
    assert week_of(dt.date.fromisoformat(first_day)) == EpidemiologicalWeek(year, 1)


def test_2025_has_53_weeks_and_so_have_2014_and_2020() -> None:
    assert [year for year in range(2010, 2030) if weeks_in(year) == 53] == [2014, 2020, 2025]


@pytest.mark.parametrize(
    ("day", "code"),
    [
        ("2026-01-01", "202553"),
        ("2026-01-03", "202553"),
        ("2026-01-04", "202601"),
        ("2016-01-01", "201552"),
        ("2021-01-02", "202053"),
        ("2022-01-01", "202152"),
        ("2024-12-31", "202501"),
        ("2024-12-28", "202452"),
    ],
)
def test_days_around_new_year_belong_to_the_year_of_their_week(day: str, code: object) -> None:
    """Years whose 1 January falls on Thursday, Friday or Saturday begin in the last week of the year before."""
    assert week_of(dt.date.fromisoformat(day)).code == code


@given(DAYS)
@example(dt.date(2025, 12, 31))
@example(dt.date(2026, 1, 1))
def test_a_week_is_seven_days_from_sunday_and_holds_its_day(day: dt.date) -> None:
    week = week_of(day)
    assert week.first_day <= day <= week.last_day
    assert week.first_day.isoweekday() == 7
    assert week.last_day - week.first_day == dt.timedelta(days=6)
    assert 1 <= week.number <= weeks_in(week.year)


@given(DAYS)
def test_week_1_is_the_first_with_four_days_in_january(day: dt.date) -> None:
    week = week_of(day)
    january = [
        week.first_day + dt.timedelta(days=offset)
        for offset in range(7)
        if (week.first_day + dt.timedelta(days=offset)).month == 1
    ]
    assert (week.number == 1) == (len(january) >= 4 and january[0].day <= 4)


@given(DAYS)
def test_weeks_follow_one_another_without_gaps(day: dt.date) -> None:
    this, following = week_of(day), week_of(day + dt.timedelta(days=7))
    assert this < following
    assert following.number == (1 if this.number == weeks_in(this.year) else this.number + 1)


def test_the_ends_of_the_calendar_have_weeks_too() -> None:
    assert week_of(dt.date.min) == EpidemiologicalWeek(1, 1)
    assert week_of(dt.date.max) == EpidemiologicalWeek(9999, 52)

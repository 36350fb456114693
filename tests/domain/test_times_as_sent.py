"""Times are RFC 3339 with an offset, counted in whole microseconds."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from techdengue.domain.errors import InvalidOperation
from techdengue.domain.rfc3339 import in_utc, read_time
from techdengue.domain.times import from_micros, to_micros, to_rfc3339

NOON = 1705320000000000


def utc(text: str) -> str:
    return in_utc(text, read_time(text, "/t"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-15T14:30:00Z", "2024-01-15T14:30:00.000000Z"),
        ("2024-01-15t14:30:00z", "2024-01-15T14:30:00.000000Z"),
        ("2024-01-15T14:30:00+00:00", "2024-01-15T14:30:00.000000Z"),
        ("2024-01-15T14:30:00-00:00", "2024-01-15T14:30:00.000000Z"),
        ("2024-01-15T10:30:00.5-04:00", "2024-01-15T14:30:00.500000Z"),
        ("2024-01-16T00:15:00+23:59", "2024-01-15T00:16:00.000000Z"),
        ("2024-01-15T14:30:00.1Z", "2024-01-15T14:30:00.100000Z"),
        ("2024-01-15T14:30:00.123456789Z", "2024-01-15T14:30:00.123456Z"),
        ("2024-01-15T14:30:00.999999999-04:00", "2024-01-15T18:30:00.999999Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ("2016-12-31T19:59:60.25-04:00", "2017-01-01T00:00:00.250000Z"),
    ],
)
def test_a_time_is_answered_in_utc_with_microseconds(text: str, expected: object) -> None:
    assert utc(text) == expected == to_rfc3339(read_time(text, "/t"))


@pytest.mark.parametrize("text", ["2024-01-15T14:30:00", "2024-01-15 14:30:00", "2024-01-15", "2024-01-15T14:30"])
def test_a_time_without_an_offset_is_told_so(text: str) -> None:
    with pytest.raises(InvalidOperation, match="offset") as caught:
        read_time(text, "/client_timestamp")
    assert caught.value.path == "/client_timestamp"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "agora",
        "2024-01-15 14:30:00Z",
        "2024-1-15T14:30:00Z",
        "20240115T143000Z",
        "2024-W03-1T14:30:00Z",
        "2024-01-15T14:30Z",
        "2024-01-15T14:30:00,5Z",
        "2024-01-15T14:30:00.Z",
        "2024-01-15T14:30:00+04",
        "2024-01-15T14:30:00+0400",
        "2024-01-15T14:30:00+24:00",
        "2024-01-15T14:30:00 Z",
        "2024-01-15T14:30:00Z\n",
        "2024-01-15T24:00:00Z",
        "2024-01-15T14:60:00Z",
        "2024-01-15T14:30:61Z",
        "2024-01-15T14:30:60Z",
        "2023-12-30T23:59:60Z",
        "9999-12-31T23:59:60Z",
        "2023-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "٢٠٢٤-01-15T14:30:00Z",
        "2024-01-15T14:30:00." + "1" * 1_000_000 + "Z",
        "\ud800",
        NOON,
        None,
        True,
        [],
        {},
    ],
    ids=lambda value: str(value)[:30].encode("ascii", "backslashreplace").decode(),
)
def test_anything_else_is_no_time(value: object) -> None:
    with pytest.raises(InvalidOperation) as caught:
        read_time(value, "/t")
    assert caught.value.path == "/t"
    assert len(caught.value.message.encode()) < 300


@given(
    st.datetimes(min_value=dt.datetime(2, 1, 1), max_value=dt.datetime(9998, 12, 31)),  # noqa: DTZ001 - zones come below
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_every_time_in_every_zone_is_read_exactly(naive: dt.datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))
    micros = read_time(moment.isoformat(), "/t")
    assert micros == to_micros(moment)
    assert from_micros(micros) == moment
    assert in_utc(moment.isoformat(), micros) == to_rfc3339(micros)
    assert utc(to_rfc3339(micros)) == to_rfc3339(micros)

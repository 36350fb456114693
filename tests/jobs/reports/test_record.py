"""The canonical record: the same five values are the same bytes, whoever writes them."""

import datetime as dt
import json

from hypothesis import given
from hypothesis import strategies as st

from jobs.reports.record import EvidenceRecord, canonical, in_order

records = st.builds(
    EvidenceRecord,
    id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64),
    hash=st.binary(min_size=32, max_size=32).map(bytes.hex),
    size=st.integers(1, 2**53 - 1),
    type=st.sampled_from(["FOTO", "VIDEO", "DOCUMENTO", "AUDIO", None]),
    captured_at=st.none() | st.datetimes(timezones=st.just(dt.UTC)),
)


def test_the_record_is_one_line_of_json_with_sorted_members() -> None:
    record = EvidenceRecord(
        id="foto-1",
        hash="ab" * 32,
        size=3_145_728,
        type="FOTO",
        captured_at=dt.datetime(2026, 11, 28, 10, 30, tzinfo=dt.timezone(dt.timedelta(hours=-4))),
    )
    assert canonical(record).decode() == (
        f'{{"captured_at":"2026-11-28T14:30:00.000000Z","hash":"{"ab" * 32}",'
        '"id":"foto-1","size":3145728,"type":"FOTO"}'
    )


def test_what_is_not_known_is_null_and_letters_stay_letters() -> None:
    record = EvidenceRecord(id='ção "1"\n\x01/', hash="00" * 32, size=1, type=None, captured_at=None)
    assert (
        canonical(record)
        == (
            '{"captured_at":null,"hash":"' + "00" * 32 + '","id":"ção \\"1\\"\\n\\u0001/","size":1,"type":null}'
        ).encode()
    )


@given(first=records, second=records)
def test_two_records_have_the_same_bytes_just_where_they_are_equal(
    first: EvidenceRecord, second: EvidenceRecord
) -> None:
    assert (canonical(first) == canonical(second)) == (first == second)
    assert json.loads(canonical(first))["id"] == first.id


def test_the_order_is_that_of_the_ids_bytes() -> None:
    ids = ["b", "a", "10", "9", "ç", "Z", "\U0001f98a", "\uffff"]
    records = [EvidenceRecord(id=each, hash="", size=1, type=None, captured_at=None) for each in ids]
    assert [record.id for record in in_order(records)] == ["10", "9", "Z", "a", "b", "ç", "\uffff", "\U0001f98a"]

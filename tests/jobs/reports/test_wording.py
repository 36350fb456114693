"""How reports write numbers, sizes, times and what people wrote, in Portuguese."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.reports import wording
from techdengue.domain.atividade import ATIVIDADE
from techdengue.domain.evidencia import LARGEST_BYTES


@pytest.mark.parametrize(
    ("value", "decimals", "told"), [(0, 0, "0"), (1234.5, 1, "1.234,5"), (-12, 0, "-12"), (1_000_000, 0, "1.000.000")]
)
def test_numbers_have_a_comma_for_their_fraction(value: float, decimals: int, told: str) -> None:
    assert wording.number(value, decimals) == told


@pytest.mark.parametrize(
    ("count", "told"), [(1, "1 bytes"), (1023, "1.023 bytes"), (3_250_586, "3,1 MiB"), (2**40, "1.024,0 GiB")]
)
def test_sizes_are_told_in_units_of_1024(count: int, told: str) -> None:
    assert wording.size(count) == told


@pytest.mark.parametrize(
    ("metres", "told"), [(0, "0 m"), (999.4, "999 m"), (1000, "1 km"), (1250, "1,2 km"), (12_345, "12 km")]
)
def test_distances_are_told_as_far_as_they_matter(metres: float, told: str) -> None:
    assert wording.distance(metres) == told


def test_times_are_those_of_cuiaba_which_has_no_summer_time() -> None:
    for month, hour in ((1, 10), (7, 10)):
        moment = dt.datetime(2026, month, 15, 14, 30, tzinfo=dt.UTC)
        assert wording.local_time(moment) == f"15/{month:02}/2026 {hour}:30:00"
    assert wording.local_time(dt.datetime(2026, 11, 28, 3, 59, 59, tzinfo=dt.UTC)) == "27/11/2026 23:59:59"
    assert wording.local_time(None) == "não informado"


def test_every_value_of_the_wire_has_a_word() -> None:
    for name, words in (
        ("tipo", wording.TIPO_ATIVIDADE),
        ("status", wording.STATUS_ATIVIDADE),
        ("origem", wording.ORIGEM),
    ):
        check = ATIVIDADE.fields[name].check
        for value in words:
            check(value, f"/{name}")  # raises for a value that the wire does not have
    assert set(wording.TIPO_EVIDENCIA) == set(LARGEST_BYTES)
    assert wording.word_for(wording.ORIGEM, "NOVO") == "NOVO"


@given(text=st.text(max_size=200), most=st.integers(1, 100))
def test_nothing_is_dropped_in_silence_and_nothing_is_longer_than_allowed(text: str, most: int) -> None:
    shown = wording.printable(text, most)
    assert all(wording._is_shown(char) for char in shown)
    assert shown.endswith("…") or len(text) <= most


def test_strange_signs_are_told_by_number_and_lines_are_joined() -> None:
    assert wording.printable("a\n\tb 🦟\u202e") == "a b [U+1F99F][U+202E]"
    assert wording.printable("ac\u0327a\u0303o") == "ação"


@given(text=st.text(max_size=300))
def test_a_long_word_can_be_broken_and_stays_the_same_word(text: str) -> None:
    broken = wording.breakable(text)
    assert broken.replace("\u200b", "") == wording.printable(text)
    assert all(len(part) <= 18 for word in broken.split(" ") for part in word.split("\u200b"))


def test_details_are_the_plain_values_and_not_too_many() -> None:
    noted = {
        "quadra": "B-7",
        "larvas": True,
        "altura": 1.5,
        "depositos": {"A2": 3, "list": [1]},
        "lista": [1],
        "": None,
    }
    assert wording.details(noted) == [("quadra", "B-7"), ("larvas", "sim"), ("altura", "1,50"), ("depositos · A2", "3")]
    assert len(wording.details({str(n): n for n in range(100)})) == 24

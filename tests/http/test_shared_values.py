"""What the numbers that processes count together promise; processes are columns here, of one memory."""

import pytest

from techdengue.shared_values import PLACES, Board, Column, Key, encode


def key(sample: str, *labels: str, gauge: bool = False) -> bytes:
    """An encoded key."""
    return encode(Key(metric="m", sample=sample, labels=labels, gauge=gauge))


def count(column: Column, raw: bytes, amount: float) -> None:
    """Add to a column's number."""
    place = column.place(raw)
    assert place is not None
    column.numbers[place] += amount


def test_a_number_is_the_sum_of_what_each_process_counted() -> None:
    board = Board(3)
    for column, amount in zip(board.columns, (1.0, 20.0, 300.0), strict=True):
        count(column, key("m_total"), amount)
    count(board.columns[1], key("m_total", "other"), 5.0)
    assert board.total(key("m_total")) == 321
    assert board.total(key("m_total", "other")) == 5
    assert board.total(key("m_total", "never")) == 0


def test_a_reader_sees_keys_that_were_added_since_it_last_looked() -> None:
    board = Board(1)
    count(board.columns[0], key("a"), 1.0)
    assert {found.sample for found in board.counted()} == {"a"}
    count(board.columns[0], key("b"), 2.0)
    assert {found.sample for found in board.counted()} == {"a", "b"}
    assert board.total(key("b")) == 2


def test_the_next_process_counts_on_where_the_last_one_stopped() -> None:
    column = Board(1).columns[0]
    column.settle(100)
    count(column, key("m_total"), 7.0)
    column.settle(200)
    count(column, key("m_total"), 1.0)
    assert (column.pid, column.read(key("m_total"))) == (200, 8)


def test_what_a_process_was_doing_ends_with_it() -> None:
    column = Board(1).columns[0]
    column.settle(100)
    count(column, key("in_flight", gauge=True), 3.0)
    count(column, key("m_total"), 7.0)
    column.settle(0)
    assert (column.pid, column.read(key("in_flight", gauge=True)), column.read(key("m_total"))) == (0, 0, 7)


@pytest.mark.parametrize("label", ["x", "x" * 1000])
def test_a_full_column_refuses_keys_and_keeps_those_it_has(label: str) -> None:
    column = Board(1).columns[0]
    numbers = 0
    while column.place(key("m_total", label, str(numbers))) is not None:
        numbers += 1
    assert 1000 < numbers <= PLACES
    count(column, key("m_total", label, "0"), 1.0)
    assert column.read(key("m_total", label, "0")) == 1
    assert len(column.known()) == numbers

"""A commit that nobody told of leaves a gap, and a gap is what the look at the tail finds."""

import itertools

from techdengue.feed.heard import Heard


def test_commits_may_be_heard_of_in_any_order() -> None:
    commits = [(1, 3), (4, 4), (5, 9), (10, 12)]
    for order in itertools.permutations(commits):
        heard = Heard()
        for first, last in order:
            heard.add(first, last)
        assert heard.through == 12


def test_nothing_counts_beyond_a_gap_until_it_is_closed() -> None:
    heard = Heard()
    heard.add(1, 5)
    heard.add(8, 9)
    assert heard.through == 5
    heard.catch_up(7)
    assert heard.through == 9


def test_what_was_heard_beyond_the_tail_still_counts() -> None:
    heard = Heard()
    heard.catch_up(100)
    heard.add(104, 110)
    heard.add(101, 103)
    assert heard.through == 110


def test_what_is_remembered_beyond_a_gap_is_bounded() -> None:
    heard = Heard()
    for position in range(2, 20_000, 2):
        heard.add(position, position)
    assert heard.through == 0
    assert len(heard._ahead) <= 1024
    heard.catch_up(20_000)
    heard.add(20_001, 20_001)
    assert heard.through == 20_001


def test_what_was_heard_before_an_older_backup_was_restored_counts_no_more() -> None:
    heard = Heard()
    heard.add(1, 10)
    heard.add(12, 20)
    heard.catch_up(5)
    heard.add(6, 11)
    assert heard.through == 11

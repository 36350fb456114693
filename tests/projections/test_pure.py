"""Names, cursors, diffs: what needs no database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.cursor import Scope, decode_cursor, encode_cursor
from projections.diff import difference
from projections.errors import CursorFromElsewhere
from projections.naming import shown_id, split_stream
from techdengue.domain.validation import stream_name

SCOPE = Scope("changes", "log", frozenset({"5103403"}), ("atividade", None))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("123", 123),
        ("0", 0),
        ("-5", -5),
        ("0123", "0123"),
        ("-0", "-0"),
        ("+1", "+1"),
        ("1.0", "1.0"),
        ("", ""),
        ("9223372036854775807", 9223372036854775807),
        ("9223372036854775808", "9223372036854775808"),
        ("١٢٣", "١٢٣"),
    ],
)
def test_an_id_is_shown_as_an_integer_where_its_text_is_a_canonical_one(text: str, shown: object) -> None:
    assert shown_id(text) == shown
    assert type(shown_id(text)) is type(shown)


@given(st.text(max_size=64))
def test_a_streams_name_gives_back_its_parts(entity_id: str) -> None:
    assert split_stream(stream_name("atividade", entity_id)) == ("atividade", entity_id)


NAMES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@given(st.integers(0, 2**53), NAMES, NAMES)
def test_a_cursor_gives_back_its_place(position: int, tenant: str, stream: str) -> None:
    cursor = encode_cursor(SCOPE, position, tenant, stream)
    assert decode_cursor(SCOPE, cursor, (int,), (int, str, str)) == (position, tenant, stream)


@given(st.text(max_size=60))
def test_no_other_text_is_a_cursor(text: str) -> None:
    with pytest.raises(CursorFromElsewhere):
        decode_cursor(SCOPE, text, (int,), (int, str, str))


@pytest.mark.parametrize(
    "other",
    [
        Scope("events", "log", frozenset({"5103403"}), ("atividade", None)),
        Scope("changes", "other", frozenset({"5103403"}), ("atividade", None)),
        Scope("changes", "log", frozenset({"*"}), ("atividade", None)),
        Scope("changes", "log", frozenset({"5103403"}), (None, "atividade")),
    ],
)
def test_a_cursor_belongs_to_its_scope(other: Scope) -> None:
    with pytest.raises(CursorFromElsewhere):
        decode_cursor(other, encode_cursor(SCOPE, 1), (int,))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, None, []),
        (None, {}, [("", None, {})]),
        ({}, {"a": 1}, [("", {}, None), ("/a", None, 1)]),
        ({"a": 1}, {"a": True}, [("/a", 1, True)]),
        ({"a": 1}, {"a": 1.0}, [("/a", 1, 1.0)]),
        ({"a": {"b": 1}}, {"a": [1]}, [("/a", None, [1]), ("/a/b", 1, None)]),
        ({"a": {"y": 1, "x": 2}}, {"a": {"x": 2, "y": 1}}, []),
        ({"a/b": {"~": 1}}, {}, [("", None, {}), ("/a~1b/~0", 1, None)]),
        ({"a": [{"x": 1, "y": 2}]}, {"a": [{"y": 2, "x": 1}]}, []),
    ],
)
def test_a_difference_names_the_leaves(before: object, after: object, expected: object) -> None:
    changes = difference(before, after)  # type: ignore[arg-type]  # documents
    assert [(change.path, change.before, change.after) for change in changes] == expected

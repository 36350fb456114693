"""Lines of a stream, cut from pieces of any size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from techdengue.http.lines import Splitter


def cut(pieces: list[bytes]) -> list[bytes | None]:
    """The lines of these pieces."""
    splitter = Splitter()
    return [line for piece in pieces for line in splitter.feed(piece)] + list(splitter.finish())


@given(st.lists(st.text("\n\n\n \r\tab", max_size=30).map(str.encode)))
def test_every_line_that_is_not_blank_comes_as_it_was_sent(pieces: list[bytes]) -> None:
    assert cut(pieces) == [line for line in b"".join(pieces).split(b"\n") if line.strip()]


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" \n\t\n"])
def test_blank_lines_cost_no_look_at_each(blank: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    finish = Splitter.finish

    def look(self: Splitter) -> object:
        nonlocal looks
        looks += 1
        return finish(self)

    monkeypatch.setattr(Splitter, "finish", look)
    assert cut([b"a\n" + blank * 100_000 + b"b"] * 2) == [b"a", b"ba", b"b"]
    assert looks <= 10

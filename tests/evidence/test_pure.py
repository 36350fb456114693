"""What needs no server: how a file is cut, and what its first bytes show."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from techdengue.domain.evidencia import CONTENT_TYPES, LARGEST_BYTES
from techdengue.evidence.parts import PART_BYTES, is_multipart, parts_of
from techdengue.evidence.sniffing import UNKNOWN, agrees, sniff

from .making import MADE, picture

_MAY_ALSO_BE = {("audio/mp4", "video/mp4")}
"""A sound that a phone recorded into an MP4 file does not say so in its first bytes."""


@given(st.integers(1, max(LARGEST_BYTES.values())))
def test_parts_are_the_file_without_a_gap_and_all_but_the_last_are_as_s3_wants_them(size: int) -> None:
    parts = parts_of(size)
    assert [number for number, _, _ in parts] == list(range(1, len(parts) + 1))
    assert [offset for _, offset, _ in parts] == list(itertools.accumulate((size for _, _, size in parts), initial=0))[
        :-1
    ]
    assert sum(each for _, _, each in parts) == size
    assert all(each == PART_BYTES for _, _, each in parts[:-1])
    assert is_multipart(size) == (len(parts) > 1)
    assert len(parts) <= 10


def test_every_type_of_an_evidencia_is_made_here() -> None:
    assert set(MADE) == set(CONTENT_TYPES)


@pytest.mark.parametrize("made", CONTENT_TYPES)
@pytest.mark.parametrize("declared", CONTENT_TYPES)
def test_a_file_agrees_with_its_own_type_and_with_no_other(declared: str, made: str) -> None:
    assert agrees(declared, sniff(MADE[made])) == (declared == made or (declared, made) in _MAY_ALSO_BE)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<html><script>alert(1)</script></html>",
        b"PK\x03\x04" + bytes(200),
        b"\x7fELF" + bytes(200),
        b"\xff\xd8",
        picture(kind="GIF"),
        picture(kind="TIFF"),
        b"%!PS-Adobe",
    ],
    ids=["nothing", "text", "a page", "an archive", "a program", "half a head", "a GIF", "a TIFF", "PostScript"],
)
def test_what_is_no_evidence_agrees_with_no_type(body: bytes) -> None:
    sniffed = sniff(body)
    assert sniffed == UNKNOWN or sniffed not in CONTENT_TYPES
    assert not any(agrees(declared, sniffed) for declared in CONTENT_TYPES)

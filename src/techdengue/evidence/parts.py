"""How a file is cut for its upload. Pure."""

from typing import Final

PART_BYTES: Final = 5 * 1024 * 1024
"""The least that S3 takes for a part that is not the last; files up to it are sent whole."""


def is_multipart(size: int) -> bool:
    """Whether a file of so many bytes is sent in parts."""
    return size > PART_BYTES


def parts_of(size: int) -> tuple[tuple[int, int, int], ...]:
    """(number, offset, size) of every part of a file, numbers from 1: at most ten for 50 MiB."""
    return tuple(
        (number, offset, min(PART_BYTES, size - offset)) for number, offset in enumerate(range(0, size, PART_BYTES), 1)
    )

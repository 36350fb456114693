"""What is known of an object and of the parts of one that is on its way."""

import datetime as dt
from collections.abc import Iterable

import msgspec


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often a call is tried, and the bounds of the waits between: exponential, full jitter. Seconds."""

    attempts: int
    first: float
    longest: float

    def bound(self, failed: int) -> float:
        """The longest wait after so many failed attempts, from 1."""
        return min(self.longest, self.first * 2.0 ** min(failed - 1, 16))


class ObjectHead(msgspec.Struct, frozen=True, kw_only=True):
    """An object without its bytes."""

    size: int
    etag: str
    content_type: str
    sha256: bytes | None
    """Of all of it, checked by the store when it came; None where the store does not say."""
    modified_at: dt.datetime


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a multipart upload that is in the store. Numbers count from 1."""

    number: int
    size: int
    etag: str
    modified_at: dt.datetime | None = None


def newest_parts(listed: Iterable[Part]) -> tuple[Part, ...]:
    """One part for each number, in order. SeaweedFS lists a part that was sent again twice: the newer one counts.

    It tells time by the second: of two with other bytes within one second either may be taken.
    """
    newest: dict[int, Part] = {}
    for part in listed:
        held = newest.get(part.number)
        if held is None or held.modified_at is None or (part.modified_at and part.modified_at >= held.modified_at):
            newest[part.number] = part
    return tuple(newest[number] for number in sorted(newest))

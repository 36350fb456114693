"""Told what a device does on the network, as it happens."""

from collections.abc import Sequence

from . import wire
from .errors import Unreachable
from .model import QueuedFile


class Observer:
    """Does nothing; override what you want to see. Every call comes after the device has stored what it tells of."""

    def answered(self, answer: wire.SyncAnswer, waited: Sequence[float]) -> None:
        """The server answered operations; for each the seconds since it was sent."""

    def changed(self, page: wire.ChangesPage) -> None:
        """The server told what others changed."""

    def file_progress(self, file: QueuedFile, sent: int) -> None:
        """So many bytes of the file are in the object store."""

    def file_verified(self, file: QueuedFile) -> None:
        """The server has verified the file; it waits no more."""

    def file_refused(self, file: QueuedFile, code: str) -> None:
        """The server will not take the file."""

    def failed(self, error: Unreachable) -> None:
        """The server was out of reach, or had no time; the device will try again."""

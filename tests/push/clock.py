"""A clock that a test moves."""

import datetime as dt


class Clock:
    """The time, which a test moves."""

    def __init__(self) -> None:
        self.moment = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        """The time now."""
        return self.moment

    def forward(self, **time: float) -> None:
        """Some time goes by."""
        self.moment += dt.timedelta(**time)

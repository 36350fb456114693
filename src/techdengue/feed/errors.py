"""What the feed refuses.

FeedError
└── Stopping    the server ends before the read was made
"""


class FeedError(Exception):
    """Anything that the feed raises by itself."""


class Stopping(FeedError):
    """The server is stopping; ask another one, or this one again later."""

"""Who waits for changes, and how they hear of them: tickets, waits, shared reads, wake-ups between processes."""

from .errors import FeedError as FeedError
from .errors import Stopping as Stopping
from .feed import Feed as Feed

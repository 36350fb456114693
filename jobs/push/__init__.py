"""Messages to devices over Firebase Cloud Messaging (docs/push.md)."""

from .errors import CredentialsUnusable, PushError
from .pusher import Pusher, open_pusher

__all__ = ["CredentialsUnusable", "PushError", "Pusher", "open_pusher"]

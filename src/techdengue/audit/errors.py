"""What can go wrong with the audit trail.

AuditError
├── AuditUnavailable   an entry could not be written: what it is about must not be answered
├── CollectorLost      the syslog collector cannot be reached, does not read, or has closed the connection
└── AuditGap           the trail has a hole, which it never has: something outside of it removed entries
"""


class AuditError(Exception):
    """Anything of the audit trail."""


class AuditUnavailable(AuditError):
    """The entry could not be written."""


class CollectorLost(AuditError):
    """The collector is away; `reason` is the kind of failure."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the collector is away: {reason}")
        self.reason = reason


class AuditGap(AuditError):
    """An entry is missing between two others; `after` is the last one before the hole."""

    def __init__(self, after: int) -> None:
        super().__init__(f"the entry after {after} is missing")
        self.after = after

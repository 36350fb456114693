"""What can go wrong on a device. Nothing here loses an operation: what was not acknowledged stays in the queue.

ClientError
├── UnsendableData      a value that JSON cannot carry was given to create, update or edit
├── UnknownOperation    no refused operation has this key
├── AmbiguousEntity     the same id is known in several municípios: say which
├── WrongDevice         the file belongs to another device, or to a newer program
└── LinkError           the server did not take a request
    ├── Unreachable     no usable answer, or 429/5xx: try the same keys again, after `retry_after` where given
    │   └── TokenExpired    while a stream was open: open it again, with a fresh token
    ├── Unauthorized    401, also with a fresh token
    ├── Forbidden       403: another user's device, or a role that may not
    ├── TooLarge        413: send fewer operations at once
    ├── Unacceptable    400 or 422: something in the request is not of the right shape
    └── UnexpectedAnswer  any other status: most likely a wrong address
"""


class ClientError(Exception):
    """Any error of the client's own."""


class UnsendableData(ClientError):
    """The data holds something that JSON cannot carry (NaN, infinity, a lone surrogate, a foreign object)."""


class UnknownOperation(ClientError):
    """No refused operation of this device has this key."""

    def __init__(self, *, key: str) -> None:
        super().__init__(f"no refused operation has the key {key!r}")
        self.key = key


class AmbiguousEntity(ClientError):
    """The same type and id are known in several municípios: name one."""

    def __init__(self, *, municipios: tuple[str, ...]) -> None:
        super().__init__(f"this entity is known in several municípios ({', '.join(municipios)}): name one")
        self.municipios = municipios


class WrongDevice(ClientError):
    """The file is another device's, or was written by a newer program."""


class LinkError(ClientError):
    """The server did not take a request; the operations stay queued."""


class Unreachable(LinkError):
    """No usable answer (no connection, a time-out, 429, 5xx, a captive portal). The same keys may be sent again."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        """Seconds that the server asked for."""


class TokenExpired(Unreachable):
    """The token ended while a stream was open."""


class Unauthorized(LinkError):
    """401, and a newly asked token did not help. `code` is the problem's, where it has one."""

    def __init__(self, reason: str, *, code: str | None = None) -> None:
        super().__init__(reason)
        self.code = code


class Forbidden(LinkError):
    """403: this user may not do that, or (`code` device_taken) not on this device."""

    def __init__(self, reason: str, *, code: str | None = None) -> None:
        super().__init__(reason)
        self.code = code


class TooLarge(LinkError):
    """413: more operations or bytes than the server takes at once."""


class Unacceptable(LinkError):
    """400 or 422: something in the request is not of the right shape. `code` is the problem's, where it has one."""

    def __init__(self, reason: str, *, code: str | None = None) -> None:
        super().__init__(reason)
        self.code = code


class UnexpectedAnswer(LinkError):
    """A status that no sync server gives here: the address is most likely wrong."""

    def __init__(self, reason: str, *, status: int) -> None:
        super().__init__(reason)
        self.status = status

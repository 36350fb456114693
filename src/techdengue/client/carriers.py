"""Which channel a carrier is."""

from typing import assert_never

from .channel import Carrier, Open
from .clock import Clock
from .link import Link
from .request_channel import open_requests
from .socket_channel import open_socket
from .stream_channel import open_stream


def opener(carrier: Carrier, link: Link, clock: Clock) -> Open:
    """What opens a channel of this carrier."""
    match carrier:
        case Carrier.HTTP:
            return lambda listen: open_requests(link, clock, listen)
        case Carrier.STREAM:
            return lambda listen: open_stream(link, clock, listen)
        case Carrier.WS:
            return lambda listen: open_socket(link, clock, listen)
        case _:
            assert_never(carrier)

"""Finding TCP ports on the loopback address."""

import errno
import socket

from techdengue.dev.errors import DevError

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def free_ports(count: int) -> list[int]:
    """Distinct loopback ports that the system says are free; they are held together, so none comes twice."""
    probes = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def free_port_from(preferred: int, *, avoid: frozenset[int] = frozenset(), tries: int = 200) -> int:
    """The first free port at or above the preferred one: a taken port is stepped around.

    Raises DevError when there is none among the next `tries`.
    """
    last = min(preferred + tries, 65_535)
    for port in range(preferred, last + 1):
        if port not in avoid and is_free(port):
            return port
    raise DevError(f"no free port between {preferred} and {last}")

"""Finding TCP ports on the loopback address."""

import errno
import secrets
import socket

from techdengue.dev.errors import DevError

LOOPBACK = "127.0.0.1"
_PORTS = range(10_240, 32_768)
"""Linux gives 32,768 and above to outgoing connections, macOS 49,152 and above."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return _bind(probe, port)


def free_ports(count: int) -> list[int]:
    """Distinct loopback ports that are free; they are held together, so none comes twice.

    They are below those that systems give to outgoing connections, which could take one before a server has it.
    """
    probes: list[socket.socket] = []
    try:
        while len(probes) < count:
            probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            probes.append(probe)
            if not _bind(probe, _PORTS[secrets.randbelow(len(_PORTS))]):
                probes.pop().close()
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


def _bind(probe: socket.socket, port: int) -> bool:
    try:
        probe.bind((LOOPBACK, port))
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            return False
        raise
    return True

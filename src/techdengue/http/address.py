"""Where a request came from: the connection's address, or what proxies that are trusted say of it."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Final

from techdengue.settings import SettingsError

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_FORWARDED: Final = b"x-forwarded-for"
_MOST_HOPS: Final = 32


class Proxies:
    """The proxies whose X-Forwarded-For is believed. Raises SettingsError for what names no address or network."""

    def __init__(self, trusted: str) -> None:
        try:
            self._trusted: tuple[_Network, ...] = tuple(
                ipaddress.ip_network(named.strip()) for named in trusted.split(",") if named.strip()
            )
        except ValueError as error:
            raise SettingsError(f"TECHDENGUE_TRUSTED_PROXIES cannot be used: {error}") from error

    def client(self, scope: Mapping[str, Any]) -> str | None:
        """The address that the request came from; None where there is none (a Unix socket).

        Hops are read from the last one backwards for as long as whoever added them is trusted: what a client wrote
        there by itself is before them.
        """
        peer = scope.get("client")
        if peer is None:
            return None
        if not self._trusted:
            return _plain(peer[0])
        nearest = _read(peer[0])
        for hop in reversed(_hops(scope["headers"])):
            if nearest is None or not self._trusts(nearest):
                break
            further = _read(hop)
            if further is None:
                break
            nearest = further
        return None if nearest is None else str(nearest)

    def _trusts(self, address: _Address) -> bool:
        return any(address.version == network.version and address in network for network in self._trusted)


def _hops(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """What every header of the name holds, in order."""
    named = (value.decode("latin-1") for name, value in headers if name == _FORWARDED)
    return [hop for value in named for hop in value.split(",")][-_MOST_HOPS:]


def _read(text: str) -> _Address | None:
    """An address as proxies write it, with or without a port; an IPv4 one in IPv6 is that one."""
    text = text.strip().removeprefix("[")
    host = text.partition("]")[0] if "]" in text else text
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _plain(host: str) -> str | None:
    """The peer's address as the server has it; the usual one needs no reading."""
    if host.replace(".", "").isdigit():
        return host
    address = _read(host)
    return None if address is None else str(address)

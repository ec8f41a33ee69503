"""Names of static addresses, for aiohttp: looked up without blocking anybody, and remembered.

aiohttp's own way goes through the event loop's `getaddrinfo`; uvloop does all of these in four
threads, so a few names whose servers hang would hold up every other one.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult

from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from proxy.upstream.lookup import Lookup

_MOST_REMEMBERED = 1_000


class Names(AbstractResolver):
    """Implements aiohttp's resolver. What cannot be looked up now is answered as it was known last."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._known: dict[str, list[str]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """All addresses of a name; raises OSError."""
        try:
            found = list(await self._lookup.addresses(host))
        except OSError as error:
            found = self._known.get(host, [])
            if not found:
                raise
            LOG.debug("a name is not found; its known addresses serve", extra={"err": str(error)})
        else:
            if len(self._known) < _MOST_REMEMBERED:
                self._known[host] = found
        wanted = [address for address in found if family in {socket.AF_UNSPEC, _family(address)}]
        return [_result(host, address, port) for address in wanted]

    async def close(self) -> None:
        """Nothing is held open."""


def _family(address: str) -> socket.AddressFamily:
    version = ipaddress.ip_address(address.partition("%")[0]).version
    return socket.AF_INET if version == 4 else socket.AF_INET6  # noqa: PLR2004  IP's own number


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=_family(address),
        proto=0,
        flags=int(socket.AI_NUMERICHOST),
    )

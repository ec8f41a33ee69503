"""Looks names up: addresses through the system (so that /etc/hosts counts), SRV records by DNS."""

from __future__ import annotations

import asyncio
import socket
from typing import NamedTuple

import dns.asyncresolver
import dns.exception
import dns.resolver

_MOST_ANSWERS = 200
_NOT_THERE = {socket.EAI_NONAME, socket.EAI_NODATA}


class NoSuchNameError(OSError):
    """The name is not there, or has no such records."""


class LookupFailedError(OSError):
    """Nobody could say."""


class Target(NamedTuple):
    """One SRV record."""

    host: str
    port: int


class Lookup:
    """Looks names up.

    timeout_s: for each name. nameservers, port: instead of the system's, for SRV records.
    """

    def __init__(
        self, timeout_s: float = 5.0, nameservers: tuple[str, ...] = (), port: int = 53
    ) -> None:
        self._timeout_s = timeout_s
        self._nameservers = nameservers
        self._port = port
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def addresses(self, host: str) -> list[str]:
        """All addresses of a name, sorted.

        Raises:
            NoSuchNameError, LookupFailedError
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            kind = NoSuchNameError if error.errno in _NOT_THERE else LookupFailedError
            raise kind(f"{host}: {error.strerror or error}") from error
        except (OSError, TimeoutError, UnicodeError) as error:
            raise LookupFailedError(f"{host}: {str(error) or 'no answer in time'}") from error
        return sorted({str(address[4][0]) for address in found})[:_MOST_ANSWERS]

    async def targets(self, name: str) -> list[Target]:
        """The targets of a name's SRV records, sorted; as in Thanos, weights do not count.

        Raises:
            NoSuchNameError, LookupFailedError
        """
        try:
            answer = await self._own_resolver().resolve(name, "SRV", lifetime=self._timeout_s)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer) as error:
            raise NoSuchNameError(f"{name}: {error}") from error
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise LookupFailedError(f"{name}: {error}") from error
        found = {Target(str(record.target).rstrip("."), int(record.port)) for record in answer}
        return sorted(found)[:_MOST_ANSWERS]

    def _own_resolver(self) -> dns.asyncresolver.Resolver:
        """Made when it is first needed: it reads the system's configuration."""
        if self._resolver is None:
            self._resolver = dns.asyncresolver.Resolver(configure=not self._nameservers)
            if self._nameservers:
                self._resolver.nameservers = list(self._nameservers)
                self._resolver.port = self._port
        return self._resolver

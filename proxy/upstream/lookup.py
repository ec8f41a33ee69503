"""Looks names up: addresses through the system (so that /etc/hosts counts), SRV records by DNS.

The system's lookup blocks, for half a minute when no name server answers, and nothing can stop it. So
it has threads of its own, a few at most and one for each name: the event loop's would soon all hang,
and with them every other lookup of this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
from typing import NamedTuple, TypeVar

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

from proxy.telemetry.log import LOG

T = TypeVar("T")
Found = list[str] | Exception

MOST_ANSWERS = 200
_MOST_THREADS = 32
_LONGEST_QUERY_S = 1.0
"""Then the next name server is asked."""
_NOT_THERE = {socket.EAI_NONAME, socket.EAI_NODATA}
_HOST = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)
"""What a URL can hold; a record can hold anything."""


class NoSuchNameError(OSError):
    """The name is not there, or has no such records."""


class LookupFailedError(OSError):
    """Nobody could say."""


class Target(NamedTuple):
    """One SRV record."""

    host: str
    port: int


class Cut:
    """Cuts what is too long, and says so once."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def cut(self, name: str, found: list[T]) -> list[T]:
        if len(found) <= MOST_ANSWERS:
            self._said.discard(name)
            return found
        if name not in self._said:
            self._said.add(name)
            extra = {"host": name, "found": len(found), "used": MOST_ANSWERS}
            LOG.warning("a name has too many addresses; the first ones are used", extra=extra)
        return found[:MOST_ANSWERS]


class Lookup:
    """Looks names up.

    timeout_s: for each name. nameservers, port, search: instead of the system's, for SRV records.
    """

    def __init__(
        self,
        timeout_s: float = 5.0,
        nameservers: tuple[str, ...] = (),
        port: int = 53,
        search: tuple[str, ...] = (),
    ) -> None:
        self._timeout_s = timeout_s
        self._nameservers = nameservers
        self._port = port
        self._search = search
        self._resolver: dns.asyncresolver.Resolver | None = None
        self._under_way: dict[str, asyncio.Future[Found]] = {}
        self._cut = Cut()

    async def addresses(self, host: str) -> list[str]:
        """All addresses of a name, sorted.

        Raises:
            NoSuchNameError, LookupFailedError
        """
        asked = self._under_way.get(host) or self._ask_system(host)
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await asyncio.shield(asked)
        except TimeoutError as error:
            raise LookupFailedError(f"{host}: no answer in time") from error
        if isinstance(found, socket.gaierror):
            kind = NoSuchNameError if found.errno in _NOT_THERE else LookupFailedError
            raise kind(f"{host}: {found.strerror or found}") from found
        if isinstance(found, Exception):
            raise LookupFailedError(f"{host}: {found}") from found
        return self._cut.cut(host, found)

    async def targets(self, name: str) -> list[Target]:
        """The targets of a name's SRV records, sorted; as in Thanos, weights do not count.

        Raises:
            NoSuchNameError, LookupFailedError
        """
        try:
            resolver = self._own_resolver()
            answer = await resolver.resolve(name, "SRV", lifetime=self._timeout_s, search=True)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer) as error:
            raise NoSuchNameError(f"{name}: {error}") from error
        except (dns.exception.DNSException, OSError, ValueError) as error:
            self._resolver = None  # the system may have other name servers by now
            raise LookupFailedError(f"{name}: {error}") from error
        records = {Target(str(one.target).rstrip("."), int(one.port)) for one in answer}
        found = sorted(one for one in records if one.port and _HOST.fullmatch(one.host))
        if not found:
            raise NoSuchNameError(f"{name}: no SRV record names a host and a port")
        return self._cut.cut(name, found)

    def _ask_system(self, host: str) -> asyncio.Future[Found]:
        """Begin a lookup, which ends when it ends, whether or not somebody still waits."""
        if len(self._under_way) >= _MOST_THREADS:
            raise LookupFailedError(f"{host}: too many other names wait for an answer")
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[Found] = loop.create_future()
        thread = threading.Thread(
            target=_look_up, args=(host, loop, asked), name="thanoxy-dns", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            raise LookupFailedError(f"{host}: {error}") from error
        self._under_way[host] = asked
        asked.add_done_callback(lambda _: self._under_way.pop(host))
        return asked

    def _own_resolver(self) -> dns.asyncresolver.Resolver:
        """Made when it is needed: it reads the system's configuration."""
        if self._resolver is None:
            resolver = dns.asyncresolver.Resolver(configure=not self._nameservers)
            if self._nameservers:
                resolver.nameservers = list(self._nameservers)
                resolver.port = self._port
                resolver.domain = dns.name.root
                resolver.search = [dns.name.from_text(suffix) for suffix in self._search]
            resolver.timeout = min(resolver.timeout, _LONGEST_QUERY_S)
            self._resolver = resolver
        return self._resolver


def _look_up(host: str, loop: asyncio.AbstractEventLoop, asked: asyncio.Future[Found]) -> None:
    """Runs in a thread, which nobody waits for at the end."""
    found: Found
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        found = sorted({str(answer[4][0]) for answer in answers})
    except (OSError, UnicodeError) as error:
        found = error
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(asked.set_result, found)

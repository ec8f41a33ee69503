"""Accepts connections: all that wait, not one for each turn of the event loop.

libuv takes one connection a turn. When hundreds come at once, and those that are in keep the loop busy,
the others would wait for seconds while the first are answered again and again.

With TLS a connection begins once its handshake is done. One that fails, or takes too long, is a line
for debugging only: anybody can cause it.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    Factory = Callable[[], asyncio.BaseProtocol]

_BACKLOG = 1024
_MOST_AT_ONCE = 256
_PAUSE_S = 0.5
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""Accepting again at once would fail again, and keep the loop busy."""
_HANDSHAKE_S = 10.0
_GOODBYE_S = 5.0
_LAST_HANDSHAKES_S = 1.0


@dataclass(frozen=True, slots=True)
class Tls:
    """What a connection is encrypted with.

    allowed_sans: of these names a client's certificate bears one; empty: it may bear any.
    """

    context: ssl.SSLContext
    allowed_sans: frozenset[str] = frozenset()


def without_tls() -> Tls | None:
    """Connections are not encrypted."""
    return None


class Listener:
    """Sockets that listen, and what makes a protocol for each connection.

    tls: asked for every connection, so that a new certificate serves from the next one on.
    """

    def __init__(self, factory: Factory, tls: Callable[[], Tls | None] = without_tls) -> None:
        self._factory = factory
        self._tls = tls
        self._sockets: list[socket.socket] = []
        self._beginning: set[asyncio.Task[object]] = set()

    async def open(self, host: str | None, port: int) -> tuple[str, int]:
        """Listen at all addresses of a host (None: of the machine); returns the first.

        Raises:
            OSError: an address that cannot be had.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            made = _listening(family, address)
            self._sockets.append(made)
            loop.add_reader(made.fileno(), self._accept, made)
        bound = self._sockets[0].getsockname()
        return bound[0], bound[1]

    def adopt(self, listening: socket.socket) -> tuple[str, int]:
        """Accept from a socket that somebody else has opened; returns its address."""
        listening.setblocking(False)
        self._sockets.append(listening)
        asyncio.get_running_loop().add_reader(listening.fileno(), self._accept, listening)
        bound = listening.getsockname()
        return bound[0], bound[1]

    async def close(self) -> None:
        """Accept no more; connections that are there go on."""
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            loop.remove_reader(one.fileno())
            one.close()
        self._sockets.clear()
        if self._beginning:
            _, late = await asyncio.wait(self._beginning, timeout=_LAST_HANDSHAKES_S)
            for task in late:
                task.cancel()
        if self._beginning:
            await asyncio.wait(self._beginning)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_MOST_AT_ONCE):
            try:
                connection, _ = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._pause(listening, error)
                return
            connection.setblocking(False)
            task = asyncio.get_running_loop().create_task(self._begin(connection))
            self._beginning.add(task)
            task.add_done_callback(self._begun)

    async def _begin(self, connection: socket.socket) -> None:
        loop, tls = asyncio.get_running_loop(), self._tls()
        if tls is None:
            await loop.connect_accepted_socket(self._factory, connection)
            return
        await loop.connect_accepted_socket(
            lambda: _Checked(self._factory, tls.allowed_sans) if tls.allowed_sans else self._factory(),
            connection,
            ssl=tls.context,
            ssl_handshake_timeout=_HANDSHAKE_S,
            ssl_shutdown_timeout=_GOODBYE_S,
        )

    def _begun(self, task: asyncio.Task[object]) -> None:
        self._beginning.discard(task)
        if not task.cancelled() and (error := task.exception()):
            LOG.debug("a connection ended before it began", extra={"err": str(error)})

    def _pause(self, listening: socket.socket, error: OSError) -> None:
        LOG.warning("no connection can be accepted", extra={"err": error.strerror or str(error)})
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening.fileno())
        loop.call_later(_PAUSE_S, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            asyncio.get_running_loop().add_reader(listening.fileno(), self._accept, listening)


class _Checked(asyncio.Protocol):
    """Lets a connection in whose certificate bears a name that is allowed; ends any other."""

    def __init__(self, factory: Factory, allowed: frozenset[str]) -> None:
        self._factory = factory
        self._allowed = allowed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._allowed.isdisjoint(_sans(transport.get_extra_info("peercert") or {})):
            LOG.debug("a client's certificate bears no allowed name")
            cast("asyncio.Transport", transport).abort()
            return
        protocol = self._factory()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


def _sans(certificate: Mapping[str, Any]) -> set[str]:
    """The names in a certificate (DNS, e-mail, address, URI), written as Go writes them."""
    found = set()
    for kind, value in certificate.get("subjectAltName", ()):
        if kind == "IP Address":
            found.add(str(ipaddress.ip_address(value.strip())))
        elif kind in {"DNS", "email", "URI"}:
            found.add(value)
    return found


def _listening(family: int, address: tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(_BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made

"""Accepts connections: all that wait, not one for each turn of the event loop.

libuv takes one connection a turn. When hundreds come at once, and those that are in keep the loop busy,
the others would wait for seconds while the first are answered again and again.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING

from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from collections.abc import Callable

_BACKLOG = 1024
_MOST_AT_ONCE = 256
_PAUSE_S = 0.5
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""Accepting again at once would fail again, and keep the loop busy."""


class Listener:
    """Sockets that listen, and what makes a protocol for each connection."""

    def __init__(self, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        self._factory = factory
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

    async def close(self) -> None:
        """Accept no more; connections that are there go on."""
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            loop.remove_reader(one.fileno())
            one.close()
        self._sockets.clear()
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
            loop = asyncio.get_running_loop()
            task = loop.create_task(loop.connect_accepted_socket(self._factory, connection))
            self._beginning.add(task)
            task.add_done_callback(self._begun)

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

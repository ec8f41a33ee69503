"""Clients that do not read what is sent to them are cut off, whatever is being sent.

Nothing is counted while a client keeps up: the event loop tells when its buffer for a connection is
full, and from then on somebody looks at it from time to time. So a chunk costs nothing, an answer of
one piece is bounded as one of many is, and so is what is left when a connection is closed.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

from proxy.api.client_limits import LEAST_PROGRESS_BYTES
from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def reset_on_close(transport: asyncio.BaseTransport) -> None:
    """A reset instead of an orderly end: all that tells an HTTP/1.0 client of half an answer.

    It also frees at once what the kernel holds for a client that does not read.
    """
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


def cut_off(transport: asyncio.Transport) -> None:
    """End a connection at once, so that nobody takes what was sent for the whole."""
    reset_on_close(transport)
    transport.abort()


class StallWatch:
    """Cuts a connection off when its client has stopped reading.

    max_stall_s: how long the client may take to read the next 64 KiB, or what is left.
    """

    def __init__(self, transport: asyncio.Transport, max_stall_s: float) -> None:
        self._transport = transport
        self.max_stall_s = max_stall_s
        self._left_bytes = 0
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """More is waiting than the client has room for, or the connection ends with bytes left."""
        if self._handle is None and (left_bytes := self._transport.get_write_buffer_size()):
            self._again(left_bytes)

    def stop(self) -> None:
        """The client keeps up again, or is gone."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _again(self, left_bytes: int) -> None:
        self._left_bytes = left_bytes
        self._handle = asyncio.get_running_loop().call_later(self.max_stall_s, self._look)

    def _look(self) -> None:
        self._handle = None
        left_bytes = self._transport.get_write_buffer_size()
        if left_bytes and self._left_bytes - left_bytes < LEAST_PROGRESS_BYTES:
            LOG.debug(
                "a client stopped reading (--http.max-stall)",
                extra={"waited_s": self.max_stall_s, "unread_bytes": left_bytes},
            )
            cut_off(self._transport)
        elif left_bytes:
            self._again(left_bytes)


@contextmanager
def stall_bounded(request: web.BaseRequest, max_stall_s: float) -> Iterator[None]:
    """While an answer is sent: another bound for its client than the usual one."""
    watch = getattr(request.protocol, "stall_watch", None)
    if not isinstance(watch, StallWatch):
        yield
        return
    usual_s, watch.max_stall_s = watch.max_stall_s, max_stall_s
    try:
        yield
    finally:
        watch.max_stall_s = usual_s

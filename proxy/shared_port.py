"""Sockets that listen at one address, one for each process; the kernel shares connections out."""

from __future__ import annotations

import contextlib
import socket

_BACKLOG = 1024


def open_sockets(host: str, port: int, count: int) -> list[socket.socket]:
    """So many sockets that listen at one address.

    Raises:
        OSError: it cannot be had.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    _claim(family, address)
    sockets: list[socket.socket] = []
    with contextlib.ExitStack() as opened:
        for _ in range(count):
            made = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            made.bind(address)
            made.listen(_BACKLOG)
            address = made.getsockname()  # all at the port that the first one got
            sockets.append(made)
        opened.pop_all()
    return sockets


def _claim(family: int, address: tuple[object, ...]) -> None:
    """Fail where somebody else listens: with SO_REUSEPORT both would get a part of the connections."""
    with socket.socket(family, socket.SOCK_STREAM) as alone:
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        alone.bind(address)
        alone.listen(1)

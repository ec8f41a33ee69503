"""HTTP to servers on the loopback address, without proxies, redirects or connection pools."""

from __future__ import annotations

import dataclasses
import http.client
import secrets
import socket
import urllib.parse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ADDRESS = "127.0.0.1"

# Below Linux's range for outgoing connections (32768 and up), so that none of those takes a
# port between its choice and the start of the server that is to listen on it.
FIRST_PORT = 18_000
LAST_PORT = 32_000


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response as it came, of whatever status."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def ask(
    url: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 30.0,
) -> Answer:
    """Send one request. Raises `OSError` or `http.client.HTTPException` when none answers."""
    parts = urllib.parse.urlsplit(url)
    target = parts.path or "/"
    if parts.query:
        target = f"{target}?{parts.query}"
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout_s)
    try:
        connection.request(method, target, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


def free_ports(count: int) -> list[int]:
    """`count` different ports on which nothing listens now."""
    found: set[int] = set()
    while len(found) < count:
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT)
        if is_free(port):
            found.add(port)
    return sorted(found)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As Go listens: a port whose last connections still linger in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
        return True

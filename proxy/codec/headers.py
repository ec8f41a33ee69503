"""Which headers travel on, in both directions. Pure (RFC 9110, section 7.6.1)."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.errors import BadDataError

_HOP_BY_HOP = frozenset((
    "connection", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
))  # fmt: skip
_OWN_IN_REQUEST = frozenset(("host", "content-length", "expect"))
_OWN_IN_QUERY = frozenset((
    "accept-encoding", "content-encoding", "content-type", "cache-control", "pragma", "origin",
))  # fmt: skip
_OWN_IN_RESPONSE = frozenset(("content-length", "date", "server"))

Pairs = Iterable[tuple[str, str]]


def _named_by_connection(pairs: list[tuple[str, str]]) -> frozenset[str]:
    """Headers that `Connection` declares to be for this hop only."""
    values = [value for name, value in pairs if name.lower() == "connection"]
    return frozenset(n.strip().lower() for value in values for n in value.split(","))


def _without(pairs: Pairs, dropped: frozenset[str]) -> list[tuple[str, str]]:
    held = list(pairs)
    gone = _HOP_BY_HOP | dropped | _named_by_connection(held)
    return [(name, value) for name, value in held if name.lower() not in gone]


def request_headers(pairs: Pairs) -> list[tuple[str, str]]:
    """A client's headers for a request that is passed on unread.

    Raises:
        BadDataError: a value is not UTF-8, and would lose bytes on the way; or `Connection` takes
            away a header that is not of one connection.
    """
    return _travelling(pairs, _OWN_IN_REQUEST)


def query_headers(pairs: Pairs) -> tuple[tuple[str, str], ...]:
    """A client's headers for requests that the proxy words itself: form and encoding are its own.

    Raises:
        BadDataError: as `request_headers`.
    """
    return tuple(_travelling(pairs, _OWN_IN_REQUEST | _OWN_IN_QUERY))


def _travelling(pairs: Pairs, own: frozenset[str]) -> list[tuple[str, str]]:
    """`Connection` may name no header that says who asks: it would be gone on the way to Thanos."""
    held = list(pairs)
    gone = _HOP_BY_HOP | own
    named = _named_by_connection(held) - _HOP_BY_HOP
    for name, value in held:
        if named and name.lower() in named:
            raise BadDataError(f"Connection must not name the header {name}: it has to travel on")
        if name.lower() in gone or value.isascii():
            continue
        if any("\ud800" <= c <= "\udfff" for c in value):
            raise BadDataError(f"the header {name} is not UTF-8")
    return [(name, value) for name, value in held if name.lower() not in gone]


def response_headers(pairs: Pairs, keep_length: bool) -> list[tuple[str, str]]:
    """The upstream's headers for an answer that is passed on."""
    dropped = _OWN_IN_RESPONSE - {"content-length"} if keep_length else _OWN_IN_RESPONSE
    return _without(pairs, dropped)

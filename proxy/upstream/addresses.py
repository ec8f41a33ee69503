"""Addresses of Thanos Query as flags name them. Pure; `discovery` finds what is behind them.

The forms are those of Thanos (`pkg/discovery/dns`), before a URL or a bare name:

    http://host:port/prefix     that address
    dns+http://host:port        each A and AAAA address of the name
    dnssrv+http://name          each target of the SRV records, and each of its addresses
    dnssrvnoa+http://name       each target of the SRV records, by its name
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

EXPECTED = (
    "an address such as http://thanos-query:10902 is expected, "
    "or dns+, dnssrv+ or dnssrvnoa+ before one"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Kind(Enum):
    """How the addresses behind a name are found."""

    STATIC = ""
    A = "dns"
    SRV = "dnssrv"
    SRV_ONLY = "dnssrvnoa"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address that can be asked.

    url: the base of all requests; an IP address where one was looked up. host_header: what to call it
    there; "": as the URL says. server_name: whose certificate it must show; "": as the URL says.
    """

    url: str
    host_header: str = ""
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class UpstreamAddress:
    """What a flag names. port: 0 where SRV records say it."""

    kind: Kind
    scheme: str
    host: str
    port: int
    path: str
    text: str

    def at(self, host: str, port: int, name: str) -> Endpoint:
        """The endpoint at a host (a name, or an IP address that `name` was looked up to)."""
        place = f"{_bracketed(host)}:{port}"
        url = f"{self.scheme}://{place}{self.path}"
        if host == name:
            return Endpoint(url)
        is_default = port == _DEFAULT_PORTS[self.scheme]
        return Endpoint(url, name if is_default else f"{name}:{port}", name)


def parse_upstream(text: str) -> UpstreamAddress:
    """Read an address.

    Raises:
        ValueError: it is none; the text says what is expected.
    """
    kind, rest = _kind_of(text)
    if kind is not Kind.STATIC and "://" not in rest:
        rest = f"http://{rest}"
    try:
        parts = urlsplit(rest)
        port = parts.port  # checked when it is read
    except ValueError as error:
        raise ValueError(EXPECTED) from error
    is_whole = parts.scheme in _DEFAULT_PORTS and parts.hostname and port != 0
    if not is_whole or parts.query or parts.fragment or any(c.isspace() for c in text):
        raise ValueError(EXPECTED)
    if parts.username is not None:
        raise ValueError("an address without user and password is expected")
    has_records = kind in {Kind.SRV, Kind.SRV_ONLY}
    if has_records and port is not None:
        raise ValueError(f"the port of {kind.value}+ comes from the SRV records: leave it out")
    host = parts.hostname or ""
    if kind is not Kind.STATIC and _is_ip(host):
        raise ValueError(f"{kind.value}+ needs a name, not an IP address")
    own_port = 0 if has_records else port or _DEFAULT_PORTS[parts.scheme]
    return UpstreamAddress(kind, parts.scheme, host, own_port, parts.path, rest)


def static_endpoint(address: UpstreamAddress) -> Endpoint:
    """The endpoint of a static address: the URL as it was given."""
    return Endpoint(address.text)


def _kind_of(text: str) -> tuple[Kind, str]:
    prefix, plus, rest = text.partition("+")
    for kind in Kind:
        if plus and prefix and kind.value == prefix:
            return kind, rest
    return Kind.STATIC, text


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host

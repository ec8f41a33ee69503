"""Addresses of Thanos Query as flags name them. Pure; `discovery` finds what is behind them.

The forms are those of Thanos (`pkg/discovery/dns`), before a URL or a bare name:

    http://host:port/prefix     that address
    dns+http://host:port        each A and AAAA address of the name
    dnssrv+http://name          each target of the SRV records, and each of its addresses
    dnssrvnoa+http://name       each target of the SRV records, by its name

With SRV records a port in the flag, as in `dnssrv+http://name:port`, goes before theirs.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

EXPECTED = (
    "an address such as http://thanos-query:10902 is expected, "
    "or dns+, dnssrv+ or dnssrvnoa+ before one"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_IN_NO_ADDRESS = re.compile(r"[\s\x00-\x1f\x7f\\?#]")
"""An empty query or fragment too: the path of a request would end up in it."""


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
    """What a flag names. port: 0 where SRV records say it. text: the URL, without the prefix."""

    kind: Kind
    scheme: str
    host: str
    port: int
    path: str
    text: str

    def at(self, host: str, port: int, name: str) -> Endpoint:
        """The endpoint at a host (a name, or an IP address that `name` was looked up to).

        port: of an SRV record; what the flag says goes before it.
        """
        port = self.port or port
        name = name.rstrip(".")  # certificates and virtual hosts are named without
        url = f"{self.scheme}://{_bracketed(host.rstrip('.'))}:{port}{self.path}"
        if host.rstrip(".") == name:
            return Endpoint(url)
        return Endpoint(url, self.host_header(port, name), name)

    def host_header(self, port: int, name: str) -> str:
        """What a client that connects by name would send."""
        port = self.port or port
        return name if port == _DEFAULT_PORTS[self.scheme] else f"{name}:{port}"


def parse_upstream(text: str) -> UpstreamAddress:
    """Read an address.

    Raises:
        ValueError: it is none; the text says what is expected.
    """
    if _IN_NO_ADDRESS.search(text):
        raise ValueError(EXPECTED)
    kind, rest = _kind_of(text)
    if kind is not Kind.STATIC and "://" not in rest:
        rest = f"http://{rest}"
    try:
        parts = urlsplit(rest)
        port = parts.port  # checked when it is read
    except ValueError as error:
        raise ValueError(EXPECTED) from error
    host = parts.hostname or ""
    if parts.scheme not in _DEFAULT_PORTS or not host.strip(".") or port == 0:
        raise ValueError(EXPECTED)
    if parts.username is not None:
        raise ValueError("an address without user and password is expected")
    if kind is not Kind.STATIC and _is_ip(host):
        raise ValueError(f"{kind.value}+ needs a name, not an IP address")
    has_records = kind in {Kind.SRV, Kind.SRV_ONLY}
    default_port = 0 if has_records else _DEFAULT_PORTS[parts.scheme]
    return UpstreamAddress(kind, parts.scheme, host, port or default_port, parts.path, rest)


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

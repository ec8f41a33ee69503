"""Which servers there are behind the addresses of a tier, looked up again and again.

The forms are those of Thanos: `host:port`, `dns+host:port` (each address of the name), `dnssrv+name`
(each address of each target of the SRV records) and `dnssrvnoa+name` (each target by its name). What
could not be looked up, or is suddenly not there, stays as it was known last.
"""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from proxy.engine.fan_out import fan_out
from proxy.telemetry.log import LOG

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_KINDS = ("dns", "dnssrv", "dnssrvnoa")
_PLACE = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+)(?::(\d{1,5}))?", re.ASCII)
_LAST_PORT = 65_535
_MOST_AT_ONCE = 20
_JITTER = 0.2


class Resolver(Protocol):
    """Looks names up. What cannot be had is an OSError."""

    async def addresses(self, host: str) -> list[str]:
        """All addresses of a name."""
        ...

    async def targets(self, name: str) -> Sequence[tuple[str, int]]:
        """Host and port of all SRV records of a name."""
        ...


class Server(NamedTuple):
    """name: what its certificate bears."""

    host: str
    port: int
    name: str

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """What the YAML names. kind: "" for a plain address. port: 0 where SRV records say it."""

    kind: str
    host: str
    port: int


def parse_server(text: str, default_port: int, *, may_look_up: bool = True) -> ServerAddress:
    """Read an address.

    Raises:
        ValueError: it is none; the text says what is expected.
    """
    kind, plus, rest = text.partition("+")
    if not plus:
        kind, rest = "", text
    match = _PLACE.fullmatch(rest)
    if match is None or (kind and not (may_look_up and kind in _KINDS)):
        forms = ", or dns+, dnssrv+ or dnssrvnoa+ before one" if may_look_up else ""
        raise ValueError(f"an address such as cache.example:{default_port} is expected{forms}")
    host, port = match.group(1).strip("[]"), int(match.group(2) or default_port)
    if not 0 < port <= _LAST_PORT:
        raise ValueError(f"a port from 1 to {_LAST_PORT} is expected")
    if kind.startswith("dnssrv"):
        if match.group(2):
            raise ValueError(f"the port of {kind}+ comes from the SRV records: leave it out")
        port = 0
    return ServerAddress(kind, host, port)


class Servers:
    """Tells `on_change` all servers, whenever they change."""

    def __init__(
        self,
        addresses: Sequence[ServerAddress],
        resolver: Resolver,
        on_change: Callable[[tuple[Server, ...]], None],
        interval_s: float,
    ) -> None:
        self._addresses = list(dict.fromkeys(addresses))
        self._resolver = resolver
        self._on_change = on_change
        self._interval_s = interval_s
        self._known: dict[ServerAddress, tuple[Server, ...]] = {
            one: (Server(one.host, one.port, one.host),) for one in self._addresses if not one.kind
        }
        self._told: tuple[Server, ...] = ()
        self._failing: set[ServerAddress] = set()

    async def first(self) -> None:
        """Find them for the first time; what cannot be found now is looked for again later."""
        await fan_out(self._look, self._looked_up, _MOST_AT_ONCE)
        self._tell()

    async def run(self) -> None:
        """Until cancelled."""
        while self._looked_up:
            jitter = 1 + _JITTER * (random.random() - 0.5)  # noqa: S311  not to ask all at once
            await asyncio.sleep(self._interval_s * jitter)
            await self.first()

    @property
    def _looked_up(self) -> list[ServerAddress]:
        return [one for one in self._addresses if one.kind]

    async def _look(self, address: ServerAddress) -> None:
        """Look one address up; what fails is said once."""
        try:
            found = await self._servers(address)
        except OSError as error:
            if address not in self._failing:
                extra = {"address": f"{address.kind}+{address.host}", "err": str(error)}
                LOG.warning("the cache's servers cannot be looked up; the known ones stay", extra=extra)
            self._failing.add(address)
            return
        self._failing.discard(address)
        if found:
            self._known[address] = found

    async def _servers(self, address: ServerAddress) -> tuple[Server, ...]:
        if address.kind == "dns":
            ips = await self._resolver.addresses(address.host)
            return tuple(Server(ip, address.port, address.host) for ip in ips)
        targets = await self._resolver.targets(address.host)
        if address.kind == "dnssrvnoa":
            return tuple(Server(host, port, host) for host, port in targets)
        found = await fan_out(
            lambda target: self._resolver.addresses(target[0]), targets, _MOST_AT_ONCE
        )
        return tuple(
            Server(ip, port, host)
            for (host, port), ips in zip(targets, found, strict=True)
            for ip in ips
        )

    def _tell(self) -> None:
        known = [self._known.get(address, ()) for address in self._addresses]
        servers = tuple(dict.fromkeys(one for ones in known for one in ones))
        if servers != self._told:
            self._told = servers
            self._on_change(servers)
            LOG.info("servers of the cache", extra={"servers": " ".join(map(str, servers))})

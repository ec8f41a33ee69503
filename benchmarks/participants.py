"""Who is compared: thanoxy twice, its peers, and Thanos Query itself, each behind its own relay."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.client import Client
from benchmarks.relay import Asked, Relay
from benchmarks.servers import (
    LARGE_CACHE,
    Cortex,
    Other,
    QueryFrontend,
    Server,
    Thanoxy,
    cache_flag,
)

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Sequence

THANOXY = "thanoxy"
WITHOUT_MEMO = "thanoxy, memo off"
QUERY_FRONTEND = "query-frontend"
ALIGNED = "query-frontend, aligned"
CORTEX = "cortex"
DIRECT = "Thanos Query"
OURS = (THANOXY, WITHOUT_MEMO)
NO_MEMO = "--cache.memo-life=0"


@dataclass(eq=False)
class Peer:
    """A server under comparison, a kept connection to it, and the relay that it asks through.

    There is no relay in front of what runs already.
    """

    name: str
    server: Server
    relay: Relay | None
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.server.url)

    @property
    def is_direct(self) -> bool:
        return self.name == DIRECT

    def used(self) -> Used:
        """So far; NaN where it is not known."""
        asked = self.relay.asked if self.relay else None
        return Used(self.server.cpu_s(), *(asked or (math.nan,) * len(Asked._fields)))


@dataclass(frozen=True)
class Used:
    """Processor time of a server, and what it asked of Thanos."""

    cpu_s: float
    requests: float
    received_bytes: float
    samples: float

    def since(self, before: Used) -> Used:
        return Used(
            self.cpu_s - before.cpu_s,
            self.requests - before.requests,
            self.received_bytes - before.received_bytes,
            self.samples - before.samples,
        )


def makers(cache: str = LARGE_CACHE) -> dict[str, Callable[[str], Server]]:
    """How each server is made, given the upstream's address; all with a cache of the same size."""
    return {
        THANOXY: lambda url: Thanoxy(url, cache_flag(cache)),
        WITHOUT_MEMO: lambda url: Thanoxy(url, cache_flag(cache), NO_MEMO),
        QUERY_FRONTEND: lambda url: QueryFrontend(url, cache=cache),
        ALIGNED: lambda url: QueryFrontend(url, align=True, cache=cache),
        CORTEX: lambda url: Cortex(url, cache=cache),
    }


def start_peers(
    running: contextlib.ExitStack, upstream: str, others: Sequence[str], cache: str = LARGE_CACHE
) -> list[Peer]:
    """All that are built here, those of `others` (NAME=URL), and Thanos Query itself."""
    peers = []
    for name, make in makers(cache).items():
        relay = running.enter_context(Relay(upstream))
        peers.append(Peer(name, running.enter_context(make(relay.url)), relay))
    for other in others:
        name, _, url = other.partition("=")
        peers.append(Peer(name, running.enter_context(Other(url)), None))
    relay = running.enter_context(Relay(upstream))
    return [*peers, Peer(DIRECT, running.enter_context(Other(relay.url)), relay)]

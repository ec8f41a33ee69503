"""What goes wrong with the first Thanos Query, with all of them, or with the store behind them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.reliability.relays import WELL, Ill, Treatment

if TYPE_CHECKING:
    from tests.reliability.fleet import QueryFleet
    from tests.reliability.relays import HttpRelay
    from tests.thanos.processes import ServerProcess

STALE_IF_ERROR = "--query-range.stale-if-error=1h"


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """What can fail. servers: the Queries that are upstreams of this scenario; store: behind all."""

    fleet: QueryFleet
    upstreams: int
    relay: HttpRelay
    store: ServerProcess

    @property
    def servers(self) -> list[ServerProcess]:
        return self.fleet.servers[: self.upstreams]


Act = Callable[[Site], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble.

    Attributes:
        name: a short word, to choose it by.
        meaning: what the table says.
        begin, end: both may take their time; without `end` nothing is undone.
        lasts_s: from the call of `begin` to that of `end`.
        has_relay: the first Query is asked through the relay.
        flags: of thanoxy.
        is_of_one: only the first Query is touched.
        is_of_store: answers of Thanos itself have holes meanwhile.
    """

    name: str
    meaning: str
    begin: Act
    end: Act | None = None
    lasts_s: float = 0.0
    has_relay: bool = False
    flags: tuple[str, ...] = ()
    is_of_one: bool = True
    is_of_store: bool = False


def treated(name: str, meaning: str, treatment: Treatment) -> Fault:
    """Ten seconds in which the relay does something."""

    def begin(site: Site) -> None:
        site.relay.treatment = treatment

    def end(site: Site) -> None:
        site.relay.treatment = WELL

    return Fault(name, meaning, begin, end, lasts_s=10.0, has_relay=True)


def kill_first(site: Site) -> None:
    site.servers[0].kill()


def start_first(site: Site) -> None:
    site.servers[0].start()


def pause_first(site: Site) -> None:
    site.servers[0].pause()


def resume_first(site: Site) -> None:
    site.servers[0].resume()


def roll(site: Site) -> None:
    """One after the other, the next when this one says that it is ready."""
    for server in site.servers:
        server.stop()
        server.start()
        server.wait_until_ready()


def kill_all(site: Site) -> None:
    for server in site.servers:
        server.kill()


def start_all(site: Site) -> None:
    for server in site.servers:
        server.start()


def kill_store(site: Site) -> None:
    site.store.kill()


def start_store(site: Site) -> None:
    site.store.start()


ALL_DEAD = Fault(
    "all-dead",
    "all killed, started again after 5 s",
    kill_all,
    start_all,
    lasts_s=5.0,
    is_of_one=False,
)

FAULTS = (
    Fault("killed", "one killed, not started again", kill_first),
    Fault("restarted", "one killed, started again after 3 s", kill_first, start_first, lasts_s=3.0),
    Fault("rolling", "all stopped (SIGTERM) and started again in turn", roll, is_of_one=False),
    Fault("paused", "one paused (SIGSTOP) for 10 s", pause_first, resume_first, lasts_s=10.0),
    treated("late", "one answers 500 ms later, 10 s long", Treatment(late_s=0.5)),
    treated("very-late", "one answers 2 s later, 10 s long", Treatment(late_s=2.0)),
    treated("resets", "one resets every second request, 10 s long", Treatment(Ill.RESET, every=2)),
    treated("cut", "one ends its answers half way, 10 s long", Treatment(Ill.CUT)),
    treated("storm", "a gateway answers 503 for one, 10 s long", Treatment(Ill.REFUSED)),
    treated("html", "one answers 200 with a page, 10 s long", Treatment(Ill.PAGE)),
    treated("garbage", "one answers 200 with garbage, 10 s long", Treatment(Ill.GARBAGE)),
    treated("half", "one answers halves as if they were whole, 10 s long", Treatment(Ill.HALF)),
    treated("silent", "one accepts and never answers, 10 s long", Treatment(Ill.SILENT)),
    Fault(
        "store",
        "the store killed, started again after 5 s",
        kill_store,
        start_store,
        lasts_s=5.0,
        is_of_one=False,
        is_of_store=True,
    ),
    ALL_DEAD,
    dataclasses.replace(
        ALL_DEAD,
        name="all-dead-stale",
        meaning=f"the same with `{STALE_IF_ERROR}`",
        flags=(STALE_IF_ERROR,),
    ),
)


def fault(name: str) -> Fault:
    return next(one for one in FAULTS if one.name == name)

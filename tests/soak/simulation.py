"""A run: a proxy before some replicas, minute after minute of simulated time."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import aiohttp

from proxy.app import start
from proxy.plan.holes import most_gap_ms
from proxy.settings import Settings
from proxy.store.memory import MemoryStore
from tests.clients import Proxy
from tests.soak.clients import BEAT_S, STALL_S, Clients
from tests.soak.clock import HOUR_MS, MAX_SKEW_MS, SECOND_MS, SoakClock
from tests.soak.faults import Fault, draw_faults
from tests.soak.judging import Judge
from tests.soak.measures import taken
from tests.soak.panels import draw_panels, refresh
from tests.soak.promises import lives_of
from tests.soak.replicas import Sky, open_replicas
from tests.soak.tally import Tally
from tests.soak.views import draw_views
from tests.soak.world import METRICS, World, draw_batches

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.soak.panels import Panel
    from tests.soak.replicas import Replica

REPLICAS = 3
PARTS_S = (
    (60,),
    (2, 8, 20, 30),
    (5, 10, 15, 30),
    (20, 20, 20),
    (1, 4, 25, 30),
    (30, 30),
    (7, 23, 2, 28),
)
"""How a minute passes: one of these, in seconds."""
_LOOK_S, _HINDERED_LOOK_S = 2.0, 0.06
_CLOSE_S = 15


def sights(by_ms: int) -> list[int]:
    """A length of time, cut so that a look after each part leaves nothing in doubt."""
    parts = -(-by_ms // most_gap_ms(0))
    ends_ms = [by_ms * number // parts for number in range(parts + 1)]
    return [end_ms - begin_ms for begin_ms, end_ms in pairwise(ends_ms)]


def soak_settings(urls: Sequence[str], **changes: Any) -> Settings:
    """Small bounds and short timeouts; what answers may live is as by default."""
    return Settings(
        **{
            "downstream_urls": tuple(urls),
            "http_address": "127.0.0.1:0",
            "http_grace_period_ms": 1000,
            "split_interval_ms": 6 * HOUR_MS,
            "extent_steps": 64,
            "cache_config": "{type: IN-MEMORY, config: {max_size: 6MB}}",
            "memo_bytes": 512 << 10,
            "stores_interval_ms": 8,
            "request_timeout_ms": 400,
            "connect_timeout_ms": 1000,
            "retry_backoff_ms": 1,
            "max_retries_per_request": 3,
            "probe_interval_ms": 50,
            "slow_return_ms": 500,
            "query_timeout_ms": 2_000,
            "admin_api": True,
            **changes,
        }
    )


@dataclass(slots=True)
class Simulation:
    """The parts of a run."""

    sky: Sky
    proxy: Proxy
    replicas: list[Replica]
    clients: Clients
    faults: tuple[Fault, ...]
    panels: list[Panel]
    chance: random.Random

    @property
    def clock(self) -> SoakClock:
        return self.sky.clock

    async def live(self, minutes: int) -> None:
        """Let time pass; measured at the beginning and after each hour."""
        beat = asyncio.create_task(self._watch_for_stalls())
        try:
            for minute in range(minutes):
                if minute % 60 == 0:
                    self._measure()
                for part_s in self.chance.choice(PARTS_S):
                    await self._pass(part_s)
            self._measure()
        finally:
            beat.cancel()

    def _measure(self) -> None:
        engine = self.proxy.app.engine
        assert isinstance(engine.store, MemoryStore)
        kept_bytes = engine.store.used_bytes + engine.memo.used_bytes
        self.clients.tally.by_hour.append(taken(kept_bytes))

    async def _pass(self, seconds: int) -> None:
        """Some seconds pass; then this share of the minute's questions is asked.

        The stores are looked at in each moment, before the questions or beside them, and a few times
        in a minute without any: looks far apart would put in doubt all that was fetched in between.
        """
        *parts_ms, last_ms = sights(seconds * SECOND_MS)
        for part_ms in parts_ms:
            await self.move_on(part_ms)
            await self.looked()
        await self.move_on(last_ms)
        under_way_ms = self.chance.choice([0] * 11 + [SECOND_MS, 3 * SECOND_MS, 9 * SECOND_MS])
        if under_way_ms or self.chance.random() < 0.6:
            await self.looked()
        if self.chance.random() < 0.004:
            await self._purge()
        requests = list(refresh(self.chance, self.panels, self.clock.now_ms, seconds / 60))
        pause_s = self.chance.random() * 0.01
        async with asyncio.TaskGroup() as group:
            for request in requests:
                group.create_task(self.clients.ask(request))
            if under_way_ms:
                await asyncio.sleep(pause_s)
                await self.move_on(under_way_ms, while_asked=True)
        await self.looked()

    async def move_on(self, by_ms: int, while_asked: bool = False) -> None:
        """Samples arrive, stores go and come, faults begin and end, the proxy's clock is set."""
        if self.chance.random() < 0.01:
            self.clock.skew_ms = self.chance.randint(-MAX_SKEW_MS, MAX_SKEW_MS)
        self.clock.advance(by_ms, while_asked)
        now_ms = self.clock.now_ms
        for replica in self.replicas:
            await replica.suffer(
                tuple(
                    fault
                    for fault in self.faults
                    if fault.replica == replica.number and fault.from_ms <= now_ms < fault.until_ms
                )
            )

    async def looked(self) -> None:
        """Wait until the proxy has looked at the stores; not for long where faults hinder it."""
        can_look = not any(replica.faults for replica in self.replicas)
        until_s = time.monotonic() + (_LOOK_S if can_look else _HINDERED_LOOK_S)
        watch = self.proxy.app.engine.watch
        while watch.is_watched and watch.last_look_ms < self.clock.now_ms:
            if time.monotonic() > until_s:
                break
            await asyncio.sleep(0.001)

    async def _purge(self) -> None:
        """Remove what is kept of a metric, or everything."""
        metric = self.chance.choice([None, *METRICS])
        form = f"metric={metric}" if metric else "all=true"
        answer = await self.proxy.post("/api/v1/admin/thanoxy/purge", form.encode())
        assert answer.status == 200, answer.text
        self.clients.judge.purges.append((self.clock.now_ms, metric))

    async def _watch_for_stalls(self) -> None:
        loop, clients = asyncio.get_running_loop(), self.clients
        while True:
            clients.beat_s = loop.time()
            await asyncio.sleep(BEAT_S)
            if loop.time() - clients.beat_s > BEAT_S + STALL_S:
                clients.stalled_s = loop.time()


@asynccontextmanager
async def simulation(seed: int, hours: int, **changes: Any) -> AsyncIterator[Simulation]:
    """A proxy and its world, all of it drawn from a seed. `changes`: other settings."""

    def chance(of: str) -> random.Random:
        return random.Random(f"{seed} {of}")

    world = World(draw_batches(chance("samples"), hours))
    sky = Sky(world, draw_views(chance("stores"), hours, REPLICAS), SoakClock())
    faults = draw_faults(chance("faults"), hours, REPLICAS)
    async with told(sky, faults, seed, **changes) as run:
        run.panels = draw_panels(chance("panels"))
        yield run


@asynccontextmanager
async def told(
    sky: Sky, faults: tuple[Fault, ...], seed: int = 1, **changes: Any
) -> AsyncIterator[Simulation]:
    """The same of a world that was told by hand; nobody asks anything by itself."""
    async with AsyncExitStack() as parts:
        replicas = await parts.enter_async_context(open_replicas(sky, seed))
        settings = soak_settings([replica.url for replica in replicas], **changes)
        proxy = await parts.enter_async_context(_proxy(settings, sky.clock))
        promised = soak_settings(["http://127.0.0.1:1"], stale_ms=settings.stale_ms)
        judge = Judge(sky, lives_of(promised))
        clients = Clients(proxy, judge, Tally(seed), replicas)
        yield Simulation(sky, proxy, replicas, clients, faults, [], random.Random(f"{seed} clients"))


@asynccontextmanager
async def _proxy(settings: Settings, clock: SoakClock) -> AsyncIterator[Proxy]:
    app = await start(settings, clock)
    skipped = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
    session = aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=skipped)
    try:
        yield Proxy(app, session)
    finally:
        await session.close()
        async with asyncio.timeout(_CLOSE_S):  # it shall end whatever goes wrong at that moment
            await app.close()


async def soak(seed: int, hours: int, **changes: Any) -> tuple[Tally, dict[str, Any]]:
    """A whole run: what was found, and the summary."""
    began_s = time.monotonic()
    async with simulation(seed, hours, **changes) as run:
        await run.live(hours * 60)
        tally = run.clients.tally
        return tally, tally.summary(hours, time.monotonic() - began_s, run.sky.struck)

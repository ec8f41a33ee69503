"""What happens to kept pieces while they serve: they are evicted, expire, are purged, get holes."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.differential.asking import Request

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from proxy.engine.ports import Clock
    from proxy.model.extent import AnyPiece, Extent, ExtentId, Kept
    from proxy.wiring import Engine
    from tests.differential.asking import Server
    from tests.differential.clock import MovedClock

PURGE = "/api/v1/admin/thanoxy/purge"
EXPIRED_S = (1, 11, 29, 31, 61, 121, 601, 3_601, 24 * 3_600)
"""Around the lives of answers: the memo's, unconfirmed, empty and recent ones, all."""


@dataclasses.dataclass(slots=True)
class Held:
    """The engine of a running thanoxy, the clock that it was given, and what may happen to it."""

    engine: Engine
    clock: MovedClock
    meddlers: Sequence[Callable[[random.Random, Held], None]] = ()

    async def look_at_stores(self) -> None:
        """What thanoxy does every few seconds, at once: it confirms what was fetched before."""
        await asyncio.sleep(0.002)  # a look has to begin in a later millisecond than a fetch ended
        began_ms = self.clock.monotonic_ms()
        look = await self.engine.client.stores()
        if self.engine.watch.is_watched and look is not None:
            ended_ms = self.clock.monotonic_ms()
            self.engine.watch.look(began_ms, ended_ms, look.stores, look.has_lost_sight)

    def extents(self) -> list[tuple[ExtentId, Extent[AnyPiece]]]:
        found: list[tuple[ExtentId, Extent[AnyPiece]]] = []

        def look(extent_id: ExtentId, extent: Extent[AnyPiece]) -> bool:
            found.append((extent_id, extent))
            return False

        self.engine.store.remove_where(look)
        return found


def evict(chance: random.Random, held: Held) -> None:
    """Some extents are gone; now and then all of them."""
    share = chance.choice([0.1, 0.3, 0.6, 1.0])
    held.engine.store.remove_where(lambda *_: chance.random() < share)


def crumble(chance: random.Random, held: Held) -> None:
    """Some pieces are gone, so that extents have holes."""
    share = chance.choice([0.2, 0.5])
    for extent_id, extent in held.extents():
        rewrite(held, extent_id, extent, lambda one: None if chance.random() < share else one)


def expire(chance: random.Random, held: Held) -> None:
    """Some pieces' lives are over."""
    share = chance.choice([0.2, 0.5])
    clock: Clock = held.clock

    def aged(one: Kept[AnyPiece]) -> Kept[AnyPiece]:
        is_over = chance.random() < share
        return dataclasses.replace(one, expires_ms=clock.monotonic_ms()) if is_over else one

    for extent_id, extent in held.extents():
        rewrite(held, extent_id, extent, aged)


def wait(chance: random.Random, held: Held) -> None:
    """Time passes: whole kinds of pieces expire, and more of the data is settled."""
    held.clock.advance(chance.choice(EXPIRED_S) * 1000)


def forget_answers(chance: random.Random, held: Held) -> None:
    """The next answer is put together from pieces, whoever asked for it a moment ago."""
    held.engine.memo.clear()


def rewrite(
    held: Held,
    extent_id: ExtentId,
    extent: Extent[AnyPiece],
    change: Callable[[Kept[AnyPiece]], Kept[AnyPiece] | None],
) -> None:
    changed = [new for one in extent.kept if (new := change(one)) is not None]
    if changed:
        held.engine.store.put(extent_id, dataclasses.replace(extent, kept=tuple(changed)))
    else:
        held.engine.store.remove_where(lambda one, _: one == extent_id)


MEDDLERS: tuple[Callable[[random.Random, Held], None], ...] = (
    evict,
    crumble,
    crumble,
    expire,
    expire,
    wait,
    forget_answers,
    forget_answers,
)

SAMPLES_MATTER = tuple(one for one in MEDDLERS if one is not wait)
"""Where samples arrive as the clock says, nobody else may move it."""


def meddle(chance: random.Random, held: Held) -> str:
    """Do one of these; returns its name."""
    one = chance.choice(held.meddlers or MEDDLERS)
    one(chance, held)
    return one.__name__


async def purge(chance: random.Random, thanoxy: Server, span_ms: tuple[int, int]) -> str:
    """Purge over HTTP: all, a metric, or what has read a time; returns which."""
    fields = chance.choice(
        [
            {"all": "true"},
            {"metric": chance.choice(["up", "queue_length", "http_requests_total"])},
            {"start": f"{span_ms[0] / 1000:.3f}", "end": f"{span_ms[1] / 1000:.3f}"},
        ]
    )
    await purge_by(thanoxy, fields)
    return f"purge {fields}"


async def purge_by(thanoxy: Server, fields: dict[str, str]) -> None:
    answer = await thanoxy.ask(Request("POST", PURGE, body=urlencode(fields)))
    assert answer.status == 200, answer.body

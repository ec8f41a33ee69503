"""Time that moves on: samples arrive in a running Thanos, some of them late, between questions.

The world is told in minutes, not in real time: Thanos never asks what time it is, and thanoxy has
a clock that is moved on. So answers cross from unsettled to recent to old within a test.

What a world promises is what the settings ask of one: a sample arrives within the freshness, or,
of a new series, within the recent window; then answers may be wrong for `recent_life_ms`, unless
what is kept is purged.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from typing import TYPE_CHECKING

from proxy.settings import Settings
from tests.differential.cases import Case, draw_case
from tests.differential.hard_use import disturb, take_turn, written
from tests.differential.meddling import purge_by
from tests.differential.sequences import bounded, draw_step_ms, next_window, window_near
from tests.differential.windows import HOUR_MS, MINUTE_MS, SECOND_MS, Window
from tests.thanos import remote_write
from tests.thanos.series import METRIC_NAME, float_series

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tests.differential.asking import Answer
    from tests.differential.clock import MovedClock
    from tests.differential.modes import Finding, Sides
    from tests.thanos.cluster import ThanosCluster
    from tests.thanos.series import RawSeries

DEFAULTS = Settings()

TICKS_MS = (
    *(0, SECOND_MS, 7 * SECOND_MS, 15 * SECOND_MS, 15 * SECOND_MS, 30 * SECOND_MS),
    *(30 * SECOND_MS, MINUTE_MS, MINUTE_MS, 61 * SECOND_MS, 2 * MINUTE_MS, 3 * MINUTE_MS),
    *(5 * MINUTE_MS, 10 * MINUTE_MS, 11 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS + MINUTE_MS),
)
TURNS = 10
DISTURB_CHANCE = 0.3
LOOK_CHANCE = 0.8
LATE_CHANCE = 0.25
LATE_METRICS = (
    *("up", "queue_length", "node_memory_bytes", "temperature_celsius", "constant", "sparse"),
    *("http_requests_total", "node_cpu_seconds_total", "request_duration_seconds_count"),
    *("odd_value", "jittered", "build_info"),
)


@dataclasses.dataclass(slots=True)
class World:
    """A Thanos that holds the samples of `series` up to about the clock's time, and the late ones.

    written_ms: all samples before it have arrived.
    """

    thanos: ThanosCluster
    clock: MovedClock
    series: Sequence[RawSeries]
    written_ms: int
    late: int = 0

    @property
    def now_ms(self) -> int:
        return self.clock.wall_ms()

    async def tick(self, chance: random.Random, by_ms: int) -> None:
        """Time passes; what has been scraped arrives, up to the freshness late.

        Samples come first: a clock that was ahead of them would call a step settled too early.
        """
        lag_ms = chance.choice([0, 0, DEFAULTS.freshness_ms // 2, DEFAULTS.freshness_ms])
        until_ms = max(self.written_ms, self.now_ms + by_ms - lag_ms)
        await self._write(self.series, self.written_ms, until_ms)
        self.written_ms = until_ms
        self.clock.advance(by_ms)

    async def add_late_series(
        self, chance: random.Random, texts: Sequence[str]
    ) -> tuple[str, tuple[int, int]]:
        """A series like one that is asked for, unknown before, with samples of the recent window.

        Returns its metric, and the times of its first and last sample.
        """
        asked = [name for name in LATE_METRICS if any(name in text for text in texts)]
        metric = chance.choice(asked or LATE_METRICS)
        model = chance.choice([one for one in self.series if (METRIC_NAME, metric) in one.labels])
        first_ms = self.now_ms - chance.randint(MINUTE_MS, DEFAULTS.recent_ms)
        last_ms = chance.randint(first_ms + 1, self.now_ms)
        inside: NDArray[np.bool_] = (model.timestamps_ms >= first_ms) & (model.timestamps_ms <= last_ms)
        self.late += 1
        labels = {**dict(model.labels), "late": str(self.late)}
        times = model.timestamps_ms[inside]
        series = float_series(labels, times, model.values[inside] + self.late)
        await self._write([series], first_ms, last_ms + 1)
        return metric, (first_ms, last_ms)

    async def _write(self, series: Sequence[RawSeries], start_ms: int, end_ms: int) -> None:
        for first_ms in range(start_ms, end_ms, HOUR_MS):
            request = remote_write.encode(series, first_ms, min(first_ms + HOUR_MS, end_ms))
            if request.timeseries:
                await asyncio.to_thread(remote_write.send, self.thanos.receive_url, request)


@dataclasses.dataclass(slots=True)
class Dashboard:
    """A case whose window moves; `trail` is what was done with it.

    stays: the next look is at the same window: what has changed would show there.
    """

    case: Case
    window: Window
    stays: bool = False
    trail: list[str] = dataclasses.field(default_factory=list)

    def move(self, chance: random.Random, now_ms: int) -> None:
        """Look at now, at what was looked at before, or at something beside it."""
        way = chance.random() + self.stays
        self.stays = False
        if way < 0.55:
            step_ms, phase_ms = self.case.window.step_ms, self.case.window.start_ms
            self.window = window_near(chance, now_ms, step_ms, phase_ms % step_ms)
        elif way < 0.75:
            self.window = bounded(next_window(chance, self.window))


def draw_dashboards(chance: random.Random, seed: int, numbers: range, data: Window) -> list[Dashboard]:
    """Cases over the samples that there are now, of fine steps, so that their windows end at now.

    The last of them reads what lies after a step: it is settled later than others.
    """
    later = (draw_case(seed, number, data) for number in itertools.count(numbers[-1]))
    ahead = next(case for case in later if "offset -" in case.query.text and not case.doubt)
    drawn = []
    for case in [*(draw_case(seed, number, data) for number in numbers[:-1]), ahead]:
        step_ms = draw_step_ms(chance, case.query.least_step_ms)
        start_ms = data.start_ms + chance.choice([0, chance.randrange(step_ms)])
        window = Window(start_ms, start_ms, step_ms)
        drawn.append(Dashboard(dataclasses.replace(case, window=window), window))
    return [one for one in drawn if not one.case.doubt]


async def live_through(
    chance: random.Random, world: World, boards: Sequence[Dashboard], sides: Sides
) -> list[Finding]:
    """Some dashboards side by side, asked again and again while time moves on."""
    found: list[Finding] = []

    async def look(board: Dashboard) -> None:
        board.move(chance, world.now_ms)
        board.trail.append(f"at {world.now_ms}")
        if finding := await take_turn(chance, board.case, board.window, sides, board.trail):
            found.append(dataclasses.replace(finding, before=tuple(board.trail)))
        if chance.random() < DISTURB_CHANCE:
            await disturb(chance, sides, board.window, board.trail)

    for _ in range(TURNS):
        async with asyncio.TaskGroup() as group:
            for board in boards:
                group.create_task(look(board))
        if found:
            break
        what = await move_on(chance, world, boards, sides)
        for board in boards:
            board.trail.append(what)
    return found


async def move_on(
    chance: random.Random, world: World, boards: Sequence[Dashboard], sides: Sides
) -> str:
    """Time passes while questions are under way; what they are answered is not looked at."""
    if chance.random() < LOOK_CHANCE:
        await sides.the_held.look_at_stores()
    if chance.random() < LATE_CHANCE:
        return await come_late(chance, world, boards, sides)
    by_ms = chance.choice(TICKS_MS)
    async with asyncio.TaskGroup() as group:
        for board in chance.sample(boards, k=min(len(boards), chance.choice([0, 1, 3]))):
            group.create_task(stir(chance, board, sides))
        await asyncio.sleep(chance.random() * 0.01)
        await world.tick(chance, by_ms)
    return f"{by_ms} ms pass"


async def come_late(
    chance: random.Random, world: World, boards: Sequence[Dashboard], sides: Sides
) -> str:
    """Late samples arrive while questions are under way; a purge or time makes answers right."""
    is_purged = chance.random() < 0.5
    for board in boards:
        board.stays = True
    async with asyncio.TaskGroup() as group:
        for board in boards:
            group.create_task(stir(chance, board, sides))
        await asyncio.sleep(chance.random() * 0.01)
        metric, span_ms = await world.add_late_series(chance, [b.case.query.text for b in boards])
        by_purge = await purged(chance, metric, span_ms, sides) if is_purged else ""
    if is_purged:
        return f"late samples of {metric} at {span_ms}, purged by {by_purge}"
    for board in boards:
        await stir(chance, board, sides)
    await sides.the_held.look_at_stores()
    await world.tick(chance, DEFAULTS.recent_life_ms)
    return f"late samples of {metric} at {span_ms}, {DEFAULTS.recent_life_ms} ms pass"


async def purged(chance: random.Random, metric: str, span_ms: tuple[int, int], sides: Sides) -> str:
    """Purge what the late samples change; flights under way must not bring it back."""
    first_s, last_s = (f"{time_ms / 1000:.3f}" for time_ms in span_ms)
    fields = chance.choice([{"all": "true"}, {"metric": metric}, {"start": first_s, "end": last_s}])
    await purge_by(sides.thanoxy, fields)
    return str(fields)


async def stir(chance: random.Random, board: Dashboard, sides: Sides) -> Answer:
    """Soon ask for something that gets kept: what is looked at, or something beside it, anew or not."""
    await asyncio.sleep(chance.choice([0, chance.random() * 0.02]))
    window = chance.choice([board.window, bounded(next_window(chance, board.window))])
    request = written(chance, board.case, window).request
    if chance.random() < 0.5:
        anew = ("Cache-Control", "no-cache")
        request = dataclasses.replace(request, headers=(*request.headers, anew))
    return await sides.thanoxy.ask(request)

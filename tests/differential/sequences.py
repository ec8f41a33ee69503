"""The windows that one dashboard asks for, one after the other: most overlap the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.differential.windows import DAY_MS, HOUR_MS, MINUTE_MS, Window

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

MOST_STEPS = 500
MOST_MS = 6 * DAY_MS
"""A window that has grown beyond these is cut; Thanos has to answer every one of them whole."""


def next_window(chance: random.Random, window: Window) -> Window:
    """Another window of the same query; of the same grid in nine cases of ten."""
    moves = list(MOVES)
    move = chance.choices(moves, weights=list(MOVES.values()))[0]
    return bounded(move(chance, window))


def bounded(window: Window) -> Window:
    """The first steps of a window, as many as may be."""
    most_ms = min(MOST_STEPS * window.step_ms, MOST_MS)
    return Window(window.start_ms, min(window.end_ms, window.start_ms + most_ms), window.step_ms)


def the_same(chance: random.Random, window: Window) -> Window:
    return window


def slid_by_one(chance: random.Random, window: Window) -> Window:
    return window.moved(chance.choice([1, 1, 1, -1]))


def shifted(chance: random.Random, window: Window) -> Window:
    return window.moved(chance.randint(-window.steps, window.steps))


def zoomed_in(chance: random.Random, window: Window) -> Window:
    first, last = sorted(chance.randrange(window.steps) for _ in range(2))
    return part(window, first, last)


def zoomed_out(chance: random.Random, window: Window) -> Window:
    """Up to twice as long on either side, and by at least a step."""
    before, after = (chance.randint(1, window.steps) for _ in range(2))
    return part(window, -before, window.steps - 1 + after)


def grown(chance: random.Random, window: Window) -> Window:
    """The same begin, a later end: as a dashboard that shows today."""
    return part(window, 0, window.steps - 1 + chance.randint(1, 5))


def one_step(chance: random.Random, window: Window) -> Window:
    """start == end, inside the window or right beside it."""
    at = chance.randint(-1, window.steps)
    return part(window, at, at)


def regrown(chance: random.Random, window: Window) -> Window:
    """Much wider again: without it windows would only get smaller."""
    steps = chance.choice([10, 60, 300, 700])
    return part(window, -chance.randint(0, steps), chance.randint(0, steps))


def off_the_grid(chance: random.Random, window: Window) -> Window:
    """The same steps: the end lies between two."""
    end_ms = window.timestamps_ms[-1] + chance.randrange(window.step_ms)
    return Window(window.start_ms, end_ms, window.step_ms)


def of_another_phase(chance: random.Random, window: Window) -> Window:
    by_ms = chance.randrange(window.step_ms)
    return Window(window.start_ms + by_ms, window.end_ms + by_ms, window.step_ms)


def of_another_step(chance: random.Random, window: Window) -> Window:
    return Window(window.start_ms, window.end_ms, window.step_ms * chance.choice([2, 3]))


MOVES: dict[Callable[[random.Random, Window], Window], int] = {
    the_same: 10,
    slid_by_one: 20,
    shifted: 16,
    zoomed_in: 12,
    zoomed_out: 12,
    grown: 10,
    one_step: 6,
    regrown: 6,
    off_the_grid: 4,
    of_another_phase: 3,
    of_another_step: 1,
}
"""The way from a window to the next, and how often it is gone."""


def part(window: Window, first: int, last: int) -> Window:
    """The steps from `first` to `last`, counted from the window's start; may lie outside of it."""
    first_ms = window.start_ms + first * window.step_ms
    return Window(first_ms, window.start_ms + last * window.step_ms, window.step_ms)


NEAR_NOW_STEPS_MS = (
    *(5_000, 7_000, 13_337, 15_000, 15_000, 30_000, 30_000, 60_000, 60_000, 90_000),
    *(5 * MINUTE_MS, HOUR_MS),
)
EDGES_MS = (0, 0, 0, 0, MINUTE_MS, MINUTE_MS, 2 * HOUR_MS, -5 * MINUTE_MS, -2 * HOUR_MS)
"""How long before now a window ends, about: at now, where data is settled, where it is old, later."""


def draw_step_ms(chance: random.Random, least_step_ms: int) -> int:
    return max(chance.choice(NEAR_NOW_STEPS_MS), least_step_ms)


def window_near(chance: random.Random, now_ms: int, step_ms: int, phase_ms: int) -> Window:
    """A window of a given grid that ends about now, or about one of the edges that count."""
    edge_ms = now_ms - chance.choice(EDGES_MS)
    last = (edge_ms - phase_ms) // step_ms + chance.choice([0, 0, 0, 0, 1, -1, -2, 3])
    steps = chance.choice([1, 2, 10, 60, 60, 250, 250, 600])
    last_ms = last * step_ms + phase_ms
    start_ms = max(last_ms - (steps - 1) * step_ms, last_ms - 2 * DAY_MS // step_ms * step_ms)
    return Window(start_ms, last_ms, step_ms)

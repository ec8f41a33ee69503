"""The windows of a dashboard stay within bounds, and most of them share a grid with others."""

from __future__ import annotations

import itertools
import random

from tests.differential.sequences import (
    MOST_MS,
    MOST_STEPS,
    MOVES,
    bounded,
    next_window,
    window_near,
)
from tests.differential.windows import DAY_MS, MINUTE_MS, Window

FIRST = Window(1_800_000_000_123, 1_800_003_600_000, 15_000)


def sequence(seed: int, length: int = 40) -> list[Window]:
    chance = random.Random(seed)
    windows = [FIRST]
    while len(windows) < length:
        windows.append(bounded(next_window(chance, windows[-1])))
    return windows


MANY = [sequence(seed) for seed in range(50)]


def test_every_window_has_a_step_and_not_too_many() -> None:
    for window in itertools.chain(*MANY):
        assert 1 <= window.steps <= MOST_STEPS + 1
        assert window.end_ms - window.start_ms <= MOST_MS


def test_most_windows_overlap_the_one_before_on_its_grid() -> None:
    pairs = list(itertools.chain(*(itertools.pairwise(windows) for windows in MANY)))
    overlapping = sum(bool({*a.timestamps_ms} & {*b.timestamps_ms}) for a, b in pairs)
    assert overlapping > len(pairs) * 0.6


def test_every_way_of_moving_on_is_gone() -> None:
    chance = random.Random(1)
    ways = {way.__name__: way(chance, FIRST) for way in MOVES}
    assert ways["the_same"] == FIRST
    assert ways["off_the_grid"].timestamps_ms == FIRST.timestamps_ms
    assert ways["one_step"].start_ms == ways["one_step"].end_ms
    assert {*ways["zoomed_in"].timestamps_ms} <= {*FIRST.timestamps_ms}
    assert {*ways["zoomed_out"].timestamps_ms} > {*FIRST.timestamps_ms}
    assert len({*ways.values()}) > 8


def test_windows_near_now_end_on_both_sides_of_it_and_keep_their_grid() -> None:
    now_ms = 1_800_000_000_000
    windows = [window_near(random.Random(seed), now_ms, 15_000, 7) for seed in range(200)]
    assert {window.start_ms % 15_000 for window in windows} == {7}
    assert all(window.end_ms - window.start_ms <= 2 * DAY_MS for window in windows)
    ends = [window.timestamps_ms[-1] - now_ms for window in windows]
    assert min(ends) < -100 * MINUTE_MS
    assert max(ends) > 100 * MINUTE_MS
    assert sum(abs(end) <= MINUTE_MS for end in ends) > 50

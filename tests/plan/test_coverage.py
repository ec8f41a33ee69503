"""Kept pieces as rows of runs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from proxy.model.extent import Kept
from proxy.model.grid import Grid
from proxy.plan.coverage import Coverage, CoverageRow, CoveredRun, covered_runs, cut
from proxy.plan.holes import Store, StoreWatch
from tests.pieces import piece_of

if TYPE_CHECKING:
    from proxy.model.piece import Piece

STEP_MS = 1_000
NOW_MS = 500


def held(first: int, end: int, expires_ms: int = 100_500) -> Kept[Piece]:
    """Steps that were fetched from 100 to 110."""
    return Kept(
        piece=piece_of({}, Grid(first * STEP_MS, STEP_MS, end - first)),
        first_index=first,
        began_ms=100,
        ended_ms=110,
        expires_ms=expires_ms,
        pending_until_ms=600,
        reads=(0, 1 << 40),
        fetched=(first, end),
    )


def watching(*looks: tuple[int, bool]) -> StoreWatch:
    watch = StoreWatch(forget_ms=1 << 40)
    for at_ms, is_healthy in looks:
        watch.look(at_ms, at_ms + 1, [Store("store", "1", 0, 1 << 60, is_healthy)])
    return watch


GOOD = watching((0, True), (120, True))


def runs(
    *kept: Kept[Piece], times: tuple[int, int] = (0, 1 << 40), watch: StoreWatch = GOOD
) -> list[tuple[int, int, int, str]]:
    found = covered_runs(kept, times, watch, NOW_MS)
    return [dataclasses.astuple(run) for run in found]


def test_neighbours_become_one_run_in_the_order_of_time() -> None:
    assert runs(held(4, 8), held(0, 4)) == [(0, 7_000, 100_000, "serves")]


def test_a_gap_parts_runs() -> None:
    assert [run[:2] for run in runs(held(0, 4), held(5, 8))] == [(0, 3_000), (5_000, 7_000)]


def test_a_run_lives_as_long_as_the_first_of_its_parts_and_no_part_much_longer() -> None:
    assert runs(held(0, 4), held(4, 8, expires_ms=90_500)) == [(0, 7_000, 90_000, "serves")]
    assert len(runs(held(0, 4), held(4, 8, expires_ms=40_500))) == 2


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        ((1_000, 2_000), [(1_000, 2_000)]),
        ((1_001, 2_999), [(2_000, 2_000)]),
        ((2_001, 2_999), []),
        ((-9, 0), [(0, 0)]),
        ((3_001, 9_000), []),
    ],
)
def test_only_steps_between_the_times_are_shown(
    times: tuple[int, int], shown: list[tuple[int, int]]
) -> None:
    assert [run[:2] for run in runs(held(0, 4), times=times)] == shown


@pytest.mark.parametrize(
    ("watch", "expires_ms", "state"),
    [
        (GOOD, 501, "serves"),
        (GOOD, 500, "expired"),
        (watching((0, True)), 501, "pending"),
        (watching((0, True), (120, False)), 501, "in_doubt"),
        (watching((0, True), (120, False), (140, True)), 501, "expired"),
    ],
)
def test_a_run_is_of_one_state(watch: StoreWatch, expires_ms: int, state: str) -> None:
    assert runs(held(0, 4, expires_ms=expires_ms), watch=watch) == [
        (0, 3_000, max(expires_ms - NOW_MS, 0), state)
    ]


def test_runs_of_two_states_are_two() -> None:
    assert [run[3] for run in runs(held(0, 4), held(4, 8, expires_ms=400))] == ["serves", "expired"]


def test_too_many_rows_and_runs_are_cut_and_counted() -> None:
    run = CoveredRun(0, 1, 2, "serves")
    row = CoverageRow(1, 0, "x", True, (), (run,) * 3)
    found = Coverage(0, 1, "a", rows=(row,) * 4)
    assert cut(found, 9, 12) == found
    by_rows = cut(found, 3, 99)
    assert (len(by_rows.rows), by_rows.rows_left_out, by_rows.runs_left_out) == (3, 1, 3)
    by_runs = cut(found, 9, 5)
    assert [len(row.runs) for row in by_runs.rows] == [3, 2]
    assert (by_runs.rows_left_out, by_runs.runs_left_out) == (2, 7)

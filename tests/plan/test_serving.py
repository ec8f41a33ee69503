"""When a kept piece may serve, and the word for why it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.model.extent import Kept
from proxy.model.grid import Grid
from proxy.plan.holes import Store, StoreWatch
from proxy.plan.serving import serving
from tests.pieces import piece_of

if TYPE_CHECKING:
    from proxy.model.piece import Piece

KEPT: Kept[Piece] = Kept(
    piece=piece_of({}, Grid(0, 1_000, 4)),
    first_index=0,
    began_ms=100,
    ended_ms=110,
    expires_ms=1_000,
    pending_until_ms=200,
    reads=(0, 4_000),
    fetched=(0, 4),
)


def watch_after(*looks: tuple[int, bool]) -> StoreWatch:
    """A watch that has looked at these moments, and whether the one store was there."""
    watch = StoreWatch(forget_ms=1 << 40)
    for at_ms, is_healthy in looks:
        watch.look(at_ms, at_ms + 1, [Store("store", "1", 0, 1 << 60, is_healthy)])
    return watch


CONFIRMED = watch_after((0, True), (120, True))
PENDING = watch_after((0, True))
AWAY = watch_after((0, True), (120, False))
BACK = watch_after((0, True), (120, False), (140, True))


@pytest.mark.parametrize(
    ("watch", "now_ms", "expected"),
    [
        (CONFIRMED, 150, (1_000, "")),
        (CONFIRMED, 999, (1_000, "")),
        (CONFIRMED, 1_000, (0, "expired")),
        (PENDING, 150, (200, "")),
        (PENDING, 200, (0, "pending")),
        (AWAY, 150, (200, "")),
        (AWAY, 200, (0, "in_doubt")),
        (AWAY, 1_000, (0, "expired")),
        (BACK, 150, (0, "lost")),
    ],
)
def test_a_piece_serves_by_its_life_and_by_what_is_known_of_the_stores(
    watch: StoreWatch, now_ms: int, expected: tuple[int, str]
) -> None:
    assert serving(KEPT, watch, now_ms) == expected

"""Since when something is wrong, what was only a blip, and when it is over."""

from __future__ import annotations

from proxy.status.findings import FAULTS
from proxy.status.snapshot import FileState, MemoryInFlight, Snapshot, StoreState
from proxy.status.watchman import PATIENCE_MS, Watchman
from tests.status.snapshots import NOW_MS, address, snapshot

WAITING = {"memory": MemoryInFlight(9, 9, waiting=1)}


def told(watchman: Watchman, second: float, **parts: object) -> list[str]:
    now = snapshot(NOW_MS + int(second * 1000), **parts)
    return [finding.fault for finding in watchman.look(now)]


def test_a_blip_is_not_told() -> None:
    watchman = Watchman()
    assert told(watchman, 0, **WAITING) == []
    assert told(watchman, 1, **WAITING) == []
    assert [told(watchman, second) for second in range(2, 20)] == [[]] * 18


def test_what_lasts_is_told_since_it_began_and_on_for_a_while() -> None:
    watchman = Watchman()
    told(watchman, 0, **WAITING)
    told(watchman, 1)
    assert told(watchman, 2, **WAITING) == ["no_memory"]
    (finding,) = watchman.look(snapshot(NOW_MS + 3_000, **WAITING))
    assert finding.since_ms == NOW_MS
    assert told(watchman, 18) == ["no_memory"]
    assert told(watchman, 18.1) == []


def test_what_comes_again_after_a_pause_begins_anew() -> None:
    watchman = Watchman()
    told(watchman, 0, **WAITING)
    told(watchman, 3.1)
    assert told(watchman, 4, **WAITING) == []


def test_what_is_certain_is_told_at_once_and_ends_soon() -> None:
    watchman = Watchman()
    parts = {
        "files": (FileState("limits", False, "bad"),),
        "stores": (StoreState("store", "s:1", 0, 1, is_healthy=False),),
        "addresses": (address("a", skew_ms=9_000), address("b")),
    }
    assert told(watchman, 0, **parts) == ["store_lost", "clock_skew", "bad_reload"]
    assert told(watchman, 3.1) == []


def test_times_can_be_scaled() -> None:
    watchman = Watchman(scale=0.01)
    told(watchman, 0, **WAITING)
    assert told(watchman, 0.02, **WAITING) == ["no_memory"]
    assert told(watchman, 0.2) == []


def test_memory_is_bounded() -> None:
    watchman = Watchman()
    well = address("well")
    for number in range(30):
        dead = tuple(address(f"{number}.{other}", "open") for other in range(20))
        watchman.look(Snapshot(NOW_MS, 1, addresses=(*dead, well)))
    assert len(watchman._watched) == 200


def test_patience_is_with_faults_that_there_are() -> None:
    assert set(PATIENCE_MS) <= set(FAULTS)

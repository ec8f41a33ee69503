"""Peers take turns, and rows hold what was used between the first counted request and the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from benchmarks.measure import take_turns
from benchmarks.participants import DIRECT, Peer, Used
from benchmarks.workloads import WARM, Ask, Workload

if TYPE_CHECKING:
    from benchmarks.client import Client

ASKS = tuple(Ask(f"/{number}", gzip=True) for number in range(4))


class Scripted:
    """Writes down who is asked what; every request costs a second and three samples."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self._log = name, log
        self.asked = 0
        self.client = cast("Client", self)

    @property
    def is_direct(self) -> bool:
        return self.name == DIRECT

    def ask(self, path: str, gzip: bool) -> int:
        self.asked += 1
        self._log.append(f"{self.name}{path}")
        return 0

    def used(self) -> Used:
        return Used(self.asked, self.asked, 1e6 * self.asked, 3 * self.asked)


def scripted(*names: str) -> tuple[list[Peer], list[str]]:
    log: list[str] = []
    return [cast("Peer", Scripted(name, log)) for name in names], log


def test_who_begins_changes_with_every_request() -> None:
    peers, log = scripted("a", "b", "c")
    take_turns(Workload("w", WARM, ASKS), peers)
    assert log == [
        *("a/0", "b/0", "c/0"),
        *("b/1", "c/1", "a/1"),
        *("c/2", "a/2", "b/2"),
        *("a/3", "b/3", "c/3"),
    ]


def test_a_burst_stays_together_after_what_only_warms() -> None:
    peers, log = scripted("a", "b")
    take_turns(Workload("w", WARM, ASKS, uncounted=1, burst=2), peers)
    assert log == ["a/0", "b/0", "b/1", "b/2", "a/1", "a/2", "a/3", "b/3"]


def test_thanos_itself_takes_part_only_where_it_is_wanted() -> None:
    peers, log = scripted("a", DIRECT)
    take_turns(Workload("w", WARM, ASKS), peers)
    assert not [line for line in log if line.startswith(DIRECT)]
    rows = take_turns(Workload("w", WARM, ASKS, with_direct=True), peers)
    assert [row.peer for row in rows] == ["a", DIRECT]


def test_requests_that_only_warm_do_not_count() -> None:
    peers, log = scripted("a")
    (row,) = take_turns(Workload("w", WARM, ASKS, uncounted=1), peers)
    assert len(log) == 4
    assert row.requests == 3
    assert (row.cpu_ms, row.upstream_requests, row.upstream_mb, row.samples) == (1000, 1, 1, 9)

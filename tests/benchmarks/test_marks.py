"""A mark is met, or it is not, and a table says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.crowd import CONNECTIONS, USERS
from benchmarks.marks import Mark, fastest_peer, marks, times
from benchmarks.participants import CORTEX, THANOXY, WITHOUT_MEMO
from benchmarks.results import PeersRun, Read, Row, Throughput
from benchmarks.workloads import COLD, DASHBOARDS, LABELS, SLIDING
from tests.benchmarks.runs import MACHINE, crowd, row, rows


def marks_of(**parts: list[Row] | list[Throughput]) -> list[Mark]:
    return marks(PeersRun(MACHINE, is_quick=False, **parts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("workload", "least"),
    [
        ("680 x 2,017, warm, gzip", 25),
        ("200 x 673, warm, gzip", 10),
        ("1 x 241, warm, gzip", 1.5),
        ("1 x 241, warm, identity", 1.5),
    ],
)
def test_some_workloads_must_be_so_many_times_as_fast(workload: str, least: float) -> None:
    with_memo, without = marks_of(rows=rows(workload, 1.0, least))
    assert (with_memo.is_met, without.is_met) == (True, False)
    assert with_memo.found == f"{times(least)} ({CORTEX})"
    assert all(mark.is_met for mark in marks_of(rows=rows(workload, 1.0, 2 * least)))


def test_all_other_warm_workloads_must_be_faster_than_every_peer() -> None:
    faster, slower = marks_of(rows=rows("labels", 1.0, 1.5, LABELS))
    assert (faster.peer, faster.is_met) == (THANOXY, True)
    assert (slower.peer, slower.is_met) == (WITHOUT_MEMO, False)


def test_errors_are_not_fast() -> None:
    found = rows("labels", 1.0, 10.0, LABELS)
    broken = [replace(found[0], errors=1), *found[1:]]
    assert [mark.is_met for mark in marks_of(rows=broken)] == [False, True]


@pytest.mark.parametrize("kind", [COLD, DASHBOARDS])
def test_what_is_not_warm_has_no_mark(kind: str) -> None:
    assert marks_of(rows=rows("1 x 241", 1.0, 0.1, kind)) == []


def test_thanos_itself_is_no_peer() -> None:
    found = rows("labels", 1.0, 10.0, LABELS)
    peer = fastest_peer(found)
    assert peer is not None
    assert peer.peer == CORTEX
    assert fastest_peer(found[:2]) is None


def test_sliding_asks_for_at_most_a_twentieth_of_the_samples() -> None:
    def found(samples: float) -> list[bool]:
        one = replace(row("sliding", THANOXY, 1.0, SLIDING), samples=samples, client_samples=1000)
        return [mark.is_met for mark in marks_of(rows=[one])]

    assert found(50) == [True]
    assert found(51) == [False]


def test_requests_a_core_second_are_compared_with_the_best_peer() -> None:
    found = [
        Throughput("1 x 241, gzip", THANOXY, 900),
        Throughput("1 x 241, gzip", WITHOUT_MEMO, 590),
        Throughput("1 x 241, gzip", CORTEX, 400),
        Throughput("3 x 673, gzip", THANOXY, 1),
    ]
    assert [(mark.peer, mark.is_met) for mark in marks_of(throughput=found)] == [
        (THANOXY, True),
        (WITHOUT_MEMO, False),
    ]


@pytest.mark.parametrize(
    ("p99_ms", "errors", "is_met"), [(39.9, 0, True), (40.0, 0, False), (2.0, 1, False)]
)
def test_many_clients_get_no_error_and_a_short_tail(p99_ms: float, errors: int, is_met: bool) -> None:
    for how in (USERS, CONNECTIONS):
        run = PeersRun(MACHINE, is_quick=False, crowd=[crowd(how, 2.0, p99_ms, errors)])
        assert [mark.is_met for mark in marks(run)] == [is_met]


def test_a_server_that_only_queues_does_not_meet_the_mark_by_its_slow_median() -> None:
    slow = replace(crowd(USERS, 2.0, 3.0), answered_per_s=400.0)
    assert [mark.is_met for mark in marks(PeersRun(MACHINE, is_quick=False, crowd=[slow]))] == [False]


def test_remote_reads_are_compared_with_the_shim() -> None:
    reads = [
        Read("fast", 1, 100.0, 1.0, is_claimed=True),
        Read("slow", 1, 101.0, 1.0, is_claimed=True),
        Read("other", 1, 900.0, 1.0, is_claimed=False),
        Read("shim", 1, 300.0, 1.0, is_claimed=False),
    ]
    run = PeersRun(MACHINE, is_quick=False, reads=reads)
    assert [(mark.name, mark.is_met) for mark in marks(run)] == [
        ("remote read, fast", True),
        ("remote read, slow", False),
    ]


@pytest.mark.parametrize(("ratio", "text"), [(1.5, "1.50 x"), (9.94, "9.94 x"), (25.4, "25 x")])
def test_a_ratio_is_written_shortly(ratio: float, text: str) -> None:
    assert times(ratio) == text

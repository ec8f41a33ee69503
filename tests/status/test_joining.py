"""What several workers say, as one."""

from __future__ import annotations

import dataclasses

from proxy.status.joining import together
from proxy.status.snapshot import Address, FileState, Finding, Moment, Rates, Snapshot, TierState
from tests.status.told import FINDING, FULL, RUN, other


def test_one_alone_is_as_it_is() -> None:
    assert together([FULL]) is FULL


def test_counts_and_rates_add_up_and_the_worst_quantile_counts() -> None:
    both = together([FULL, other(rates=Rates(30.0, 2.0, 1.0, 1.0, 90.0, 1.0, 7.0, 0.5))])
    assert both.rates == Rates(40.0, 3.0, 6.0, 2.0, 90.0, 0.875, 7.0, 0.5)
    assert (both.queue.running, both.queue.most, both.queue.waiting) == (6, 20, 4)
    assert both.queue.tenants[0].running == 6
    assert both.queue.tenants[0].share == 0.75
    assert (both.memory.held_bytes, both.memory.most_bytes) == (200, 2_000)
    assert (both.cache.extents, both.cache.lookups_per_s) == (4, 8.0)
    assert both.workers == 2


def test_a_rate_that_one_cannot_tell_is_the_other_s() -> None:
    idle = Rates()
    assert together([FULL, other(rates=idle)]).rates.hit_share == 0.5
    assert together([dataclasses.replace(FULL, rates=idle), other(rates=idle)]).rates.p99_ms is None


def test_an_address_is_as_bad_as_the_worst_says() -> None:
    well = Address("http://a", "closed", 4, 9.0, 1.0, 10, 1)
    (one, new) = together(
        [FULL, other(addresses=(well, dataclasses.replace(well, url="http://b")))]
    ).addresses
    assert (one.state, one.in_flight, one.latency_ms, one.failures) == ("open", 5, 9.0, 4)
    assert one.last_error == "refused"
    assert new.url == "http://b"


def test_findings_are_told_once_and_worst_first() -> None:
    worse = Finding("no_memory", 85, True, "", "no memory", "look", "memory")
    found = together([FULL, other(findings=(FINDING, worse))]).findings
    assert [one.fault for one in found] == ["no_memory", "upstream_dead"]


def test_a_tier_or_a_file_that_is_bad_anywhere_is_bad() -> None:
    tiers = (TierState("lmdb", "reads left alone", failed_per_s=1.0),)
    files = (FileState("limits", False, "no YAML"),)
    both = together([FULL, other(tiers=tiers, files=files)])
    assert (both.tiers[0].state, both.tiers[0].failed_per_s) == ("reads left alone", 3.0)
    assert both.files == files


def test_curves_are_added_where_both_have_a_point() -> None:
    both = together([FULL, other(history=(Moment(9_100, 1.0, 0.0, 60.0, 1.0, 3, 0.75),))])
    assert both.history[0] == Moment(8_000, 10.0, 1.0, 60.0, 0.75, 4, 0.5)
    assert both.history[1] == FULL.history[1]


def test_requests_of_all_are_ranked_together() -> None:
    slower = dataclasses.replace(RUN, id="2-1", took_ms=500.0, upstream_ms=1.0)
    both = together([FULL, other(running=(slower,), slowest=(slower,), costliest=(slower,))])
    assert [run.id for run in both.slowest] == ["2-1", "1-7"]
    assert [run.id for run in both.costliest] == ["1-7", "2-1"]
    assert len(both.running) == 2


def test_failures_of_one_expression_add_up() -> None:
    killed = dataclasses.replace(FULL.failing[0], failures=1, has_killed=True, last_ms=1)
    (one,) = together([FULL, other(failing=(killed,))]).failing
    assert (one.failures, one.has_killed, one.last_ms) == (4, True, 9_000)


def test_empty_ones_can_be_joined() -> None:
    assert together([Snapshot(1, 1), Snapshot(2, 2)]).at_ms == 2

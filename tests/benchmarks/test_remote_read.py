"""The parts of the remote-read benchmark that need no server: its samples, its queries, its table."""

from __future__ import annotations

import urllib.parse

import numpy as np
import pytest

from benchmarks.remote_read import (
    DAY_MS,
    HOUR_MS,
    REPLICA_OFFSET_MS,
    SAMPLES,
    SERIES,
    SHIM,
    Peer,
    bench_series,
    is_right,
    query_path,
    table,
    verdicts,
)

END_MS = 20_000 * DAY_MS


def peer(name: str, *took_s: float, is_claimed: bool = False) -> Peer:
    return Peer(name, "http://a", is_claimed=is_claimed, took_s=list(took_s))


def parameters(path: str) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(path.partition("?")[2]))


def test_a_query_reads_all_that_its_name_promises() -> None:
    asked = parameters(query_path(END_MS, None))
    last_ms = round(float(asked["time"]) * 1000)
    series = bench_series(END_MS, replicas=1)
    read = [
        int(np.sum((one.timestamps_ms > last_ms - DAY_MS) & (one.timestamps_ms <= last_ms)))
        for one in series
    ]
    assert len(series) == SERIES
    assert sum(read) == SAMPLES == 1_440_000
    assert "[24h]" in asked["query"]


def test_its_hours_lie_in_two_days() -> None:
    last_ms = round(float(parameters(query_path(END_MS, None))["time"]) * 1000)
    assert (last_ms - DAY_MS) // DAY_MS < last_ms // DAY_MS
    assert last_ms < END_MS - HOUR_MS


def test_a_cold_query_is_another_in_each_turn() -> None:
    assert len({query_path(END_MS, turn) for turn in (None, 0, 1, 2)}) == 4


def test_replicas_differ_in_their_label_and_in_when_they_scrape() -> None:
    one, other, *_ = bench_series(END_MS, replicas=2)
    assert dict(one.labels)["replica"] != dict(other.labels)["replica"]
    assert {**dict(one.labels), "replica": ""} == {**dict(other.labels), "replica": ""}
    assert np.array_equal(one.values, other.values)
    assert np.all(other.timestamps_ms - one.timestamps_ms == REPLICA_OFFSET_MS)
    assert len(bench_series(END_MS, replicas=2)) == 2 * SERIES


@pytest.mark.parametrize(
    ("seen", "is_so"),
    [(SAMPLES - 1, False), (SAMPLES, True), (SAMPLES + SERIES, True), (2 * SAMPLES, False)],
)
def test_a_peer_that_reads_too_few_samples_or_both_replicas_is_found_out(
    seen: int, is_so: bool
) -> None:
    assert is_right(seen, SAMPLES) is is_so


def test_the_table_compares_medians_with_the_shim_and_with_thanos_itself() -> None:
    lines = table([peer("direct", 0.1, 0.3, 0.2), peer(SHIM, 0.4, 0.5, 9.0)])
    assert "median     200 ms  (100 to 300)" in lines[0]
    assert "of the shim  0.40  of direct  1.00" in lines[0]
    assert "of the shim  1.00  of direct  2.50" in lines[1]


@pytest.mark.parametrize(("took_s", "verdict"), [(0.99, "yes"), (1.0, "yes"), (1.01, "NO")])
def test_a_claim_holds_up_to_a_third_of_the_shim(took_s: float, verdict: str) -> None:
    ours = peer("thanoxy", took_s, is_claimed=True)
    [line] = verdicts([peer("direct", 0.1), ours, peer(SHIM, 3.0)])
    assert line == f"  thanoxy: at most a third of the shim: {verdict}"

"""Snapshots are values that JSON can carry."""

from __future__ import annotations

import orjson

from proxy.status.snapshot import Finding, QueryRun, Snapshot, SplitRun


def test_a_snapshot_is_json_as_it_is() -> None:
    split = SplitRun(from_ms=0, to_ms=60_000, state="fetching", begun_at_ms=0.1, sent_at_ms=0.4)
    running = QueryRun(
        "7", "query_range", 1_000, 12.5, expr="up", stages={"plan": 0.1}, splits=(split,)
    )
    finding = Finding("upstream_dead", 90, True, "http://a", "a is dead.", "Look at a.", "upstreams")
    told = orjson.loads(orjson.dumps(Snapshot(1_000, 1, findings=(finding,), running=(running,))))
    assert told["running"][0]["splits"][0]["state"] == "fetching"
    assert told["findings"][0]["fault"] == "upstream_dead"
    assert told["rates"]["p99_ms"] is None

"""Settings reach what explains queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.clients import DAY_MS, running
from tests.fakes import fake_upstream

if TYPE_CHECKING:
    from pathlib import Path

EXPLAIN = "/api/v1/thanoxy/explain"
RANGE = f"{EXPLAIN}?query=a&start=7&end=10807&step=600&format=json"
INSTANT = f"{EXPLAIN}?query=a&time=5&format=json"


async def test_cutting_lives_and_headers_are_those_of_the_settings() -> None:
    settings = {
        "cache_config": "",
        "split_interval_ms": DAY_MS // 2,
        "align_range_with_step": True,
        "long_life_ms": 77_000,
        "instant_life_ms": 5_000,
        "vary_headers": "X-Team",
        "query_timeout_ms": 9_000,
    }
    async with fake_upstream() as upstream, running(upstream.url, **settings) as proxy:
        told = (await proxy.get(RANGE)).json["data"]
        instant = (await proxy.get(INSTANT)).json["data"]
    assert told["interval_ms"] == DAY_MS // 2
    assert told["window"]["is_moved"]
    assert told["keeping"][0]["life_ms"] == 77_000
    assert [name for name, _ in told["key"]["headers"]] == ["thanos-tenant", "x-team"]
    assert told["reading"]["patience_ms"] == 9_000
    assert told["notes"] == []
    assert instant["keeping"][0]["life_ms"] == 5_000


async def test_a_tier_behind_memory_is_known(tmp_path: Path) -> None:
    settings = {"cache_config": "", "cache_dir": str(tmp_path), "cache_dir_bytes": 1 << 24}
    async with fake_upstream() as upstream, running(upstream.url, **settings) as proxy:
        told = (await proxy.get(RANGE)).json["data"]
    assert any("tier" in note for note in told["notes"])


async def test_marks_of_two_processes_differ() -> None:
    marks = set()
    for _ in range(2):
        async with fake_upstream() as upstream, running(upstream.url, cache_config="") as proxy:
            told = (await proxy.get(RANGE, Cookie="a=b")).json["data"]
            marks.add(dict(told["key"]["headers"])["cookie"])
    assert len(marks) == 2

"""Large answers for many at once, in a process that may not have much memory: nothing else suffers."""

from __future__ import annotations

import pytest

from benchmarks.memory_flood import MB, ONE_SPLIT, Case, Shape, flood, limited_proxy, run, upstream

LIMIT_BYTES = 1024 * MB
ALLOWED = {200, 422, 429}
MAX_WAIT = "--limits.max-wait=6s"
"""Who gets no memory is refused after this; with the default that wait would be the whole flood."""
SEVERAL_SPLITS = Shape(series=1_000, steps=1_400, step_s=432)


@pytest.mark.parametrize(
    ("case", "clients"),
    [
        (Case(ONE_SPLIT, gzip=True, warm=False, same=False), 200),
        (Case(SEVERAL_SPLITS, gzip=False, warm=True, same=False), 60),
        (Case(ONE_SPLIT, gzip=True, warm=False, same=True), 100),
    ],
    ids=str,
)
async def test_many_who_want_46_mb_each_at_once_harm_nobody(case: Case, clients: int) -> None:
    async with upstream() as url:
        seen = await run(case, url, clients, LIMIT_BYTES, MAX_WAIT)
    assert set(seen.statuses) <= ALLOWED, seen.statuses
    assert seen.statuses[200] >= (clients if case.same else 2)
    assert not seen.lost, seen.lost[:3]
    assert seen.slowest_small_s < 15, "two cores do all of it, upstream and clients too"
    assert seen.peak_rss_bytes < 0.8 * LIMIT_BYTES, f"{seen.peak_rss_bytes / MB:.0f} MB"
    for asked in seen.large:
        assert asked.status == 200 or "--limits.memory-in-flight" in asked.text


async def test_what_is_in_flight_stays_within_a_setting_of_64_mb() -> None:
    """46 MB of text are 92 MB in flight while they arrive: too much for this one, and it says so."""
    case = Case(ONE_SPLIT, gzip=True, warm=False, same=True)
    async with (
        upstream() as url,
        limited_proxy(url, LIMIT_BYTES, "--limits.memory-in-flight=64MB") as proxy,
    ):
        seen = await flood(proxy, case.paths(20), gzip=True)
    assert seen.statuses == {422: 20}
    assert not seen.lost
    assert seen.peak_rss_bytes < 250 * MB

"""A few thousand hostile requests; by the million: `python -m tests.fuzz.http`."""

from __future__ import annotations

from tests.fuzz.http import fuzz


async def test_no_hostile_request_gets_a_500_a_hang_or_leaves_anything_behind() -> None:
    findings, figures = await fuzz(6_000, seed=5)
    assert not findings.wrong
    assert figures["requests"] >= 5_900
    assert {"200", "400", "408", "505"} <= findings.statuses.keys(), "it is hostile, and not only that"
    assert figures["in_flight_bytes"] == 0
    assert figures["tasks"][1] <= figures["tasks"][0] + 20
    assert figures["descriptors"][1] <= figures["descriptors"][0] + 40

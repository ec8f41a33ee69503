"""How memory is divided."""

from __future__ import annotations

import pytest

from proxy.engine.memory_policy import MemoryPolicy

POLICY = MemoryPolicy(total_bytes=1_000, max_wait_ms=1_500, small_bytes=10, small_share=0.2)


def test_large_answers_may_take_all_but_the_room_for_small_ones() -> None:
    assert POLICY.large_bytes == 800
    assert POLICY.begun_bytes == 100


@pytest.mark.parametrize(("held", "counts"), [(0, 0), (10, 0), (11, 11)])
def test_what_holds_more_than_a_little_counts_as_large_with_all_of_it(held: int, counts: int) -> None:
    assert POLICY.large_part(held) == counts


def test_what_is_said_names_the_limit_and_its_setting() -> None:
    assert "800 bytes" in str(POLICY.never())
    assert "1000 bytes" in str(POLICY.refusal("ring"))
    for error in (POLICY.never(), POLICY.refusal("ring")):
        assert "--limits.memory-in-flight" in str(error)


def test_a_refusal_says_when_to_come_again_and_its_status() -> None:
    refusal = POLICY.refusal("ring")
    assert (refusal.status, refusal.retry_after_s) == (429, 2)
    assert POLICY.never().status == 422

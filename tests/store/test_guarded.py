"""The guard around a tier: deadlines, breakers, the queue of writes. Against a tier made for it."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from proxy.store.guarded import GuardedTier, GuardPolicy
from proxy.store.raw_tier import Entry, TierError
from proxy.store.tier_config import WriteBreakerConfig
from proxy.telemetry.metrics import TIER_GETS, TIER_QUEUE_BYTES, TIER_WRITES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

LONG_S = 3600
POLICY = GuardPolicy(timeout_s=0.03, write_timeout_s=0.1, writers=1)


@dataclass
class FakeTier:
    """error, late_s, kept_share: what is wrong with it. asked: what it was asked."""

    name: str = "fake"
    max_value_bytes: int = 1_000
    error: BaseException | None = None
    write_error: BaseException | None = None
    late_s: float = 0.0
    keeps_nothing: bool = False
    values: dict[str, bytes] = field(default_factory=dict)
    lives: dict[str, int] = field(default_factory=dict)
    batches: list[list[str]] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)
    within_s: list[float] = field(default_factory=list)
    finished: int = 0
    is_started: bool = False
    is_closed: bool = False

    async def start(self) -> None:
        self.is_started = True

    async def get_many(self, names: Sequence[str], within_s: float, /) -> dict[str, bytes]:
        self.asked.append(list(names))
        self.within_s.append(within_s)
        await self._suffer(self.error)
        return {name: self.values[name] for name in names if name in self.values}

    async def put_many(self, entries: Sequence[Entry]) -> int:
        self.batches.append([entry.name for entry in entries])
        await self._suffer(self.write_error)
        if self.keeps_nothing:
            return 0
        self.values.update({entry.name: entry.value for entry in entries})
        self.lives.update({entry.name: entry.life_s for entry in entries})
        return len(entries)

    async def add(self, entry: Entry) -> bool:
        await self._suffer(self.error)
        is_free = entry.name not in self.values
        self.values.setdefault(entry.name, entry.value)
        return is_free

    async def remove(self, name: str) -> None:
        await self._suffer(self.error)
        self.values.pop(name, None)

    async def close(self) -> None:
        self.is_closed = True

    async def _suffer(self, error: BaseException | None) -> None:
        if self.late_s:
            await asyncio.sleep(self.late_s)
        if error is not None:
            raise error
        self.finished += 1


@asynccontextmanager
async def guarded(raw: FakeTier, **other: Any) -> AsyncIterator[GuardedTier]:
    tier = GuardedTier(raw, dataclasses.replace(POLICY, **other))
    await tier.start()
    try:
        yield tier
    finally:
        await tier.close(grace_s=0.05)
        assert raw.is_closed


def gets(result: str) -> float:
    value: float = TIER_GETS.labels("fake", result)._value.get()
    return value


def writes(result: str) -> float:
    value: float = TIER_WRITES.labels("fake", result)._value.get()
    return value


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_is_put_is_written_soon_and_can_be_got() -> None:
    async with guarded(raw := FakeTier()) as tier:
        assert raw.is_started
        hits, misses, written = gets("hit"), gets("miss"), writes("written")
        assert tier.put("a", b"1", LONG_S)
        await settle()
        found = await tier.get_many(["a", "gone"])
        assert {name: bytes(value) for name, value in found.items()} == {"a": b"1"}
        assert (gets("hit") - hits, gets("miss") - misses) == (1, 1)
        assert writes("written") - written == 1
        assert raw.lives["a"] == LONG_S


async def test_nothing_asked_asks_nobody() -> None:
    async with guarded(raw := FakeTier()) as tier:
        assert await tier.get_many([]) == {}
        assert raw.asked == []


async def test_a_large_value_is_written_in_parts_and_read_in_two_steps() -> None:
    async with guarded(raw := FakeTier()) as tier:
        tier.put("a", bytes(2_500), LONG_S)
        await settle()
        assert len(raw.values) == 4
        found = await tier.get_many(["a"])
        assert bytes(found["a"]) == bytes(2_500)
        assert [len(names) for names in raw.asked] == [1, 1, 1, 1]


async def test_a_value_that_lacks_a_part_is_a_miss() -> None:
    async with guarded(raw := FakeTier()) as tier:
        tier.put("a", bytes(2_500), LONG_S)
        await settle()
        raw.values.pop(next(name for name in raw.values if name != "a"))
        misses = gets("miss")
        assert await tier.get_many(["a"]) == {}
        assert gets("miss") - misses == 1


async def test_parts_are_cut_as_the_policy_says_where_a_tier_takes_larger_ones() -> None:
    async with guarded(raw := FakeTier(), part_bytes=500) as tier:
        tier.put("a", bytes(2_500), LONG_S)
        await settle()
        assert max(map(len, raw.values.values())) == 500
        assert bytes((await tier.get_many(["a"]))["a"]) == bytes(2_500)


async def test_what_keeps_coming_is_waited_for_and_what_has_come_is_given() -> None:
    names = [f"name-{number}" for number in range(40)]
    raw = FakeTier(values=dict.fromkeys(names, b"whole\0\0\x001"), late_s=0.02)
    async with guarded(raw, timeout_s=0.05, readers=2) as tier:
        assert len(await tier.get_many(names)) == 40
        assert [len(asked) for asked in raw.asked] == [4] * 10
        assert set(raw.within_s) == {0.05 * 0.75}
    async with guarded(raw, timeout_s=0.05, readers=2, most_s=0.07) as tier:
        failed = gets("failed")
        found = await tier.get_many(names)
        assert 16 <= len(found) <= 32
        assert gets("failed") - failed == 40 - len(found)


async def test_many_names_are_asked_in_a_bounded_number_of_questions() -> None:
    names = [f"name-{number}" for number in range(5_000)]
    async with guarded(raw := FakeTier()) as tier:
        await tier.get_many(names)
        assert [len(asked) for asked in raw.asked] == [50] * 100


@pytest.mark.parametrize(
    "error",
    [TierError("down"), OSError("gone"), TimeoutError(), ValueError("of a library"), KeyError("x")],
)
async def test_no_error_of_a_tier_ever_reaches_a_query(error: Exception) -> None:
    async with guarded(FakeTier(error=error, write_error=error)) as tier:
        failed = gets("failed")
        assert await tier.get_many(["a", "b"]) == {}
        assert gets("failed") - failed == 2
        assert await tier.add("lease", b"mine", 5)
        await tier.remove("a")
        tier.put("a", b"1", LONG_S)
        await settle()


async def test_what_is_late_is_not_waited_for_but_goes_on() -> None:
    async with guarded(raw := FakeTier(values={"a": b"whole\0\0\x001"}, late_s=0.08)) as tier:
        assert await tier.get_many(["a"]) == {}
        assert raw.finished == 0
        await asyncio.sleep(0.1)
        assert raw.finished == 1


async def test_after_some_failures_a_tier_is_left_alone_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with guarded(raw := FakeTier(error=TierError("it is down"))) as tier:
        skipped = gets("skipped")
        with caplog.at_level(logging.WARNING, "thanoxy"):
            for _ in range(20):
                await tier.get_many(["a"])
        assert len(raw.asked) == 5
        assert gets("skipped") - skipped == 15
        assert [record.message for record in caplog.records] == [
            "a cache tier fails; it is left alone for a while"
        ]
        assert vars(caplog.records[0])["err"] == "it is down"


async def test_a_tier_that_is_back_is_found_by_one_trial() -> None:
    async with guarded(raw := FakeTier(error=TierError("down"))) as tier:
        for _ in range(10):
            await tier.get_many(["a"])
        raw.error = None
        assert len(raw.asked) == 5
        await asyncio.sleep(1.05)
        await tier.get_many(["a"])
        await tier.get_many(["a"])
        assert len(raw.asked) == 7


async def test_a_query_that_is_cancelled_says_nothing_about_the_tier() -> None:
    async with guarded(raw := FakeTier(late_s=0.01), timeout_s=5.0, most_s=5.0) as tier:
        for _ in range(10):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await tier.get_many(["a"])
        await asyncio.sleep(0.03)
        raw.late_s = 0
        await tier.get_many(["a"])
        assert len(raw.asked) == 11
        assert raw.finished == 11


async def test_too_much_under_way_is_skipped() -> None:
    async with guarded(raw := FakeTier(late_s=0.2), timeout_s=1.0, most_s=1.0) as tier:
        skipped = gets("skipped")
        async with asyncio.TaskGroup() as group:
            for _ in range(450):
                group.create_task(tier.get_many(["a"]))
        assert len(raw.asked) == 400
        assert gets("skipped") - skipped == 50


async def test_failing_writes_do_not_stop_reads() -> None:
    async with guarded(raw := FakeTier(write_error=TierError("full"))) as tier:
        raw.values["a"] = b"whole\0\0\x001"
        skipped, failed = writes("skipped"), writes("failed")
        for number in range(20):
            tier.put(f"more-{number}", b"1", LONG_S)
            await settle()
        assert len(raw.batches) == 5
        assert writes("failed") - failed == 5
        assert writes("skipped") - skipped == 15
        assert await tier.get_many(["a"])


async def test_a_tier_that_keeps_nothing_of_a_batch_fails() -> None:
    async with guarded(raw := FakeTier(keeps_nothing=True)) as tier:
        failed = writes("failed")
        for number in range(20):
            tier.put(f"more-{number}", b"1", LONG_S)
            await settle()
        assert len(raw.batches) == 5
        assert writes("failed") - failed == 5


async def test_the_breaker_of_writes_can_be_another() -> None:
    config = WriteBreakerConfig(min_requests=0, consecutive_failures=2, failure_share=1.0)
    async with guarded(raw := FakeTier(), write_breaker=config) as tier:
        tier.put("good", b"1", LONG_S)
        await settle()
        raw.write_error = TierError("full")
        for number in range(20):
            tier.put(f"more-{number}", b"1", LONG_S)
            await settle()
        assert len(raw.batches) == 3


async def test_a_write_that_hangs_is_given_up() -> None:
    async with guarded(raw := FakeTier(late_s=30)) as tier:
        failed = writes("failed")
        tier.put("a", b"1", LONG_S)
        await asyncio.sleep(0.15)
        assert writes("failed") - failed == 1
        raw.late_s = 0
        tier.put("b", b"1", LONG_S)
        await asyncio.sleep(0.01)
        assert "b" in raw.values


async def test_the_queue_is_bounded_in_bytes_and_in_number() -> None:
    raw = FakeTier(max_value_bytes=10_000)
    tier = GuardedTier(raw, dataclasses.replace(POLICY, queue_bytes=1_000, queue_values=3))
    dropped = writes("dropped")
    assert tier.put("a", bytes(600), LONG_S)
    assert not tier.put("b", bytes(600), LONG_S)
    assert tier.put("a", bytes(900), LONG_S)  # in place of what waits
    assert tier.put("c", bytes(50), LONG_S)
    assert TIER_QUEUE_BYTES.labels("fake")._value.get() == 950
    assert tier.put("d", b"", LONG_S)
    assert not tier.put("e", b"", LONG_S)
    assert writes("dropped") - dropped == 2
    await tier.close()
    assert {name: len(value) - 8 for name, value in raw.values.items()} == {"a": 900, "c": 50, "d": 0}
    assert TIER_QUEUE_BYTES.labels("fake")._value.get() == 0


async def test_a_batch_holds_no_more_than_its_bytes() -> None:
    raw = FakeTier()
    tier = GuardedTier(raw, dataclasses.replace(POLICY, batch_bytes=1_000))
    for number in range(10):
        tier.put(f"a{number}", bytes(400), LONG_S)
    await tier.close()
    assert [len(batch) for batch in raw.batches] == [3, 3, 3, 1]


async def test_what_has_waited_lives_so_much_shorter_and_may_be_too_old() -> None:
    raw = FakeTier()
    tier = GuardedTier(raw, POLICY)
    dropped = writes("dropped")
    tier.put("long", b"1", 100)
    tier.put("short", b"1", 1)
    await asyncio.sleep(1.6)
    await tier.close()
    assert raw.lives == {"long": 98}
    assert writes("dropped") - dropped == 1


async def test_a_value_of_far_too_many_parts_is_dropped() -> None:
    raw = FakeTier(max_value_bytes=20)
    tier = GuardedTier(raw, POLICY)
    dropped = writes("dropped")
    tier.put("huge", bytes(20 * 5_000), LONG_S)
    await tier.close()
    assert raw.batches == []
    assert writes("dropped") - dropped == 1


async def test_a_removed_value_is_not_written_later() -> None:
    raw = FakeTier(values={"a": b"old"})
    tier = GuardedTier(raw, POLICY)
    tier.put("a", b"1", LONG_S)
    await tier.remove("a")
    await tier.close()
    assert raw.values == {}


async def test_a_name_is_ours_when_it_was_free_or_nobody_can_say() -> None:
    async with guarded(raw := FakeTier(values={"taken": b"theirs"})) as tier:
        assert await tier.add("free", b"mine", 5)
        assert not await tier.add("taken", b"mine", 5)
        raw.late_s = 1
        assert await tier.add("taken", b"mine", 5)


async def test_what_was_added_can_be_got_like_what_was_put() -> None:
    async with guarded(raw := FakeTier()) as tier:
        await tier.add("lease", b"mine", 5)
        assert bytes((await tier.get_many(["lease"]))["lease"]) == b"mine"
        dropped = writes("dropped")
        assert await tier.add("large", bytes(5_000), 5)
        assert writes("dropped") - dropped == 1
        assert raw.values.keys() == {"lease"}


async def test_the_end_waits_only_so_long_for_writes() -> None:
    raw = FakeTier(late_s=30)
    tier = GuardedTier(raw, dataclasses.replace(POLICY, write_timeout_s=30))
    await tier.start()
    tier.put("a", b"1", LONG_S)
    async with asyncio.timeout(1):
        await tier.close(grace_s=0.05)
    assert raw.is_closed


async def test_what_is_left_alone_can_be_seen() -> None:
    async with guarded(raw := FakeTier()) as tier:
        assert (tier.name, tier.left_alone(), tier.queue_bytes) == ("fake", (False, False), 0)
        raw.error = TierError("gone")
        for _ in range(5):
            await tier.get_many(["a"])
        assert tier.left_alone() == (True, False)
        raw.write_error = TierError("gone")
        for number in range(5):
            tier.put(f"w{number}", b"1", LONG_S)
            assert tier.queue_bytes == 1
            await settle()
        assert tier.left_alone() == (True, True)

"""One fetch for each gap: shared, overlapped, left, failed and given up."""

from __future__ import annotations

import asyncio
import gc
import itertools
import weakref
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.engine.fan_out import fan_out
from proxy.engine.flights import Flights, OutlivedError, Share
from proxy.errors import QueryTimeoutError, UpstreamAnswerError, UpstreamUnreachableError
from proxy.plan.partition import Run

KEY = b"key"


@dataclass(slots=True)
class Source:
    """Fetches that end when the test says so, and what was fetched."""

    flights: Flights[Run] = field(default_factory=Flights)
    fetched: list[Run] = field(default_factory=list)
    cancelled: list[Run] = field(default_factory=list)
    error: Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def fetch(self, run: Run) -> Run:
        self.fetched.append(run)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append(run)
            raise
        if self.error is not None:
            raise self.error
        return run

    def cover(self, *wanted: Run, key: bytes = KEY, most: int = 1000) -> list[Share[Run]]:
        def split(run: Run) -> list[Run]:
            return [Run(at, min(at + most, run.end)) for at in range(run.first, run.end, most)]

        return self.flights.cover(key, list(wanted), split, self.fetch)

    async def want(self, *wanted: Run, key: bytes = KEY, most: int = 1000) -> list[Run]:
        """What the shares say they are for, once all of them are there."""
        shares = self.cover(*wanted, key=key, most=most)
        try:
            brought = await fan_out(Share.join, shares, len(shares))
        finally:
            for share in shares:
                share.leave()
        for share, run in zip(shares, brought, strict=True):
            assert run.first <= share.run.first
            assert share.run.end <= run.end
        return [share.run for share in shares]

    @property
    def steps_fetched(self) -> Counter[int]:
        return Counter(step for run in self.fetched for step in range(run.first, run.end))


async def ticks(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_hundred_equal_wishes_make_one_fetch() -> None:
    source = Source()
    waiting = [asyncio.create_task(source.want(Run(0, 10))) for _ in range(100)]
    await ticks()
    assert source.fetched == [Run(0, 10)]
    source.gate.set()
    assert [await task for task in waiting] == [[Run(0, 10)]] * 100
    assert source.fetched == [Run(0, 10)]


async def test_a_hundred_overlapping_wishes_fetch_no_step_twice() -> None:
    source = Source()
    runs = [Run(at % 37, at % 37 + 1 + at % 23) for at in range(100)]
    waiting = [asyncio.create_task(source.want(run, most=5)) for run in runs]
    await ticks()
    source.gate.set()
    for run, task in zip(runs, waiting, strict=True):
        parts = await task
        assert parts[0].first == run.first
        assert parts[-1].end == run.end
        assert all(a.end == b.first for a, b in itertools.pairwise(parts))
    assert max(source.steps_fetched.values()) == 1
    assert set(source.steps_fetched) == {s for run in runs for s in range(run.first, run.end)}


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5)), min_size=1, max_size=3),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 6),
)
def test_any_wishes_are_covered_exactly(wishes: list[list[tuple[int, int]]], most: int) -> None:
    async def main() -> None:
        source = Source()
        all_shares = []
        for wish in wishes:
            at, wanted = 0, []
            for gap, length in wish:
                wanted.append(Run(at + gap, at + gap + length))
                at = wanted[-1].end + 1
            shares = source.cover(*wanted, most=most)
            steps = [s for share in shares for s in range(share.run.first, share.run.end)]
            assert steps == [s for run in wanted for s in range(run.first, run.end)]
            all_shares += shares
        await ticks()
        assert max(source.steps_fetched.values()) == 1
        for share in all_shares:
            share.leave()
        await ticks()
        assert sorted(source.cancelled) == sorted(source.fetched)

    asyncio.run(main())


async def test_other_keys_are_other_questions() -> None:
    source = Source()
    source.gate.set()
    one = asyncio.create_task(source.want(Run(0, 1), key=b"a"))
    await source.want(Run(0, 1), key=b"b")
    await one
    assert source.fetched == [Run(0, 1), Run(0, 1)]


@pytest.mark.parametrize("runs", [(Run(0, 4),), (Run(0, 4), Run(6, 9))], ids=["one", "several"])
async def test_a_leader_that_leaves_does_not_fail_its_followers(runs: tuple[Run, ...]) -> None:
    source = Source()
    leader = asyncio.create_task(source.want(*runs))
    await ticks()
    follower = asyncio.create_task(source.want(*runs))
    await ticks()
    leader.cancel()
    await ticks(6)
    assert leader.cancelled()
    source.gate.set()
    assert await follower == list(runs)
    assert source.fetched == list(runs)
    assert not source.cancelled


@pytest.mark.parametrize("runs", [(Run(0, 4),), (Run(0, 4), Run(6, 9))], ids=["one", "several"])
@pytest.mark.parametrize("pauses", range(5))
async def test_a_leader_that_leaves_just_when_a_follower_comes_does_not_fail_it(
    runs: tuple[Run, ...], pauses: int
) -> None:
    source = Source()
    leader = asyncio.create_task(source.want(*runs))
    await ticks()
    leader.cancel()
    await ticks(pauses)
    follower = asyncio.create_task(source.want(*runs))
    await ticks(6)
    source.gate.set()
    assert await follower == list(runs)


@pytest.mark.parametrize("pauses", range(5))
async def test_the_last_waiter_that_leaves_cancels_the_fetch(pauses: int) -> None:
    source = Source()
    waiting = [asyncio.create_task(source.want(Run(0, 4), Run(6, 9))) for _ in range(3)]
    await ticks(pauses)
    for task in waiting[:2]:
        task.cancel()
    await ticks(6)
    assert not source.cancelled
    waiting[2].cancel()
    await ticks(6)
    assert sorted(source.cancelled) == source.fetched
    assert not source.flights._under_way


async def test_who_comes_after_a_fetch_was_given_up_gets_a_new_one() -> None:
    source = Source()
    first = asyncio.create_task(source.want(Run(0, 4)))
    await ticks()
    first.cancel()
    second = asyncio.create_task(source.want(Run(0, 4)))
    await ticks(6)
    source.gate.set()
    assert await second == [Run(0, 4)]
    assert source.fetched == [Run(0, 4), Run(0, 4)]


async def test_a_failure_is_that_of_all_waiters_and_of_nobody_after_them() -> None:
    source = Source(error=ValueError("no"))
    waiting = [asyncio.create_task(source.want(Run(0, 4))) for _ in range(5)]
    await ticks()
    source.gate.set()
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(result, ValueError)
    source.error = None
    assert await source.want(Run(0, 4)) == [Run(0, 4)]
    assert len(source.fetched) == 2


async def test_a_failure_that_nobody_waits_for_any_more_troubles_nobody() -> None:
    source = Source(error=ValueError("no"))
    (share,) = source.cover(Run(0, 4))
    await ticks()
    source.gate.set()
    await ticks()
    share.leave()
    share.leave()
    await ticks()
    assert not source.flights._under_way


async def test_of_two_overlapping_wishes_the_failure_of_one_part_does_not_stop_the_other() -> None:
    source = Source()
    (left,) = source.cover(Run(0, 4))
    waiting = asyncio.create_task(source.want(Run(2, 8)))
    await ticks()
    left.leave()
    await ticks()
    source.gate.set()
    assert await waiting == [Run(2, 4), Run(4, 8)]
    assert source.fetched == [Run(0, 4), Run(4, 8)]


async def test_nobody_joins_what_was_under_way_before_a_purge() -> None:
    source = Source()
    before = asyncio.create_task(source.want(Run(0, 4)))
    await ticks()
    source.flights.forget()
    after = asyncio.create_task(source.want(Run(0, 4)))
    await ticks()
    assert source.fetched == [Run(0, 4), Run(0, 4)]
    source.gate.set()
    assert await before == await after == [Run(0, 4)]
    await ticks()
    assert not source.flights._under_way


async def test_nobody_waits_for_the_keeping_and_until_then_others_join() -> None:
    source = Source()
    source.gate.set()
    kept, may_keep = [], asyncio.Event()

    async def keep(run: Run, brought: Run) -> None:
        await may_keep.wait()
        kept.append((run, brought))

    def cover() -> Share[Run]:
        wanted = Run(0, 5)
        (share,) = source.flights.cover(KEY, [wanted], lambda run: [run], source.fetch, keep)
        return share

    assert await cover().join() == Run(0, 5)
    assert await cover().join() == Run(0, 5)
    assert (source.fetched, kept) == ([Run(0, 5)], [])
    may_keep.set()
    await asyncio.sleep(0.01)
    assert kept == [(Run(0, 5), Run(0, 5))]
    assert await cover().join() == Run(0, 5)
    assert source.fetched == [Run(0, 5)] * 2


async def test_what_cannot_be_kept_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    source = Source()
    source.gate.set()

    async def keep(run: Run, brought: Run) -> None:
        raise ValueError("no room")

    (share,) = source.flights.cover(KEY, [Run(0, 5)], lambda run: [run], source.fetch, keep)
    assert await share.join() == Run(0, 5)
    await asyncio.sleep(0.01)
    assert "could not be kept" in caplog.text


async def test_a_failed_fetch_keeps_nothing() -> None:
    source = Source(error=ValueError("broken"))
    source.gate.set()
    kept = []

    async def keep(run: Run, brought: Run) -> None:
        kept.append(run)

    (share,) = source.flights.cover(KEY, [Run(0, 5)], lambda run: [run], source.fetch, keep)
    with pytest.raises(ValueError, match="broken"):
        await share.join()
    assert not kept


class Dropped:
    """A source whose flights say what nobody needs any more."""

    def __init__(self) -> None:
        self.source = Source()
        self.gone: list[Run] = []
        self.source.flights = Flights(self.gone.append)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_what_was_brought_is_dropped_once_when_the_last_has_left(order: tuple[int, ...]) -> None:
    dropped = Dropped()
    shares = [dropped.source.cover(Run(0, 5))[0] for _ in range(3)]
    dropped.source.gate.set()
    assert {await share.result() for share in shares} == {Run(0, 5)}
    for left, number in enumerate(order):
        assert dropped.gone == [], left
        shares[number].leave()
        shares[number].leave()
    assert dropped.gone == [Run(0, 5)]


async def test_what_all_have_left_before_it_came_is_not_dropped_but_cancelled() -> None:
    dropped = Dropped()
    (share,) = dropped.source.cover(Run(0, 5))
    await ticks()
    share.leave()
    await ticks()
    assert dropped.source.cancelled == [Run(0, 5)]
    assert dropped.gone == []


async def test_what_comes_although_it_was_given_up_is_dropped() -> None:
    """A task group that fails at the moment of its cancellation goes on, for one."""
    gone: list[Run] = []

    async def stubborn(run: Run) -> Run:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return run

    (share,) = Flights[Run](gone.append).cover(KEY, [Run(0, 5)], lambda run: [run], stubborn)
    await ticks()
    share.leave()
    await ticks(6)
    assert gone == [Run(0, 5)]


async def test_a_failure_is_nothing_to_drop() -> None:
    dropped = Dropped()
    dropped.source.error = ValueError("odd")
    (share,) = dropped.source.cover(Run(0, 5))
    dropped.source.gate.set()
    with pytest.raises(ValueError, match="odd"):
        await share.result()
    share.leave()
    assert dropped.gone == []


async def test_who_waits_for_the_result_keeps_its_seat() -> None:
    dropped = Dropped()
    (share,) = dropped.source.cover(Run(0, 5))
    waiting = asyncio.create_task(share.result())
    await ticks()
    waiting.cancel()
    await ticks()
    assert not dropped.source.cancelled
    dropped.source.gate.set()
    assert await share.result() == Run(0, 5)
    share.leave()
    assert dropped.gone == [Run(0, 5)]


async def flight_until(seconds: float, error: Exception) -> Share[Run]:
    """A seat in a flight that fails, of somebody who has so long."""
    until_s = asyncio.get_running_loop().time() + seconds

    async def fails(_run: Run) -> Run:
        raise error

    (share,) = Flights[Run]().cover(KEY, [Run(0, 1)], lambda run: [run], fails, until_s=until_s)
    return share


LATE, TOLD = QueryTimeoutError("late"), UpstreamAnswerError(503, (), b"{}")


@pytest.mark.parametrize(
    ("seconds", "error", "own_seconds", "raised"),
    [
        (0.1, LATE, 9, OutlivedError),
        (-0.1, TOLD, 9, OutlivedError),
        (5, LATE, 9, QueryTimeoutError),
        (0.1, LATE, 0.1, QueryTimeoutError),
        (0.1, LATE, 0.05, QueryTimeoutError),
        (-2, LATE, -1, QueryTimeoutError),
        (0.1, UpstreamUnreachableError("gone"), 9, UpstreamUnreachableError),
    ],
)
async def test_a_flight_that_ended_with_somebody_elses_time_is_told_apart(
    seconds: float, error: Exception, own_seconds: float, raised: type[Exception]
) -> None:
    """The upstream may say a little early that the time is over."""
    share = await flight_until(seconds, error)
    own_s = asyncio.get_running_loop().time() + own_seconds
    with pytest.raises(raised):
        await share.result(own_s)
    share.leave()


async def test_the_traceback_of_an_expected_error_does_not_hold_what_was_fetched() -> None:
    fetched: list[weakref.ref[set[int]]] = []

    async def fails(_run: Run) -> Run:
        body = {1, 2}
        fetched.append(weakref.ref(body))
        await asyncio.sleep(0)
        raise UpstreamUnreachableError(f"after {len(body)} bytes")

    gc.disable()
    try:
        (share,) = Flights[Run]().cover(KEY, [Run(0, 1)], lambda run: [run], fails)
        with pytest.raises(UpstreamUnreachableError):
            await share.join()
        assert fetched[0]() is None
    finally:
        gc.enable()

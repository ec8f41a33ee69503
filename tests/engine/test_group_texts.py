"""Large texts in groups: made ahead, and once for all who read them."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import pytest

from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_json import scan_matrix
from proxy.codec.tail_json import merge_stats
from proxy.engine.group_texts import GroupTexts
from proxy.engine.memory import MemoryBudget, MemoryPolicy
from proxy.errors import TooManyRequestsError
from proxy.merge.matrices import JoinedMatrix, join_matrices
from proxy.model.grid import Grid
from tests.bodies import body_of

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
A = TypeVar("A")
GROUP = 1_000
GRID = Grid(0, 60_000, 20)
BODY = body_of(
    {f'{{"x":"{row:03d}"}}': dict.fromkeys(range(20), ("0.5", False)) for row in range(40)}, GRID
)


@dataclass
class CountingThreads:
    """Says what was made how often, and how much is being made."""

    made: Counter[object] = field(default_factory=Counter)
    running: int = 0
    error: Exception | None = None

    async def run(self, work: Callable[[A], T], argument: A, size_bytes: int) -> T:
        self.made[argument] += 1
        self.running += 1
        try:
            await asyncio.sleep(0)
            if self.error is not None:
                raise self.error
            return work(argument)
        finally:
            self.running -= 1


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.engine.group_texts.GROUP_BYTES", GROUP)
    monkeypatch.setattr("proxy.engine.group_texts._READER_BYTES", 4 * GROUP)


def matrix() -> JoinedMatrix:
    return join_matrices([scan_matrix(BODY)], sort_key, merge_stats)


def texts(threads: CountingThreads, total: int = 1 << 20, wait_ms: int = 10) -> GroupTexts:
    ticket = MemoryBudget(MemoryPolicy(total, wait_ms, 10)).open()
    return GroupTexts(matrix(), threads, ticket)


async def read(groups: GroupTexts, pause: int = 0) -> bytes:
    parts = []
    async for part in groups.read():
        parts.append(part)
        for _ in range(pause):
            await asyncio.sleep(0)
    return b"".join(parts)


async def test_the_groups_are_the_body_and_their_length_is_known_before() -> None:
    groups = texts(CountingThreads())
    assert groups.length == len(BODY)
    assert await read(groups) == BODY


async def test_those_who_read_at_the_same_pace_share_what_is_made() -> None:
    threads = CountingThreads()
    groups = texts(threads)
    assert set(await asyncio.gather(*(read(groups) for _ in range(9)))) == {BODY}
    assert len(threads.made) == 10
    assert set(threads.made.values()) == {1}


async def test_who_is_slower_gets_the_same() -> None:
    groups = texts(CountingThreads())
    assert set(await asyncio.gather(*(read(groups, pause) for pause in (0, 1, 7)))) == {BODY}


async def test_only_a_few_groups_are_made_ahead() -> None:
    threads = CountingThreads()
    reading = texts(threads).read()
    await anext(reading)
    await asyncio.sleep(0.01)
    assert len(threads.made) == 4
    await reading.aclose()


async def test_who_leaves_takes_nothing_from_the_others_and_the_last_ends_all() -> None:
    threads = CountingThreads()
    groups = texts(threads)
    leaving, staying = groups.read(), groups.read()
    await anext(leaving)
    await anext(staying)
    await leaving.aclose()
    rest = [part async for part in staying]
    assert BODY.endswith(b"".join(rest))
    last = groups.read()
    await anext(last)
    await last.aclose()
    await asyncio.sleep(0.01)
    assert threads.running == 0
    assert not groups._under_way


async def test_who_is_cancelled_while_it_waits_does_not_end_what_others_wait_for() -> None:
    threads = CountingThreads()
    groups = texts(threads)
    one, other = (asyncio.create_task(read(groups)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    assert await other == BODY


async def test_a_damaged_piece_is_an_error_for_all_who_read() -> None:
    groups = texts(CountingThreads(error=ValueError("damaged")))
    ended = await asyncio.gather(read(groups), read(groups), return_exceptions=True)
    assert [type(one) for one in ended] == [ValueError] * 2


async def test_readers_need_no_more_memory_than_the_whole_text() -> None:
    ticket = MemoryBudget(MemoryPolicy(1 << 20, 10, 10)).open()
    groups = GroupTexts(matrix(), CountingThreads(), ticket)
    await groups.reserve()
    assert ticket.held_bytes == 4 * GROUP
    for _ in range(50):
        await groups.reserve()
    assert ticket.held_bytes == len(BODY)


async def test_who_gets_no_memory_leaves_the_others_theirs() -> None:
    budget = MemoryBudget(MemoryPolicy(10 * GROUP, 10, 10))
    ticket = budget.open()
    groups = GroupTexts(matrix(), CountingThreads(), ticket)
    await groups.reserve()
    other = budget.open()
    other.add(4 * GROUP)
    with pytest.raises(TooManyRequestsError):
        await groups.reserve()
    other.close()
    await groups.reserve()
    assert ticket.held_bytes == 8 * GROUP

"""Workers that are asked the same at the same time: one fetches, the others take it over, or ask."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from proxy.engine.memory import UNCOUNTED
from proxy.engine.ports import UpstreamAnswer
from proxy.engine.siblings import Asked, Siblings
from proxy.errors import TooManyRequestsError, UpstreamUnreachableError
from tests.fakes import NoThreads

if TYPE_CHECKING:
    from proxy.engine.ports import MemoryTicket

FAR_S = 1e9


@dataclass
class Shared:
    """What the boards of all processes see."""

    holders: dict[int, Board] = field(default_factory=dict)
    wanted: dict[int, set[int]] = field(default_factory=dict)
    files: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    written: int = 0


@dataclass(eq=False)
class Board:
    """One process's."""

    shared: Shared

    def take(self, number: int) -> bool:
        return self.shared.holders.setdefault(number, self) is self

    def release(self, number: int) -> None:
        if self.shared.holders.get(number) is self:
            del self.shared.holders[number]

    def want(self, number: int) -> None:
        self.shared.wanted.setdefault(number, set()).add(id(self))

    def unwant(self, number: int) -> None:
        self.shared.wanted.get(number, set()).discard(id(self))

    def is_wanted(self, number: int) -> bool:
        return bool(self.shared.wanted.get(number, set()) - {id(self)})

    def write(self, number: int, head: bytes, body: bytes) -> None:
        self.shared.files[number] = head, body
        self.shared.written += 1

    def read_head(self, number: int, size: int) -> bytes:
        return self.shared.files.get(number, (b"", b""))[0][:size]

    def read(self, number: int, head: bytes) -> bytes:
        found = self.shared.files.get(number, (b"", b""))
        return found[1] if found[0] == head else b""

    def remove(self, number: int) -> None:
        self.shared.files.pop(number, None)


class Loop:
    """The event loop's clock; the wall's is an hour ahead."""

    def monotonic_ms(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)

    def wall_ms(self) -> int:
        return self.monotonic_ms() + 3_600_000


@dataclass
class Worker:
    """One process: what it asks, how the upstream answers it, and its addresses."""

    shared: Shared
    body: bytes = b"body"
    no_store: bool = False
    error: Exception | None = None
    urls: str = "http://a\nhttp://b"
    asked_url: str = ""
    no_memory: bool = False
    most_wait_s: float = 5.0
    fetches: int = 0
    taken_over: list[tuple[int, str]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.siblings = Siblings(Board(self.shared), self, Loop(), NoThreads(), self.most_wait_s)

    def addresses(self) -> str:
        return self.urls

    async def take_over(self, size_bytes: int, url: str) -> MemoryTicket:
        if self.no_memory:
            raise TooManyRequestsError("no memory", 1)
        self.taken_over.append((size_bytes, url))
        return UNCOUNTED

    async def fetch(self) -> Asked[str]:
        self.fetches += 1
        clock = Loop()
        began = clock.wall_ms(), clock.monotonic_ms()
        await self.gate.wait()
        if self.error:
            raise self.error
        answer = UpstreamAnswer(self.body, self.no_store, url=self.asked_url)
        return Asked(answer, *began, clock.monotonic_ms(), "read")

    def ask(self, identity: bytes = b"question") -> asyncio.Task[Asked[str]]:
        return asyncio.create_task(self.siblings.ask(identity, self.fetch, FAR_S))


async def until_waiting(shared: Shared, count: int = 1) -> None:
    async with asyncio.timeout(2):
        while sum(map(len, shared.wanted.values())) < count:  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0.001)


async def test_it_is_fetched_once_and_all_have_the_same_answer() -> None:
    shared = Shared()
    workers = [Worker(shared, body=b"the first's", no_store=True), Worker(shared), Worker(shared)]
    asking = [worker.ask() for worker in workers]
    await until_waiting(shared, 2)
    workers[0].gate.set()
    answers = await asyncio.gather(*asking)
    assert [worker.fetches for worker in workers] == [1, 0, 0]
    assert [answer.answer.body for answer in answers] == [b"the first's"] * 3
    assert [answer.answer.no_store for answer in answers] == [True] * 3
    assert len({(answer.began_wall_ms, answer.began_ms) for answer in answers}) == 1
    # Only looks that begin after it was taken over ask the address that gave it: they confirm it.
    assert all(answer.ended_ms >= answers[0].ended_ms for answer in answers)
    assert [answer.read for answer in answers] == ["read", None, None]
    assert answers[0].began_wall_ms - answers[0].began_ms == 3_600_000
    assert workers[1].taken_over == [(len(b"the first's"), "")]
    assert not shared.holders


@pytest.mark.parametrize(("asked", "told"), [("http://b", "http://b"), ("http://gone", "")])
async def test_it_is_told_which_address_has_answered_where_that_is_still_one(
    asked: str, told: str
) -> None:
    shared = Shared()
    one, other = Worker(shared, asked_url=asked), Worker(shared)
    asking, waiting = one.ask(), other.ask()
    await until_waiting(shared)
    one.gate.set()
    await asyncio.gather(asking, waiting)
    assert other.taken_over == [(4, told)]


async def test_nothing_is_written_where_nobody_waits() -> None:
    shared = Shared()
    worker = Worker(shared)
    worker.gate.set()
    await worker.ask()
    assert (worker.fetches, shared.written, shared.holders) == (1, 0, {})


async def test_other_questions_do_not_wait() -> None:
    shared = Shared()
    one, other = Worker(shared), Worker(shared)
    held = one.ask()
    await asyncio.sleep(0)
    other.gate.set()
    await other.ask(b"another question")
    one.gate.set()
    await held
    assert (one.fetches, other.fetches) == (1, 1)


async def test_a_failure_is_that_of_who_asked_and_the_next_one_asks() -> None:
    shared = Shared()
    one, other = Worker(shared, error=UpstreamUnreachableError("gone")), Worker(shared)
    asking, waiting = one.ask(), other.ask()
    await until_waiting(shared)
    other.gate.set()
    one.gate.set()
    assert (await waiting).answer.body == b"body"
    with pytest.raises(UpstreamUnreachableError):
        await asking
    assert (one.fetches, other.fetches) == (1, 1)


async def test_who_gives_up_leaves_the_lease_to_the_others() -> None:
    shared = Shared()
    one, other = Worker(shared), Worker(shared)
    asking, waiting = one.ask(), other.ask()
    await until_waiting(shared)
    other.gate.set()
    asking.cancel()
    assert (await waiting).answer.body == b"body"
    assert other.fetches == 1


async def test_who_waits_leaves_its_own_process_s_lease_alone() -> None:
    shared = Shared()
    one, other = Worker(shared), Worker(shared)
    asking, waiting = one.ask(), other.ask()
    await until_waiting(shared)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    leading = other.ask()
    async with asyncio.timeout(2):
        while other.fetches < 2:  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0.001)
    assert list(shared.holders.values()) == [other.siblings._board]
    other.gate.set()
    await asyncio.gather(leading, waiting)
    assert not shared.holders


async def test_one_that_hangs_is_not_waited_for_longer_than_the_setting_says() -> None:
    shared = Shared()
    one, other = Worker(shared), Worker(shared, most_wait_s=0.05)
    asking = one.ask()
    await asyncio.sleep(0)
    other.gate.set()
    async with asyncio.timeout(2):
        assert (await other.ask()).answer.body == b"body"
    assert other.fetches == 1
    assert not any(shared.wanted.values())
    one.gate.set()
    await asking


async def left_behind(shared: Shared) -> None:
    """An answer that was written down for somebody, and lies there still."""
    one, other = Worker(shared, body=b"old"), Worker(shared)
    asking, waiting = one.ask(), other.ask()
    await until_waiting(shared)
    one.gate.set()
    await asyncio.gather(asking, waiting)
    await asyncio.sleep(0.002)
    assert shared.files


async def test_what_was_complete_before_the_question_came_is_no_answer_to_it() -> None:
    shared = Shared()
    await left_behind(shared)
    one, other = Worker(shared, error=UpstreamUnreachableError("gone")), Worker(shared, body=b"new")
    asking, waiting = one.ask(), other.ask()
    await until_waiting(shared)
    other.gate.set()
    one.gate.set()
    assert (await waiting).answer.body == b"new"
    await asyncio.gather(asking, return_exceptions=True)


async def test_what_is_written_down_goes_after_a_while() -> None:
    shared = Shared()
    await left_behind(shared)
    async with asyncio.timeout(3):
        while shared.files:  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0.05)


async def not_taken_over(change: Worker) -> None:
    """The second worker asks by itself although the first one's answer is written down."""
    one = Worker(change.shared, body=b"the first's")
    asking, waiting = one.ask(), change.ask()
    await until_waiting(change.shared)
    change.siblings.forget() if change.urls == one.urls else None
    change.gate.set()
    one.gate.set()
    assert (await waiting).answer.body == b"body"
    await asking
    assert change.fetches == 1


async def test_after_a_purge_nothing_is_taken_over_that_was_asked_for_before() -> None:
    await not_taken_over(Worker(Shared()))


async def test_an_answer_of_other_addresses_is_not_taken_over() -> None:
    await not_taken_over(Worker(Shared(), urls="http://b"))


async def test_without_memory_for_it_the_question_fails_as_any_other() -> None:
    shared = Shared()
    one, other = Worker(shared), Worker(shared, no_memory=True)
    asking, waiting = one.ask(), other.ask()
    await until_waiting(shared)
    one.gate.set()
    with pytest.raises(TooManyRequestsError):
        await waiting
    await asking
    assert not any(shared.wanted.values())

"""Requests that run, and what is counted when they end."""

from __future__ import annotations

import asyncio
import sys

import pytest

from proxy.telemetry import book as book_module
from proxy.telemetry.book import Book, pace
from proxy.telemetry.record import ANALYSE, FETCH, Ask, Record, current
from proxy.telemetry.registry import REGISTRY


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"thanoxy_{name}", labels) or 0


def test_a_request_is_there_from_its_begin_to_its_end() -> None:
    book, before = Book(), value("http_requests_in_flight")
    record = book.open("query", None)
    assert current() is record
    assert list(book.active.values()) == [record]
    assert value("http_requests_in_flight") == before + 1
    book.close(record, 200, None)
    assert not book.active
    assert value("http_requests_in_flight") == before


def test_requests_are_counted_by_endpoint_code_and_tenant() -> None:
    book = Book()
    names = ("http_requests_total", "tenant_requests_total")
    labels = ({"handler": "tested", "code": "418"}, {"tenant": "tested", "code": "418"})
    before = [value(name, **one) for name, one in zip(names, labels, strict=True)]
    book.close(book.open("tested", None), 418, "tested")
    after = [value(name, **one) for name, one in zip(names, labels, strict=True)]
    assert after == [count + 1 for count in before]
    assert value("http_request_duration_seconds_count", handler="tested") >= 1


def test_what_somebody_may_want_to_look_at_is_told() -> None:
    book, told = Book(), list[Record]()
    book.tell = told.append
    book.slow_s = 1e9
    book.close(book.open("query", None), 200, None)
    assert told == []
    asked, failed = book.open("query", None), book.open("query", None)
    asked.ask()
    book.close(asked, 200, None)
    book.close(failed, 422, None)
    book.slow_s = 0.0
    slow = book.open("query", None)
    book.close(slow, 200, None)
    book.close(book.open("healthy", None), 503, None)
    assert told == [asked, failed, slow]


def test_who_cannot_take_what_is_told_costs_neither_the_answer_nor_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken:
        def begun(self, record: Record) -> None: ...
        def asks(self, record: Record, ask: Ask) -> None: ...
        def ended(self, record: Record) -> None:
            raise ValueError("unreadable")

    book, told = Book(), list[Record]()
    book.tell = told.append
    book.watch(Broken())
    record = book.open("query", None)
    with caplog.at_level("ERROR", "thanoxy"):
        book.close(record, 500, None)
    assert told == [record]
    assert "cannot be told of" in caplog.text


def test_the_pace_is_that_of_queries() -> None:
    book = Book()
    REGISTRY.carry()
    before = pace()
    for handler, code in (("query", 200), ("query", 502), ("labels", 400), ("metrics", 500)):
        book.close(book.open(handler, None), code, None)
    assert pace() == before
    REGISTRY.carry()
    after = pace()
    assert (after.requests - before.requests, after.errors - before.errors) == (3, 1)
    assert sum(after.took) - sum(before.took) == 3


def test_stages_and_questions_are_counted() -> None:
    names = ("analyse", "wait", "fetch", "scan")
    before = [value("stage_duration_seconds_count", stage=name) for name in names]
    book = Book()
    record = book.open("query", None)
    record.mark(ANALYSE)
    for _ in range(2):
        ask = record.ask()
        ask.send()
        ask.arrive(1)
        ask.end()
    record.ask().end(has_failed=True)
    record.mark(FETCH)
    book.close(record, 200, None)
    after = [value("stage_duration_seconds_count", stage=name) for name in names]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 3, 2, 2]


class Watch:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def begun(self, record: Record) -> None:
        self.told.append("begun")

    def asks(self, record: Record, ask: Ask) -> None:
        assert ask in record.asks
        self.told.append("asks")

    def ended(self, record: Record) -> None:
        self.told.append(f"ended {record.code}")


def test_who_watches_is_told_of_queries_while_they_run() -> None:
    book, watch = Book(), Watch()
    book.watch(watch)
    record = book.open("query", None)
    record.ask()
    record.ask()
    book.close(record, 200, None)
    record.ask()
    book.close(book.open("metrics", None), 200, None)
    assert watch.told == ["begun", "asks", "asks", "ended 200"]


def test_who_watches_hears_of_no_question_that_is_not_remembered() -> None:
    book, watch = Book(), Watch()
    book.watch(watch)
    record = book.open("query", None)
    for _ in range(1_500):
        record.ask()
    assert watch.told.count("asks") == len(record.asks) == 1_000


class Asked:
    """What a request says of itself: the task that answers it."""

    task: asyncio.Task[None] | None = None


async def test_a_request_that_runs_can_be_cancelled() -> None:
    book, asked = Book(), Asked()
    seen: list[Record] = []

    async def request() -> None:
        asked.task = asyncio.current_task()
        seen.append(book.open("query", asked))
        await asyncio.Event().wait()

    task = asyncio.get_running_loop().create_task(request())
    await asyncio.sleep(0)
    assert book.cancel(seen[0].number)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen[0].is_cancelled
    assert not book.cancel(12345)


def test_what_has_ended_holds_nothing_and_is_counted_before_there_is_much_of_it() -> None:
    book, asked = Book(), Asked()
    REGISTRY.carry()
    for _ in range(1_000):
        book.close(book.open("many", asked), 200, None)
    assert sys.getrefcount(asked) < 10
    assert len(book_module._ended) < 256
    assert value("http_requests_total", handler="many", code="200") == 1_000

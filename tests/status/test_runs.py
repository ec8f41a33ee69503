"""Requests as the page shows them."""

from __future__ import annotations

import os

import pytest
from aiohttp.test_utils import make_mocked_request

from proxy.api.callers import TENANT
from proxy.status.failing import FailingQueries
from proxy.status.runs import Runs, cancel_here
from proxy.telemetry.book import Book
from proxy.telemetry.record import ANALYSE, Record


class Clock:
    now_ms = 1_000_000

    def wall_ms(self) -> int:
        return self.now_ms

    def monotonic_ms(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def failing() -> FailingQueries:
    return FailingQueries()


@pytest.fixture
def runs(book: Book, clock: Clock, failing: FailingQueries) -> Runs:
    return Runs(book, clock, failing)


def begun(book: Book, expr: str = "up", handler: str = "query_range") -> Record:
    path = f"/api/v1/query_range?query={expr}&start=10&end=70&step=60"
    request = make_mocked_request("GET", path, {"X-Dashboard-Uid": "d"})
    request[TENANT] = "team"
    return book.open(handler, request)


def ended(
    book: Book,
    took_s: float,
    code: int = 200,
    expr: str = "up",
    asked_s: float = 0.0,
    handler: str = "query_range",
) -> Record:
    record = begun(book, expr, handler)
    record.began_s -= took_s
    if asked_s:
        ask = record.ask(10_000, 70_000)
        ask.begun_s, ask.sent_s, ask.arrived_s, ask.done_s = 0.5, 1.0, 1.0 + asked_s, 1.5 + asked_s
        ask.size_bytes = 7
    book.close(record, code, None)
    return record


def test_what_runs_is_shown_with_its_splits(book: Book, runs: Runs) -> None:
    record = begun(book)
    record.mark(ANALYSE)
    record.ask(10_000, 40_000).send()
    record.ask(40_000, 70_000)
    begun(book, handler="metrics")
    (run,) = runs.running()
    assert (run.expr, run.tenant, run.dashboard) == ("up", "team", "d")
    assert (run.start_ms, run.end_ms, run.step_ms) == (10_000, 70_000, 60_000)
    assert [(s.from_ms, s.to_ms, s.state) for s in run.splits] == [
        (10_000, 40_000, "fetching"),
        (40_000, 70_000, "waiting"),
    ]
    assert set(run.stages) == {"analyse"}
    book.close(record, 200, None)
    assert runs.running() == ()


def test_the_slowest_and_the_costliest_are_ranked_by_what_they_are(book: Book, runs: Runs) -> None:
    ended(book, 5.0, expr="slow")
    ended(book, 0.2, expr="dear", asked_s=30.0)
    ended(book, 0.01, expr="quick")
    ended(book, 1.0, expr="cheap", asked_s=0.5)
    assert [run.expr for run in runs.slowest()] == ["slow", "cheap", "dear"]
    assert [run.expr for run in runs.costliest()] == ["dear", "cheap"]
    assert runs.costliest()[0].upstream_ms == pytest.approx(30_000)
    assert runs.costliest()[0].upstream_bytes == 7


def test_the_quick_ones_are_not_even_looked_at_once_there_are_enough(
    book: Book, runs: Runs, clock: Clock
) -> None:
    for number in range(40):
        ended(book, 1.0 + number)
    runs.forget(clock.now_ms)
    assert len(runs.slowest()) == 30
    assert 10 < book.slow_s < 12
    clock.now_ms += 700_000
    runs.forget(clock.now_ms)
    assert runs.slowest() == ()
    assert book.slow_s < 1


def test_what_was_dear_in_a_bad_hour_takes_nobody_s_place_later(
    book: Book, runs: Runs, clock: Clock
) -> None:
    for _ in range(40):
        ended(book, 100.0, asked_s=90.0)
    clock.now_ms += 700_000
    ended(book, 0.3, expr="new", asked_s=0.1)
    runs.forget(clock.now_ms)
    ended(book, 0.2, expr="newer", asked_s=0.1)
    assert [run.expr for run in runs.costliest()] == ["newer"]
    assert [run.expr for run in runs.slowest()] == ["new", "newer"]


@pytest.mark.parametrize(
    ("code", "is_told"),
    [(200, False), (400, False), (401, False), (429, False), (499, False), (422, True), (503, True)],
)
def test_a_query_that_nobody_can_answer_is_told_as_failing(
    book: Book, runs: Runs, failing: FailingQueries, clock: Clock, code: int, is_told: bool
) -> None:
    assert runs.running() == ()
    for _ in range(3):
        ended(book, 0.1, code)
    told = failing.lately(clock.now_ms)
    assert [(one.expr, one.failures) for one in told] == ([("up", 3)] if is_told else [])


def test_a_reason_that_names_what_was_sent_is_told_in_short(book: Book, runs: Runs) -> None:
    record = begun(book)
    record.error = f"the header {'x' * 10_000} is not UTF-8"
    (run,) = runs.running()
    assert len(run.reason) == 300
    book.close(record, 400, None)


def test_an_id_names_one_request_of_this_process(book: Book) -> None:
    record = begun(book)
    for run_id in (
        "",
        "-",
        "x",
        f"{os.getpid()}",
        f"{os.getpid()}-x",
        f"1{os.getpid()}-{record.number}",
        f"{os.getpid()}-{'9' * 5_000}",
    ):
        assert not cancel_here(book, run_id)
    assert cancel_here(book, f"{os.getpid()}-{record.number}")
    book.close(record, 503, None)
    assert not cancel_here(book, f"{os.getpid()}-{record.number}")


def test_paths_that_are_passed_on_are_no_query_s_failure(
    book: Book, runs: Runs, failing: FailingQueries, clock: Clock
) -> None:
    assert runs.running() == ()
    for _ in range(3):
        ended(book, 0.1, 404, handler="passthrough")
    assert failing.lately(clock.now_ms) == ()
    ended(book, 0.1, 404, handler="query")
    assert len(failing.lately(clock.now_ms)) == 1

"""What is explained is what a query then does; explaining changes nothing."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

from proxy.engine import explain
from proxy.engine.answer_memo import Assembled
from proxy.engine.ports import UpstreamAnswer
from proxy.plan.blocked import BlockedRule
from proxy.plan.cache_key import answer_key
from proxy.plan.explain import KeepFact, Refusal, Traits, Window
from proxy.plan.limits import Limits, LimitsTable
from proxy.plan.range_plan import SplitPolicy
from proxy.telemetry.registry import REGISTRY
from tests.engine.cached import (
    DAY_MS,
    HOUR_MS,
    KEEP,
    MINUTE_MS,
    NOW_MS,
    PASSING,
    SECOND_MS,
    STEADY,
    window,
)
from tests.engine.explaining import NAMES, VARY, Explaining, forms, range_of

if TYPE_CHECKING:
    from proxy.model.grid import Grid

OLD = window(10 * HOUR_MS, 120)
NEW = window(5 * HOUR_MS, 301)
"""Up to now."""


def metrics() -> list[str]:
    """All of them, but for those of the process and of when they began."""
    lines = generate_latest(REGISTRY).decode().splitlines()
    return [line for line in lines if not line.startswith(("process_", "#")) and "_created" not in line]


@pytest.mark.parametrize("interval_ms", [0, HOUR_MS, DAY_MS])
@pytest.mark.parametrize(
    ("expr", "warm", "then"),
    [
        ("a", [], OLD),
        ("a", [OLD], OLD),
        ("a", [OLD.sliced(10, 30)], OLD),
        ("a", [OLD.sliced(10, 30), OLD.sliced(50, 119)], OLD),
        ("a", [NEW], NEW),
        ("a offset 1h", [OLD.sliced(0, 50)], OLD),
        ("a offset -5m", [NEW], NEW),
        ("a @ end()", [OLD.sliced(0, 7)], OLD),
        ("rate(a[2m] offset -5m)", [NEW.sliced(0, 100)], NEW),
        (PASSING, [OLD], OLD.sliced(0, 60)),
        ("a", [OLD.sliced(at, at + 1) for at in range(1, 40, 3)], OLD),
    ],
    ids=str,
)
async def test_what_would_be_asked_is_asked(
    expr: str, warm: list[Grid], then: Grid, interval_ms: int
) -> None:
    one = Explaining(interval_ms=interval_ms)
    for grid in warm:
        await one.ask(range_of(grid, expr))
    parameters = range_of(then, expr, dedup="false") if not warm else range_of(then, expr)
    explained = one.explain(parameters)
    sent = await one.ask(parameters)
    key = lambda form: float(form["start"])  # noqa: E731
    assert forms(explained) == sorted(sent, key=key)
    assert explained.requests == len(sent)
    assert explained.held_steps == then.steps - explained.asked_steps


@pytest.mark.parametrize("age_ms", [0, 3 * MINUTE_MS, 11 * MINUTE_MS, DAY_MS])
async def test_it_stays_so_while_lives_end(age_ms: int) -> None:
    one = Explaining()
    await one.ask(range_of(NEW))
    one.cached.clock.advance(age_ms)
    explained = one.explain(range_of(NEW))
    assert forms(explained) == await one.ask(range_of(NEW))


STARTS, STEPS = st.integers(-30, 330), st.integers(1, 90)
WINDOWS = st.builds(lambda back, steps: window(back * MINUTE_MS, steps), STARTS, STEPS)
WAITS_MS = st.sampled_from([0, SECOND_MS, 3 * MINUTE_MS, 11 * MINUTE_MS, DAY_MS])
MEANWHILE = st.sampled_from(["look", "lose", "find", "nothing"])
EXPRS = st.sampled_from(["a", PASSING, STEADY, "a offset -5m", "a @ 86400000"])


@given(EXPRS, st.lists(st.tuples(WINDOWS, WAITS_MS, MEANWHILE), max_size=8), WINDOWS, st.booleans())
def test_whatever_has_been_asked_what_would_be_asked_is_asked(
    expr: str, before: list[tuple[Grid, int, str]], then: Grid, is_refresh: bool
) -> None:
    asyncio.run(ask_and_compare(expr, before, then, is_refresh))


async def ask_and_compare(
    expr: str, before: list[tuple[Grid, int, str]], then: Grid, is_refresh: bool
) -> None:
    one = Explaining(interval_ms=HOUR_MS, is_watched=True)
    for grid, wait_ms, meanwhile in before:
        await one.ask(range_of(grid, expr))
        one.cached.clock.advance(wait_ms)
        if meanwhile != "nothing":
            one.cached.world.is_lost = (meanwhile == "lose") or (
                one.cached.world.is_lost and meanwhile == "look"
            )
            await one.cached.look()
        await one.cached.settle()
    parameters = range_of(then, expr)
    explained = one.explain(parameters, says="no-cache" if is_refresh else "")
    sent = await one.ask(parameters, is_refresh)
    assert forms(explained) == sorted(sent, key=lambda form: float(form["start"]))
    assert explained.held_steps == then.steps - explained.asked_steps
    assert sum(run.steps for run in explained.held if not run.why_not) == explained.held_steps


async def test_a_refresh_is_explained_as_one() -> None:
    one = Explaining(interval_ms=HOUR_MS)
    await one.ask(range_of(OLD))
    assert one.explain(range_of(OLD)).requests == 0
    explained = one.explain(range_of(OLD), says="no-cache")
    assert forms(explained) == await one.ask(range_of(OLD), refresh=True)
    assert {run.why_not for run in explained.held} == {"refresh"}


async def test_explaining_leaves_no_trace() -> None:
    one = Explaining(is_watched=True)
    await one.cached.look()
    await one.ask(range_of(OLD.sliced(0, 20)))
    await one.ask(range_of(OLD.sliced(30, 50)))
    one.cached.clock.advance(KEEP.short_life_ms)
    put_in_memo(one, OLD.sliced(0, 20), NOW_MS)
    before = (
        metrics(),
        list(one.cached.store._extents),
        list(one.memo._answers),
        len(one.cached.upstream.asked),
    )
    for grid in (OLD, OLD.sliced(0, 20), NEW):
        one.explain(range_of(grid))
    one.explain_instant({"query": "a", "time": "5"})
    after = (
        metrics(),
        list(one.cached.store._extents),
        list(one.memo._answers),
        len(one.cached.upstream.asked),
    )
    assert after == before


def put_in_memo(one: Explaining, grid: Grid, until_ms: int) -> None:
    plan = one.cached.plan(grid, caller=VARY)
    body = Assembled((b"x",), 1, is_gzip=True)
    now_ms = one.cached.clock.monotonic
    one.memo.put(
        (plan.key, plan.grid, True),
        one.memo.version(one.cached.watch.version),
        now_ms,
        until_ms,
        body,
        1,
    )


async def test_a_remembered_answer_is_sent_to_who_takes_its_encoding() -> None:
    one = Explaining()
    await one.ask(range_of(OLD))
    put_in_memo(one, OLD, NOW_MS)
    one.cached.clock.advance(SECOND_MS)
    explained = one.explain(range_of(OLD), wants_gzip=True)
    assert [(known.age_ms, known.lives_ms, known.is_sent) for known in explained.remembered] == [
        (SECOND_MS, 29_000, True)
    ]
    assert explained.asks == ()
    assert not one.explain(range_of(OLD)).is_remembered
    assert not one.explain(range_of(OLD), wants_gzip=True, says="no-cache").is_remembered


async def test_a_remembered_answer_is_sent_although_its_pieces_are_gone() -> None:
    one = Explaining()
    put_in_memo(one, OLD, NOW_MS)
    explained = one.explain(range_of(OLD), wants_gzip=True)
    assert (explained.asks, explained.requests, explained.held_steps) == ((), 0, 0)
    assert one.explain(range_of(OLD)).requests > 0


async def test_of_too_many_runs_only_the_first_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "_MOST_RUNS", 2)
    one = Explaining()
    for at in (0, 5, 10):
        await one.ask(range_of(OLD.sliced(at, at + 1)))
    explained = one.explain(range_of(OLD))
    assert (len(explained.held), explained.held_runs, explained.held_steps) == (2, 3, 3)


async def test_an_instant_answer_lives_shorter_while_a_store_is_away() -> None:
    one = Explaining(is_watched=True)
    await one.cached.look()
    one.cached.world.is_lost = True
    await one.cached.look()
    (fact,) = one.explain_instant({"query": "a", "time": "5"}).keeping
    assert (fact.life_ms, fact.setting) == (KEEP.short_life_ms, "--cache.unconfirmed-life")


async def test_traits_window_and_key_are_told() -> None:
    one = Explaining()
    explained = one.explain(range_of(OLD, "rate( a[2m]  @ end())"))
    at_ms = OLD.last_ms
    text = f"rate( a[2m]  @ {at_ms // 1000}.000)"
    assert explained.traits == Traits(0, 0, ((at_ms - 2 * MINUTE_MS, at_ms),), ("a",), text)
    assert explained.window == Window(OLD.start_ms, OLD.last_ms, MINUTE_MS, 0, 120, is_moved=False)
    assert explained.interval_ms == DAY_MS
    assert explained.key is not None
    assert explained.key.expression == f"rate ( a [ 2m ] @ {at_ms // 1000}.000 )"
    assert [name for name, _ in explained.key.headers] == list(NAMES)
    marks = [mark for _, mark in explained.key.headers]
    assert len(marks[0]) == 8
    assert VARY[0] not in marks[0]
    assert marks[1] == ""


async def test_a_query_that_is_moved_onto_its_step_says_so() -> None:
    one = Explaining()
    one.with_explainer(split=SplitPolicy(DAY_MS, 1000, align=True, keep=True))
    off = dataclasses.replace(OLD, start_ms=OLD.start_ms + 700)
    moved = one.explain(range_of(off)).window
    assert moved == Window(OLD.start_ms, OLD.last_ms, MINUTE_MS, 0, 120, is_moved=True)
    whole = one.explain(range_of(off, limit="3"))
    assert whole.window == Window(off.start_ms, off.last_ms, MINUTE_MS, 700, 120, is_moved=False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"limit": "3"}, "limit counts the series of the whole answer"),
        ({"query": "a{"}, "the expression is not understood here"),
        ({"start": "x"}, "Thanos reads the parameters"),
    ],
)
async def test_what_is_asked_whole_goes_as_it_came(changes: dict[str, str], reason: str) -> None:
    explained = Explaining().explain({**range_of(OLD), **changes})
    assert explained.whole == reason
    (ask,) = explained.asks
    assert (ask.method, ask.path) == ("GET", "/api/v1/query_range")
    assert explained.held == ()
    assert explained.key is None


async def test_a_request_that_is_not_looked_into_says_why() -> None:
    explained = Explaining().explain(range_of(OLD), unread="the request says no-store", says="no-store")
    assert explained.whole == "the request says no-store"
    assert explained.window is None


async def test_lives_are_told_of_what_would_be_fetched() -> None:
    one = Explaining()
    await one.ask(range_of(NEW.sliced(0, 170)))
    facts = {fact.what: fact.steps for fact in one.explain(range_of(NEW)).keeping}
    assert facts == {
        "settled": 10,
        "may get late samples": 119,
        "too young": 2,
        "at most, without series": None,
    }


async def test_what_is_never_kept_says_why() -> None:
    one = Explaining()
    assert one.explain(range_of(NEW, stats="all")).not_kept == "answers with stats are not kept"
    one.with_explainer(split=SplitPolicy(HOUR_MS, 1000))
    assert one.explain(range_of(OLD)).not_kept == "the cache is off"


async def test_a_tier_behind_memory_is_mentioned_where_something_is_missing() -> None:
    one = Explaining()
    one.with_explainer(has_tier=True)
    assert len(one.explain(range_of(OLD)).notes) == 1
    await one.ask(range_of(OLD))
    assert one.explain(range_of(OLD)).notes == ()


async def test_a_limit_that_is_exceeded_refuses_and_nothing_would_be_asked() -> None:
    one = Explaining(LimitsTable(Limits(max_query_steps=119), {"team-b": Limits()}))
    explained = one.explain(range_of(OLD))
    assert explained.refusal is not None
    assert explained.refusal.status == 422
    assert "--limits.max-query-steps" in explained.refusal.error
    assert (explained.asks, explained.requests) == ((), 0)
    assert one.explain(range_of(OLD.sliced(0, 119))).refusal is None
    states = {fact.name: fact.state for fact in explained.limits}
    assert states["max_query_steps"] == "over"


async def test_times_that_cannot_be_read_are_refused_where_they_matter() -> None:
    one = Explaining(LimitsTable(Limits(max_query_steps=5)))
    refusal = one.explain({**range_of(OLD), "step": "x"}).refusal
    assert refusal is not None
    assert "cannot be checked" in refusal.error


async def test_a_blocked_query_is_refused() -> None:
    table = LimitsTable(blocked=(BlockedRule(expression="a", reason="ask b"), BlockedRule(panel="7")))
    explained = Explaining(table).explain(range_of(OLD))
    rule = "rule 1 of blocked in --limits.config-file"
    text = f"this request is blocked: ask b ({rule}): ask for something else"
    assert explained.refusal == Refusal(422, "execution", text)
    assert explained.blocked_rules == 2


async def test_an_instant_query_at_a_settled_time_is_kept() -> None:
    one = Explaining()
    parameters = {"query": "a", "time": str(OLD.start_ms // 1000)}
    explained = one.explain_instant(parameters)
    assert explained.keeping == (KeepFact("the answer", None, MINUTE_MS, "--cache.instant-life"),)
    assert [(ask.method, ask.path) for ask in explained.asks] == [("GET", "/api/v1/query")]
    young = one.explain_instant({"query": "a", "time": str(NOW_MS // 1000)})
    assert young.not_kept.endswith("too young to be kept, so it is only shared while it is fetched")
    assert one.explain_instant({"query": "a"}).not_kept.startswith("without a time")


async def test_a_remembered_instant_answer_is_found() -> None:
    one = Explaining()
    parameters = {"query": "a", "time": "5"}
    key = answer_key(VARY, "/api/v1/query", tuple(parameters.items()))
    now_ms = one.cached.clock.monotonic
    answer = UpstreamAnswer(b"{}", no_store=False)
    one.whole_memo.put(key.full, one.whole_memo.version(0), now_ms, now_ms + 9_000, answer, 2)
    one.cached.clock.advance(SECOND_MS)
    explained = one.explain_instant(parameters)
    (known,) = explained.remembered
    assert (known.age_ms, known.lives_ms, known.is_sent) == (SECOND_MS, 8_000, True)
    assert explained.asks == ()
    assert one.explain_instant(parameters, says="no-cache").requests == 1


@pytest.mark.parametrize(
    ("parameters", "limits", "words"),
    [
        ({"time": "5"}, Limits(max_query_lookback_ms=HOUR_MS), "--limits.max-query-lookback"),
        ({"time": "x"}, Limits(max_query_lookback_ms=HOUR_MS), "cannot be checked"),
        ({"query": "aaaa"}, Limits(max_query_bytes=3), "--limits.max-query-bytes"),
    ],
)
async def test_an_instant_query_is_refused_as_its_endpoint_would(
    parameters: dict[str, str], limits: Limits, words: str
) -> None:
    refusal = Explaining(LimitsTable(limits)).explain_instant({"query": "a", **parameters}).refusal
    assert refusal is not None
    assert words in refusal.error


async def test_an_unread_instant_query_is_asked_whole() -> None:
    explained = Explaining().explain_instant({"query": "a"}, unread="the request says no-store")
    assert explained.whole == "the request says no-store"
    assert explained.key is None

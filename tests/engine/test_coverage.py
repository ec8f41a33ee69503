"""Which times of an expression are held, row by row."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest

from proxy.engine import coverage
from proxy.engine.coverage import CoverageView, Wanted
from proxy.engine.memory import UNCOUNTED
from proxy.engine.range_query import Wish
from proxy.model.grid import Grid
from proxy.model.query import Form, RangeQuery
from tests.engine.cached import CALLER, HOUR_MS, MINUTE_MS, Cached, window

if TYPE_CHECKING:
    from proxy.plan.coverage import Coverage

NAMES = ("thanos-tenant", "cookie")
ANN, BOB = ("aa", ""), ("bb", "s3cr3t")
OLD = window(10 * HOUR_MS, 40)


def view(cached: Cached, shows_others: bool = False) -> CoverageView:
    return CoverageView(
        cached.store, cached.watch, cached.clock, NAMES, b"secret", shows_others=shows_others
    )


async def keep(
    cached: Cached, grid: Grid, expr: str = "a", caller: tuple[str, ...] = ANN, form: Form = ()
) -> None:
    plan = cached.plan(grid, expr, form, caller)
    await cached.queries.run(plan, CALLER, Wish(as_text=False), UNCOUNTED)


async def look(
    cached: Cached, expr: str = "a", step_ms: int | None = None, shows_others: bool = False
) -> Coverage:
    query = RangeQuery(expr, OLD.start_ms, OLD.last_ms, step_ms or MINUTE_MS, "", ())
    return await view(cached, shows_others).of(Wanted(query, step_ms, ANN))


async def test_what_is_held_is_a_row_of_runs() -> None:
    cached = Cached()
    await keep(cached, OLD.sliced(0, 10))
    await keep(cached, OLD.sliced(20, 40))
    found = await look(cached)
    (row,) = found.rows
    assert (row.step_ms, row.phase_ms, row.is_own, row.parameters) == (MINUTE_MS, 0, True, ())
    assert [(run.from_ms, run.to_ms, run.state) for run in row.runs] == [
        (OLD.start_ms, OLD.start_ms + 9 * MINUTE_MS, "serves"),
        (OLD.start_ms + 20 * MINUTE_MS, OLD.last_ms, "serves"),
    ]
    assert found.expression == "a"


async def test_the_text_may_be_written_otherwise() -> None:
    cached = Cached()
    await keep(cached, OLD, "rate(a[2m] offset -5m)")
    assert (await look(cached, "rate( a [2m]offset -5m ) # x")).rows
    assert not (await look(cached, "rate(a[3m] offset -5m)")).rows
    assert not (await look(cached, "a")).rows


async def test_steps_phases_and_parameters_have_rows_of_their_own() -> None:
    cached = Cached()
    await keep(cached, OLD)
    await keep(cached, dataclasses.replace(OLD, start_ms=OLD.start_ms + 5))
    await keep(cached, Grid(OLD.start_ms, 2 * MINUTE_MS, 20))
    await keep(cached, OLD, form=(("dedup", "false"),))
    found = await look(cached)
    rows = [(row.step_ms, row.phase_ms, row.parameters) for row in found.rows]
    assert sorted(rows) == [
        (MINUTE_MS, 0, ()),
        (MINUTE_MS, 0, (("dedup", "false"),)),
        (MINUTE_MS, 5, ()),
        (2 * MINUTE_MS, 0, ()),
    ]
    assert [row.step_ms for row in (await look(cached, step_ms=2 * MINUTE_MS)).rows] == [2 * MINUTE_MS]


async def test_others_are_shown_only_where_that_is_allowed_and_without_their_values() -> None:
    cached = Cached()
    await keep(cached, OLD, caller=BOB)
    assert (await look(cached)).rows == ()
    await keep(cached, OLD)
    rows = (await look(cached, shows_others=True)).rows
    assert [row.is_own for row in rows] == [True, False]
    assert rows[0].caller.startswith("thanos-tenant ")
    assert rows[1].caller.startswith("thanos-tenant, cookie ")
    assert "s3cr3t" not in str(rows)
    assert [row.is_own for row in (await look(cached)).rows] == [True]


async def test_values_of_parameters_that_thanos_does_not_know_are_not_shown() -> None:
    cached = Cached()
    await keep(cached, OLD, form=(("dedup", "true"), ("password", "s3cr3t")))
    (row,) = (await look(cached)).rows
    shown = dict(row.parameters)
    assert shown["dedup"] == "true"
    assert shown["password"].startswith("hashed: ")
    assert "s3cr3t" not in str(row)


async def test_who_sends_no_header_is_called_so() -> None:
    cached = Cached()
    await keep(cached, OLD, caller=("", ""))
    (row,) = (await look(cached, shows_others=True)).rows
    assert row.caller == "without headers"


async def test_a_key_that_holds_nothing_of_these_times_has_no_row() -> None:
    cached = Cached()
    await keep(cached, window(30 * HOUR_MS, 40))
    assert (await look(cached)).rows == ()


@pytest.mark.parametrize("expr", ["a{", "timestamp(a) + range()"])
async def test_what_is_never_kept_says_why(expr: str) -> None:
    assert (await look(Cached(), expr)).whole


async def test_looking_is_no_use_of_an_extent() -> None:
    cached = Cached()
    await keep(cached, OLD)
    order = list(cached.store._extents)
    await look(cached)
    assert list(cached.store._extents) == order


async def test_others_have_their_turn_while_it_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "_AT_ONCE", 1)
    cached = Cached()
    await keep(cached, OLD)
    looking = asyncio.ensure_future(look(cached))
    for _ in range(len(cached.store)):
        await asyncio.sleep(0)
        assert not looking.done()
    (row,) = (await looking).rows
    assert len(row.runs) == 1


async def test_others_have_their_turn_between_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "_JUDGED_AT_ONCE", 1)
    cached = Cached()
    for phase_ms in range(3):
        await keep(cached, dataclasses.replace(OLD, start_ms=OLD.start_ms + phase_ms))
    looking = asyncio.ensure_future(look(cached))
    for _ in range(3):
        await asyncio.sleep(0)
        assert not looking.done()
    assert len((await looking).rows) == 3


async def test_too_many_rows_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "_MOST_ROWS", 2)
    cached = Cached()
    for phase_ms in range(3):
        await keep(cached, dataclasses.replace(OLD, start_ms=OLD.start_ms + phase_ms))
    found = await look(cached)
    assert (len(found.rows), found.rows_left_out) == (2, 1)

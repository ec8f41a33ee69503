"""The world of the soak does what its promises to thanoxy need."""

from __future__ import annotations

import random

import numpy as np

from proxy.codec.stores_json import parse_stores
from proxy.settings import Settings
from tests.soak.bodies import matrix_text, read_matrix
from tests.soak.clock import HOUR_MS, MAX_SKEW_MS, MINUTE_MS, SECOND_MS, START_MS
from tests.soak.faults import draw_faults
from tests.soak.questions import RangeQuestion
from tests.soak.views import ALL, Absence, Views, draw_views
from tests.soak.world import (
    ABSENT,
    EXPR_OF,
    LONGEST_DELAY_MS,
    SCRAPE_MS,
    VALUES,
    Batch,
    World,
    draw_batches,
)


def at(world: World, now_ms: int, seen: frozenset[str] = ALL, expr: str = "cpu_load") -> list[int]:
    """The values of all slots an hour before `START_MS`."""
    question = RangeQuestion(EXPR_OF[expr], "team-a", START_MS - HOUR_MS, START_MS - HOUR_MS, SCRAPE_MS)
    return [int(row[0]) for row in question.rows(world, now_ms, seen).values()]


def test_no_two_values_are_written_alike() -> None:
    assert len(set(VALUES)) == len(VALUES)


def test_samples_arrive_within_the_freshness_whatever_the_proxys_clock_says() -> None:
    assert Settings().freshness_ms > LONGEST_DELAY_MS + MAX_SKEW_MS


def test_a_late_sample_changes_the_answer_when_it_arrives() -> None:
    number = (START_MS - HOUR_MS) // SCRAPE_MS
    world = World((Batch("cpu_load", frozenset({2}), number, number, START_MS),))
    before, after = at(world, START_MS - 1), at(world, START_MS)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True] * 2 + [False] + [
        True
    ] * 3
    assert after == at(World(), START_MS)


def test_late_samples_of_the_recent_window_come_while_their_steps_are_recent() -> None:
    recent_ms = Settings().recent_ms - MAX_SKEW_MS
    late = [one.arrives_ms - one.first * SCRAPE_MS for one in draw_batches(random.Random(1), 24)]
    assert sum(delay_ms <= recent_ms for delay_ms in late) > len(late) // 2
    assert any(delay_ms > recent_ms for delay_ms in late)


def test_who_does_not_see_a_store_lacks_its_series() -> None:
    assert len(at(World(), START_MS)) == 6
    assert len(at(World(), START_MS, ALL - {"ruler"})) == 4


def test_series_come_and_go() -> None:
    question = RangeQuestion(EXPR_OF["pods"], "team-a", START_MS - 3 * HOUR_MS, START_MS, MINUTE_MS)
    rows = question.rows(World(), START_MS, ALL)
    assert len(rows) > 20
    assert all(ABSENT in row for row in rows.values())


def test_a_store_fails_then_is_not_listed_then_is_back_elsewhere() -> None:
    absence = Absence("ruler", 0, START_MS, START_MS + 5000, START_MS + 60_000, moves=True)
    views = Views(2, (absence,))
    assert views.of(0, START_MS).failing == {"ruler"}
    assert views.of(0, START_MS).notes == ("receive series from ruler: connection refused",)
    assert views.of(0, START_MS + 5000).missed == {"ruler"}
    assert not views.of(0, START_MS + 5000).notes
    assert views.of(1, START_MS + 5000).seen == views.of(0, START_MS + 60_000).seen == ALL
    assert len(views.stores_json(0, START_MS + 5000)) == len(views.stores_json(0, START_MS)) - 1
    moved = views.stores_json(0, START_MS + 60_000)["ruler"][0]["name"]
    assert moved != views.stores_json(0, START_MS)["ruler"][0]["name"]


def test_the_list_of_stores_is_what_thanos_writes() -> None:
    absence = Absence("ruler", 0, START_MS, START_MS, START_MS + 60_000, is_listed=True)
    views = Views(1, (absence,))
    data = repr(views.stores_json(0, START_MS)).replace("None", "null").replace("'", '"')
    stores = parse_stores(f'{{"data":{data}}}'.encode())
    assert [one.kind.split()[0] for one in stores if not one.is_healthy] == ["ruler"]
    assert len(stores) == len(ALL)


def test_an_answer_reads_as_it_was_written() -> None:
    question = RangeQuestion(EXPR_OF["pods"], "team-a", START_MS - HOUR_MS, START_MS, MINUTE_MS)
    rows = question.rows(World(), START_MS, ALL)
    read, notes = read_matrix(matrix_text(rows, question.heads, ("a <b>",)), question.times_ms)
    assert notes == ("a <b>",)
    assert read.keys() == rows.keys()
    assert all(np.array_equal(row, rows[labels]) for labels, row in read.items())


def test_a_seed_draws_the_same_day_twice() -> None:
    def day() -> tuple[object, ...]:
        chance = random.Random("7")
        return draw_batches(chance, 5), draw_views(chance, 5, 3), draw_faults(chance, 5, 3)

    assert day() == day()


def test_each_store_is_lost_in_a_day_and_some_for_longer_than_they_are_expected() -> None:
    views = draw_views(random.Random(3), 24, 3)
    assert {one.store for one in views.absences} == ALL
    lengths_ms = [one.back_ms - one.gone_ms for one in views.absences if one.gone_ms >= START_MS]
    assert min(lengths_ms) < MINUTE_MS < HOUR_MS + 10 * MINUTE_MS < max(lengths_ms)
    assert any(length_ms < 20 * SECOND_MS for length_ms in lengths_ms)

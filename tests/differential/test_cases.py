"""Cases are the same for the same seed, stay within bounds, and leave no shape out."""

from __future__ import annotations

import random
from urllib.parse import parse_qsl

import pytest

from proxy.codec.durations import parse_duration_ms, parse_time_ms
from tests.differential.cases import Case, draw_case, draw_replicated_case
from tests.differential.queries import REPLICATED_SHAPES, all_shapes
from tests.differential.windows import (
    DAY_MS,
    MINUTE_MS,
    MOST_POINTS,
    Window,
    write_duration,
    write_time,
)

END_MS = 1_800_000_000_000
DATA = Window(END_MS - 4 * DAY_MS, END_MS, MINUTE_MS)
SHAPES = len(all_shapes()) + len(REPLICATED_SHAPES)
MANY = [draw_case(1, number, DATA) for number in range(2 * SHAPES)]
REPLICATED = [draw_replicated_case(1, number, DATA) for number in range(SHAPES)]


def fields(case: Case) -> list[tuple[str, str]]:
    texts = [case.request.body, case.request.url_query]
    return [field for text in texts for field in parse_qsl(text, keep_blank_values=True)]


def test_there_are_at_least_80_shapes_and_none_twice() -> None:
    shapes = [shape for _, shape in all_shapes()]
    assert len(shapes) >= 80
    assert len(shapes) == len(set(shapes))


@pytest.mark.parametrize("draw", [draw_case, draw_replicated_case])
def test_a_seed_and_a_number_always_give_the_same_case(draw: object) -> None:
    assert callable(draw)
    assert draw(7, 123, DATA) == draw(7, 123, DATA) != draw(8, 123, DATA)


def test_every_shape_has_its_turn_before_any_comes_again() -> None:
    shapes = [case.query.shape for case in MANY]
    assert len(set(shapes[:SHAPES])) == len(set(shapes[SHAPES:])) == SHAPES


def test_a_case_never_asks_for_more_points_than_thanos_answers() -> None:
    assert all(0 < case.window.steps <= MOST_POINTS + 1 for case in [*MANY, *REPLICATED])


def test_what_is_sent_is_the_case() -> None:
    for case in MANY:
        sent = dict(reversed(fields(case)))  # of two, the first one counts
        assert sent["query"] == case.query.expr
        assert parse_duration_ms(sent["step"]) in {case.window.step_ms, None}
        for name, time_ms in (("start", case.window.start_ms), ("end", case.window.end_ms)):
            assert parse_time_ms(sent[name]) in {time_ms, None}
        assert set(case.parameters) <= set(fields(case))


def test_only_replicas_falling_counters_and_the_other_engine_put_thanos_in_doubt() -> None:
    assert {case.doubt for case in MANY} == {"", "counter", "engine"}
    assert {case.doubt for case in REPLICATED} == {"replicas"}


def test_splits_hold_every_timestamp_once_and_none_crosses_an_interval() -> None:
    for case in MANY[:100]:
        splits = case.window.splits(DAY_MS)
        times = [time_ms for split in splits for time_ms in split.timestamps_ms]
        assert times == list(case.window.timestamps_ms)
        assert all(s.start_ms // DAY_MS == s.end_ms // DAY_MS for s in splits)


def test_blanks_of_the_whole_range_become_its_numbers() -> None:
    query = next(c.query for c in MANY if "<end>" in c.query.text and "<step>" not in c.query.text)
    assert "end()" in query.expr
    constant = query.constant_over(Window(1_500, 61_500, 60_000))
    assert constant == query.text.replace("<end>", "61.500").replace("<start>", "1.500")


@pytest.mark.parametrize("time_ms", [0, 1, -1, -1_500, END_MS, END_MS + 7, END_MS + 120])
def test_every_way_of_writing_a_time_means_that_time(time_ms: int) -> None:
    texts = {write_time(random.Random(seed), time_ms) for seed in range(100)}
    assert {parse_time_ms(text) for text in texts} == {time_ms}
    assert len(texts) > 5


@pytest.mark.parametrize("duration_ms", [1_500, 60_000, 90_000, 300_000, DAY_MS])
def test_every_way_of_writing_a_duration_means_that_duration(duration_ms: int) -> None:
    texts = {write_duration(random.Random(seed), duration_ms) for seed in range(100)}
    assert {parse_duration_ms(text) for text in texts} == {duration_ms}
    assert len(texts) > 3

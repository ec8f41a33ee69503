"""Splits joined in time equal the unsplit answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_json import scan_matrix
from proxy.codec.matrix_text import body_length, body_text, group_text, series_groups
from proxy.codec.tail_json import merge_stats
from proxy.errors import NotSplittableError
from proxy.merge.matrices import JoinedMatrix, join_matrices, join_tails
from proxy.model.grid import Grid
from proxy.model.matrix import Tail
from proxy.plan.split import split_grid
from tests.bodies import GRIDS, body_of, matrices, shifted


def joined(bodies: list[bytes]) -> JoinedMatrix:
    return join_matrices([scan_matrix(body) for body in bodies], sort_key, merge_stats)


@given(GRIDS, st.sampled_from([1, 1000, 7000, 60_000, 100_000]), st.data())
def test_split_and_join_is_identity(grid: Grid, interval_ms: int, data: st.DataObject) -> None:
    series = data.draw(matrices(grid))
    parts, first = [], 0
    for part in split_grid(grid, interval_ms):
        parts.append(body_of(shifted(series, first), part))
        first += part.steps
    matrix = joined(parts)
    whole = body_of(series, grid)
    assert b"".join(group_text(matrix, g) for g in series_groups(matrix, 64)) == whole
    assert body_text(matrix) == whole
    assert body_length(matrix) == len(whole)


def test_series_that_appear_later_take_their_place_in_label_order() -> None:
    early = body_of({'{"a":"2"}': {0: ("1", False)}}, Grid(0, 1000, 1))
    late = body_of(
        {'{"a":"1"}': {0: ("1", False)}, '{"b":"0"}': {0: ("1", False)}}, Grid(1000, 1000, 1)
    )
    assert joined([early, late]).metrics == (b'{"a":"1"}', b'{"a":"2"}', b'{"b":"0"}')


def test_a_shorter_label_set_stands_before_its_extension() -> None:
    a = body_of({'{"a":"1","b":"1"}': {0: ("1", False)}}, Grid(0, 1000, 1))
    b = body_of({'{"a":"1"}': {0: ("1", False)}}, Grid(1000, 1000, 1))
    assert joined([a, b]).metrics == (b'{"a":"1"}', b'{"a":"1","b":"1"}')


def test_a_split_in_another_order_is_not_joined() -> None:
    unsorted = body_of(
        {'{"a":"2"}': {0: ("1", False)}, '{"a":"1"}': {0: ("1", False)}}, Grid(0, 1000, 1)
    )
    other = body_of({'{"a":"3"}': {0: ("1", False)}}, Grid(1000, 1000, 1))
    with pytest.raises(NotSplittableError):
        joined([unsorted, other])


def test_warnings_are_kept_once_each_in_order_of_appearance() -> None:
    tails = [
        Tail({}, {"warnings": ("b", "a")}),
        Tail(),
        Tail({}, {"warnings": ("a", "c"), "infos": ("i",)}),
    ]
    assert join_tails(tails, merge_stats).notes == {
        "warnings": ("b", "a", "c"),
        "infos": ("i",),
    }


def test_statistics_are_added_and_peaks_are_not() -> None:
    stats = b'{"timings":{"evalTotalTime":0.5},"samples":{"totalQueryableSamples":10,"peakSamples":7}}'
    tail = join_tails([Tail({"stats": stats}), Tail({"stats": stats})], merge_stats)
    assert tail.extras["stats"] == (
        b'{"timings":{"evalTotalTime":1.0},"samples":{"totalQueryableSamples":20,"peakSamples":7}}'
    )


def test_answers_with_different_analyses_are_not_joined() -> None:
    with pytest.raises(NotSplittableError):
        join_tails([Tail({"analysis": b"{}"}), Tail({"analysis": b'{"name":"x"}'})], merge_stats)

"""The choice of `aggrsFromFunc` (Thanos, `pkg/query/querier.go`)."""

from __future__ import annotations

import pytest

from proxy.codec._pb.store_pb2 import Aggr
from proxy.plan.aggregates import Lane, lane_of


@pytest.mark.parametrize(
    ("func", "names"),
    [
        ("min", ["MIN"]),
        ("min_over_time", ["MIN"]),
        ("max", ["MAX"]),
        ("max_over_time", ["MAX"]),
        ("count", ["COUNT"]),
        ("count_over_time", ["COUNT"]),
        ("count_values", ["COUNT"]),
        ("sum_over_time", ["SUM"]),
        ("increase", ["COUNTER"]),
        ("rate", ["COUNTER"]),
        ("irate", ["COUNTER"]),
        ("resets", ["COUNTER"]),
        ("xincrease", ["COUNTER"]),
        ("xrate", ["COUNTER"]),
        ("", ["COUNT", "SUM"]),
        ("avg_over_time", ["COUNT", "SUM"]),
        ("sum", ["COUNT", "SUM"]),
        ("delta", ["COUNT", "SUM"]),
        ("minute", ["COUNT", "SUM"]),
        ("counter", ["COUNT", "SUM"]),
        ("xdelta", ["COUNT", "SUM"]),
    ],
)
def test_a_function_reads_the_aggregates_that_thanos_chooses(func: str, names: list[str]) -> None:
    assert lane_of(func).aggregates == tuple(Aggr.Value(name) for name in names)


def test_lanes_are_told_apart() -> None:
    assert len({lane.aggregates for lane in Lane}) == len(list(Lane)) == 6

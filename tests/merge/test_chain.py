"""Replicas that are copies of each other, united."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from proxy.merge.chain import unite

TIMES = st.lists(st.integers(-50, 50), unique=True).map(sorted)


@given(st.lists(TIMES, min_size=1, max_size=4))
def test_each_time_is_taken_once_from_the_first_replica_that_has_it(replicas: list[list[int]]) -> None:
    rows = unite([np.array(times, np.int64) for times in replicas]).tolist()
    both = [(time, number) for number, times in enumerate(replicas) for time in times]
    first: dict[int, int] = {}
    for time, number in both:
        first.setdefault(time, number)
    assert [both[row] for row in rows] == sorted(first.items())

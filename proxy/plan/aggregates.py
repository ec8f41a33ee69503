"""Which aggregate of downsampled data stands for the samples that a function reads. Pure.

Thanos keeps, for every five minutes and for every hour, the count, sum, minimum and maximum of a
series' samples, and a counter without its resets. Data that is not downsampled has none of them.
"""

from __future__ import annotations

from enum import Enum

_COUNTER_FUNCTIONS = frozenset({"increase", "irate", "rate", "resets", "xincrease", "xrate"})


class Lane(Enum):
    """What is read of downsampled data; data that is not downsampled is the same in every lane.

    The values are what to ask the StoreAPI for (`SeriesRequest.aggregates`): numbers of its `Aggr`.
    """

    COUNT = (1,)
    SUM = (2,)
    MIN = (3,)
    MAX = (4,)
    COUNTER = (5,)
    AVERAGE = (1, 2)

    @property
    def aggregates(self) -> tuple[int, ...]:
        numbers: tuple[int, ...] = self.value
        return numbers


def lane_of(func: str) -> Lane:
    """The lane for the PromQL function or aggregation around a selector; "" when there is none.

    As `aggrsFromFunc` of Thanos's `pkg/query/querier.go` chooses: `sum` itself reads averages, only
    functions that begin with `sum_` read sums.
    """
    for lane, word in ((Lane.MIN, "min"), (Lane.MAX, "max"), (Lane.COUNT, "count")):
        if func == word or func.startswith(f"{word}_"):
            return lane
    if func.startswith("sum_"):
        return Lane.SUM
    return Lane.COUNTER if func in _COUNTER_FUNCTIONS else Lane.AVERAGE

"""What is counted of an answer, and when it is too much."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.api.read_limits import Tally
from proxy.codec.read_request import ResponseType
from proxy.errors import LimitError
from tests.api.reading import LIMITS, series

SAMPLES, STREAMED = ResponseType.SAMPLES, ResponseType.STREAMED_XOR_CHUNKS


@pytest.mark.parametrize("kind", [SAMPLES, STREAMED])
def test_as_many_series_as_may_be_and_not_one_more(kind: ResponseType) -> None:
    tally = Tally(replace(LIMITS, max_series=2), kind)
    tally.count(series("a"))
    tally.count(series("b"))
    with pytest.raises(LimitError, match=r"more than 2 series \(--remote-read.max-series\)"):
        tally.count(series("c"))


def test_samples_are_counted_in_the_chunks() -> None:
    tally = Tally(replace(LIMITS, max_samples=250), STREAMED)
    tally.count(series("a", samples=249))
    tally.count(series("b", samples=1))
    with pytest.raises(LimitError, match=r"more than 250 samples \(--remote-read.max-samples\)"):
        tally.count(series("c", samples=1))


def test_samples_of_the_other_type_are_left_to_their_own_limit() -> None:
    Tally(replace(LIMITS, max_samples=1), SAMPLES).count(series("a"))

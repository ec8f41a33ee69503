"""Limits of a query."""

from __future__ import annotations

import pytest

from proxy.errors import BadDataError
from proxy.model.query import RangeQuery
from proxy.plan.limits import check_length

QUERY = RangeQuery("up", 0, 3_600_000, 60_000, "", ())


@pytest.mark.parametrize("limit_ms", [0, 3_600_000, 7_200_000])
def test_a_query_within_the_limit_passes(limit_ms: int) -> None:
    check_length(QUERY, limit_ms)


def test_a_longer_query_is_refused_with_the_name_of_the_setting() -> None:
    with pytest.raises(
        BadDataError, match=r"length: 3600\.0s, limit: 3599\.999s, --query-range\.max-que"
    ):
        check_length(QUERY, 3_599_999)

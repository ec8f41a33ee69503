"""What a query may cost at most. Each refusal names the limit and its setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import BadDataError

if TYPE_CHECKING:
    from proxy.model.query import RangeQuery


def check_length(query: RangeQuery, max_length_ms: int) -> None:
    """Refuse a query over a longer time, as query-frontend does (`limits.go`); 0 has no limit.

    Raises:
        BadDataError: it is longer.
    """
    length_ms = query.end_ms - query.start_ms
    if 0 < max_length_ms < length_ms:
        raise BadDataError(
            f"the query time range exceeds the limit (query length: {length_ms / 1000}s, limit:"
            f" {max_length_ms / 1000}s, --query-range.max-query-length): ask for a shorter range"
        )

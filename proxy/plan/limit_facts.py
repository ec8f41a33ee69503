"""The limits that a query is held to, each with its setting and with what the query has. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.plan.blocked import texts_of
from proxy.plan.limits import FLAGS, Limits, member_of
from proxy.plan.range_plan import count_splits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.model.query import Form, RangeQuery
    from proxy.plan.range_plan import SplitPolicy

NO_LIMIT = "no limit"
WITHIN = "within"
OVER = "over"
COUNTED = "counted as it comes"
NOT_KNOWN = "cannot be told"
FOR_RANGES = "for range queries"


@dataclass(frozen=True, slots=True)
class LimitFact:
    """One limit of the tenant's.

    name: as the file of limits calls it. value: 0 is no limit. of_query: what the query has, in the
    unit of the limit; None where that is not known. state: one of those above.
    """

    name: str
    flag: str
    value: int
    of_query: int | None
    state: str

    @property
    def is_time(self) -> bool:
        """Whether value and of_query are milliseconds."""
        return self.name in _TIMES


_COUNTED = frozenset(
    (
        "max_query_upstream_bytes",
        "max_query_samples",
        "max_query_response_bytes",
        "max_tenant_concurrent",
    )
)
_FOR_RANGES = frozenset(
    ("max_query_steps", "max_query_splits", "max_query_upstream_bytes", "max_query_samples")
)
_TIMES = {member_of(name) for name in FLAGS if name.endswith("_ms")}


def text_bytes(form: Form | None) -> int | None:
    """The length of the longest text of a request; None where it cannot be read."""
    if form is None:
        return None
    return max((len(text.encode("utf-8", "surrogatepass")) for text in texts_of(form)), default=0)


def sizes_of(query: RangeQuery, split: SplitPolicy, now_ms: int) -> dict[str, int]:
    """What a range query has of what limits speak of."""
    return {
        **window_sizes(query.start_ms, query.end_ms, now_ms),
        "max_query_steps": query.grid.steps,
        "max_query_splits": count_splits(query, split),
    }


def window_sizes(start_ms: int, end_ms: int, now_ms: int) -> dict[str, int]:
    """The same for any query that has times."""
    return {
        "max_query_length_ms": end_ms - start_ms,
        "max_query_lookback_ms": max(now_ms - start_ms, 0),
    }


def limit_facts(
    limits: Limits, sizes: Mapping[str, int | None], is_range: bool = True
) -> tuple[LimitFact, ...]:
    """All limits in the order of their flags; `sizes`: of the query, as far as they are known."""
    facts = []
    for name, flag in FLAGS.items():
        value, has = getattr(limits, name), sizes.get(name)
        state = _state(name, value, has) if is_range or name not in _FOR_RANGES else FOR_RANGES
        facts.append(LimitFact(member_of(name), flag, value, has, state if value else NO_LIMIT))
    return tuple(facts)


def _state(name: str, value: int, has: int | None) -> str:
    if name in _COUNTED:
        return COUNTED
    if has is None:
        return NOT_KNOWN
    return OVER if has > value else WITHIN

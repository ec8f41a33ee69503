"""What a panel of the Grafana dashboard is, and the queries that many of them have.

`{@}` in a query stands for the chosen jobs and instances. A panel without a kind is a time series.
"""

from __future__ import annotations

from typing import NamedTuple

Query = tuple[str, str]
"""PromQL and the legend."""


class Panel(NamedTuple):
    """One panel; `width` in 24ths of the page."""

    title: str
    unit: str
    meaning: str
    queries: tuple[Query, ...]
    width: int = 8
    kind: str = "timeseries"
    bad: tuple[float, float] | None = None
    """From where on a value is orange, and red."""
    is_stacked: bool = False


def rate(metric: str, by: str, more: str = "") -> str:
    """What a counter grows by in a second, by some labels."""
    return f"sum by ({by}) (rate({metric}{{@{more}}}[$__rate_interval]))"


def most(metric: str, by: str = "instance") -> str:
    """A gauge; of several instances by name."""
    return f"max by ({by}) ({metric}{{@}})"


def quantile(share: str, metric: str, by: str = "", more: str = "") -> str:
    """Of a histogram's observations in the last while."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', labels, more)})"


PEOPLE = ', handler!~"healthy|ready|metrics|status"'
ASKED = ', handler=~"query_range|query|labels|label_values|series"'
REQUESTS = "thanoxy_http_requests_total"
TOOK = "thanoxy_http_request_duration_seconds"
UNSUCCESSFUL = ', code=~"4..|5.."'
STEPS = "thanoxy_cache_steps_total"
STAGES = "thanoxy_stage_duration_seconds"
ALL = f"sum(rate({REQUESTS}{{@{PEOPLE}}}[$__rate_interval]))"
ERRORS = f'(sum(rate({REQUESTS}{{@{PEOPLE}, code=~"5.."}}[$__rate_interval])) or vector(0)) / {ALL}'
HITS = (
    f'sum(rate({STEPS}{{@, event="hit"}}[$__rate_interval]))'
    f' / sum(rate({STEPS}{{@, event="requested"}}[$__rate_interval]))'
)

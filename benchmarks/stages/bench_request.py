"""What is done once a request, however large its answer: the expression, the plan, the key."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from proxy.codec.params import parse_form, parse_range_query
from proxy.plan.cache_key import CacheKey, range_key, vary_fields
from proxy.plan.range_plan import RangePlan, SplitPolicy, plan_range
from proxy.promql.clashes import may_clash
from proxy.promql.freeze import Frozen, freeze
from proxy.promql.lexer import normalise
from proxy.promql.traits import Traits, analyse

if TYPE_CHECKING:
    from benchmarks.stages.measure import Measure

_START_S, _END_S, _STEP_S = 1_699_200_000, 1_699_804_800, 300
_PODS = "|".join(f"shop-{number:05d}" for number in range(500))

EXPRESSIONS = {
    "a name": "up",
    "a rate": 'sum by (code) (rate(http_requests_total{job="shop",code=~"5.."}[5m]))',
    "a quantile": (
        "histogram_quantile(0.99, sum by (le, handler) (rate("
        'http_request_duration_seconds_bucket{cluster="eu-west-1",namespace="production",job="shop"}[5m])))'
        " / on (handler) group_left () sum by (handler)"
        ' (rate(http_requests_total{job="shop"}[5m] offset 1d))'
    ),
    "made constant": 'max_over_time(up{job="shop"}[step()] @ end()) - up @ start() offset 1h',
    "500 pods": f'sum by (pod) (rate(container_cpu_usage_seconds_total{{pod=~"{_PODS}"}}[5m]))',
}
_POLICY = SplitPolicy(interval_ms=86_400_000, max_splits=1_000, keep=True)
_FORM = (("dedup", "true"), ("partial_response", "true"), ("max_source_resolution", "0s"))
_HEADERS = (
    ("Host", "thanoxy:10912"),
    ("User-Agent", "Grafana/12.1.0"),
    ("Accept-Encoding", "gzip"),
    ("THANOS-TENANT", "team-shop"),
    ("Authorization", "Bearer 0123456789abcdef0123456789abcdef"),
)
_VARY_BY = ("thanos-tenant", "x-scope-orgid", "authorization", "cookie")

named = pytest.mark.parametrize("name", EXPRESSIONS)


@named
def test_analyse(measure: Measure, name: str) -> None:
    """An expression seen for the first time."""
    expr = EXPRESSIONS[name]

    def understood() -> tuple[str, Traits | None, bool, str]:
        frozen = freeze(expr, _START_S * 1000, _END_S * 1000, _STEP_S * 1000)
        assert isinstance(frozen, Frozen)
        text = frozen.text
        return text, analyse(text), may_clash(text), normalise(text)

    text, traits, _, normal = measure(f"analyse, {name}", understood)
    assert traits is not None
    assert (text != expr) == (name == "made constant")
    assert normal


@named
def test_parse_and_plan(measure: Measure, name: str) -> None:
    """A URL to a plan; the expression is a known one, as on every look at a dashboard but the first."""
    fields = {"query": EXPRESSIONS[name], "start": _START_S, "end": _END_S, "step": _STEP_S}
    url_query = urlencode([*fields.items(), *_FORM])

    def planned() -> RangePlan:
        form = parse_form(url_query)
        assert form is not None
        query = parse_range_query(form)
        assert query is not None
        return plan_range(query, _POLICY, ("", "", "", ""))

    plan = measure(f"parse and plan, {name}", planned)
    assert not plan.whole
    assert plan.key is not None


@named
def test_cache_key(measure: Measure, name: str) -> None:
    """With the headers that answers vary by."""
    normal = normalise(EXPRESSIONS[name])

    def key() -> CacheKey:
        caller = vary_fields(_HEADERS, _VARY_BY)
        return range_key(caller, normal, _STEP_S * 1000, 0, _FORM)

    assert len(measure(f"cache key, {name}", key).name) == 16

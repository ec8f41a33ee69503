from __future__ import annotations

import pytest

from proxy.promql.clashes import may_clash


@pytest.mark.parametrize(
    "expr",
    [
        'rate({__name__=~"a|b"}[5m])',
        'sum(rate({job="x"}[5m])) / 2',
        'rate(({job="x"}[5m]))',
        'quantile_over_time(0.5, {__name__!="a",job="x"}[5m])',
        "sum_over_time((a or b)[1h:])",
        "sum_over_time((a or vector(0))[1h:])",
        'max_over_time(({job="x"} > 2)[1h:])',
        'max_over_time((2 < {job="x"})[1h:])',
        'max_over_time((a == on(job) group_right {job="x"})[1h:])',
        'max_over_time(topk(3, {job="x"})[1h:])',
        'max_over_time(sum by (__name__) ({job="x"})[1h:])',
        'max_over_time(last_over_time({job="x"}[5m])[1h:])',
        "max_over_time(sort(a or b)[1h:])",
        'sum_over_time(label_replace(a, "__name__", "$1", "job", "(.*)")[1h:])',
        'sum_over_time(label_join(label_replace({job="x"}, "b", "", "", ""), "a", "-")[1h:])',
        'topk(scalar(sum_over_time({job="x"}[5m])), b)',
        '-sum_over_time({job="x"}[5m])',
        'abs(sum_over_time({job="x"}[5m]))',
    ],
)
def test_more_than_one_name_under_a_function_over_a_range_may_clash(expr: str) -> None:
    assert may_clash(expr)


@pytest.mark.parametrize(
    "expr",
    [
        "1",
        '"text"',
        '{__name__=~"a|b"}',
        'abs({__name__=~"a|b"}) + -{job="x"}',
        "rate(a[5m]) + rate(b[5m])",
        'rate({__name__="a",job="x"}[5m])',
        'rate({"a.b",job="x"}[5m])',
        'last_over_time({job="x"}[5m])',
        'absent_over_time({job="x"}[5m])',
        "sum_over_time((a and b)[1h:])",
        "sum_over_time((a unless b)[1h:])",
        "sum_over_time((a + b)[1h:])",
        "sum_over_time((a > b)[1h:])",
        "sum_over_time((a > 2)[1h:])",
        "sum_over_time((time() < a)[1h:])",
        'sum_over_time(({job="x"} > bool 2)[1h:])',
        "sum_over_time((sum(a) or vector(0))[1h:])",
        "sum_over_time((-a or vector(time()))[1h:])",
        'max_over_time(sum by (job) ({job="x"})[1h:])',
        'max_over_time(sum without (job) ({job="x"})[1h:])',
        'max_over_time(abs({job="x"})[1h:])',
        'sum_over_time(label_replace(a, "b", "$1", "job", "(.*)")[1h:])',
        'quantile_over_time(scalar({job="x"}), a[5m])',
    ],
)
def test_one_name_under_a_function_over_a_range_cannot_clash(expr: str) -> None:
    assert not may_clash(expr)

"""The embedded demo upstream: a small Prometheus HTTP API over synthetic series.

It stands in for Thanos Query where there is none, so that a machine with nothing but Python has
something to look at. Nothing here was ever measured: each series says `source="synthetic"`.

    series      which series exist, and the value of each at any time (a pure function)
    vectors     what an expression is worth on the way: vectors, scalars; the errors
    selectors   label matchers, instant selectors, the samples inside range windows
    windows     `rate`, `*_over_time`: functions of range windows
    operators   aggregation, arithmetic, comparison
    functions   functions of instant vectors, `histogram_quantile`
    evaluate    PromQL's tree, one call for each node
    answers     results as the JSON text that Thanos Query writes
    api         the endpoints: parameters in, answers out
    app         the HTTP server; `python -m proxy.demo --port 10902` runs it alone

Simplifications: every target is scraped at whole multiples of 15 s; a failed scrape ends a
series at once, so the lookback delta never matters; the series reach from 1970 into the future;
parameters about real stores (`dedup`, `partial_response`, ...) change nothing; what `evaluate`
does not name (subqueries, set operators, `group_left`, ...) is refused with 422; there are no
PromQL warnings. The answer at a step never depends on the range that was asked for, down to the
last digit.
"""

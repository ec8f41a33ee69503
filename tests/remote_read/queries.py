"""The PromQL that Prometheus and Thanos Query are asked, over the sample series.

Where samples come over HTTP, two things differ, and a case says so:

* `over_http`: PromQL drops stale markers from range selectors, so a series that ends with one goes
  on until the lookback delta is over. The answer then is that to another expression, in which
  `last_over_time(…[5m])` stands for an instant selector.
* `is_native`: JSON does not carry all of a native histogram, so the read is refused.
"""

from __future__ import annotations

import dataclasses

from tests.remote_read.asking import Question
from tests.thanos.timeline import HOUR_MS, SECOND_MS, Timeline

LOOKBACK = "5m"


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """An expression, and when: fractions of the way through the samples.

    hours: 0 is an instant query; else a range that is centred there. `{middle}` in an expression
    is the time in the middle, in seconds.
    """

    expr: str
    at: float = 0.5
    hours: float = 0
    step_s: float = 60
    over_http: str = ""
    is_native: bool = False

    def __str__(self) -> str:
        when = f"{self.hours:g}h by {self.step_s:g}s" if self.hours else "instant"
        return f"{self.expr[:70]} | {when} at {self.at:g}"

    def question(self, timeline: Timeline, expr: str = "") -> Question:
        middle_ms = timeline.moment(self.at)
        half_ms = int(self.hours * HOUR_MS / 2)
        text = (expr or self.expr).replace("{middle}", f"{middle_ms / 1000:.3f}")
        step_ms = int(self.step_s * SECOND_MS) if self.hours else 0
        start_ms, end_ms = middle_ms - half_ms, min(middle_ms + half_ms, timeline.end_ms)
        return Question(text, start_ms, end_ms, step_ms)

    def question_over_http(self, timeline: Timeline) -> Question:
        """The question whose answer from Thanos is the one over HTTP."""
        return self.question(timeline, self.over_http)


def last(selector: str) -> str:
    return f"last_over_time({selector}[{LOOKBACK}])"


ALL_OF_IT_HOURS = 4 * 24.0

FLOATS = (
    # selectors
    Case("up", 1.0),
    Case("up", 0.5, 6),
    Case("up", 0.3, 1, 0.5),
    Case('up{job="api"}', 0.4, 12, 61.137),
    Case('up{job!="api"}', 0.6, 12, 300),
    Case('{__name__=~"queue.*|up", job!~"a.*"}', 0.4, 6),
    Case('http_requests_total{code!~"2..", method="GET"}', 0.5, 3),
    Case('{__name__=~".+", instance="10.0.0.1:9090", __name__!~"native.*|build_info"}', 0.62),
    Case(
        '{__name__=~".+", __name__!~"native.*|turned.*|ha_.*|build_info"}', 0.5, ALL_OF_IT_HOURS, 3600
    ),
    Case("nothing_of_this_name", 0.5, 1),
    Case("up[3m]", 0.5),
    Case("jittered[20m]", 0.7),
    Case("sparse", 0.5, 3, 30),
    Case("jittered", 0.5, 3, 30),
    Case("dense", 0.99, 1, 5),
    Case("timestamp(up)", 0.5, 2),
    Case("time() - timestamp(jittered)", 0.5, 2),
    # counters
    Case("rate(http_requests_total[5m])", 0.32, 20, 300),
    Case("increase(http_requests_total[1h])", 0.65, 10, 300),
    Case("irate(node_cpu_seconds_total[2m])", 0.5, 6),
    Case("resets(node_cpu_seconds_total[6h])", 0.5, 48, 3600),
    Case("sum by (job) (rate(http_requests_total[5m]))", 0.32, 20, 300),
    Case("sum without (instance) (increase(http_requests_total[15m]))", 0.3, 6, 60),
    # over time
    Case("avg_over_time(node_memory_bytes[30m])", 0.5, 12, 600),
    Case("min_over_time(temperature_celsius[1h])", 0.45, 48, 1800),
    Case("max_over_time(temperature_celsius[20m])", 0.31, 6, 60),
    Case("sum_over_time(queue_length[17m])", 0.8, 6, 60),
    Case("count_over_time(temperature_celsius[10m])", 0.31, 3, 60),
    Case("last_over_time(temperature_celsius[1h])", 0.31, 3, 60),
    Case("present_over_time(batch_job_seconds[5m])", 0.5, ALL_OF_IT_HOURS, 600),
    Case("stddev_over_time(queue_length[1h])", 0.3, 6, 300),
    Case("quantile_over_time(0.9, node_memory_bytes[2h])", 0.3, 6, 300),
    Case("changes(up[6h])", 0.5, 24, 3600),
    Case("delta(temperature_celsius[30m])", 0.44, 12, 300),
    Case("deriv(node_memory_bytes[1h])", 0.5, 6, 300),
    Case("predict_linear(node_memory_bytes[1h], 3600)", 0.5, 6, 300),
    Case("idelta(queue_length[5m])", 0.5, 6, 60),
    # offsets, @, subqueries
    Case("queue_length offset 7m", 0.5, 3),
    Case("queue_length offset -7m", 0.5, 3),
    Case("rate(http_requests_total[5m] offset 1d)", 0.6, 6, 300),
    Case("queue_length - queue_length offset 1d", 0.6, 6, 300),
    Case("queue_length @ {middle}", 0.5, 3),
    Case("rate(http_requests_total[5m] @ end())", 0.5, 3),
    Case("node_memory_bytes / node_memory_bytes @ start()", 0.5, 3),
    Case("max_over_time(rate(http_requests_total[5m])[1h:1m])", 0.3, 6, 600),
    Case("avg_over_time(queue_length[2h:7m] offset 10m)", 0.5, 6, 600),
    Case("min_over_time(sum(queue_length)[30m:])", 0.5, 3, 300),
    # aggregations and functions of vectors
    Case("topk(2, queue_length)", 0.5, 3),
    Case("bottomk by (job) (1, up)", 0.5, 3),
    Case("quantile(0.5, queue_length)", 0.5, 3),
    Case('count_values("length", queue_length)', 0.5, 3),
    Case("stddev(temperature_celsius)", 0.5, 24, 300),
    Case("group by (instance) (node_cpu_seconds_total)", 0.5, 3),
    Case("sort_desc(node_memory_bytes)", 0.5),
    Case("histogram_quantile(0.9, rate(request_duration_seconds_bucket[5m]))", 0.2, 12, 300),
    Case(
        "histogram_quantile(0.5, sum by (le) (rate(request_duration_seconds_bucket[10m])))",
        0.5,
        24,
        600,
    ),
    Case('label_replace(up, "host", "$1", "instance", "(.*):.*")', 0.5, 3),
    Case('label_join(up, "both", "/", "job", "instance")', 0.5),
    Case("absent(nothing_of_this_name)", 0.5, 1),
    Case("absent(temperature_celsius{sensor='hall'})", 0.47, 24, 300),
    Case("absent_over_time(temperature_celsius{sensor='garden'}[1h])", 0.6, 48, 600),
    Case("clamp_max(vector(scalar(sparse)), 3)", 0.5, 3),
    Case("constant or vector(0)", 0.5, 3),
    # sets and joins
    Case("up and on (instance) node_cpu_seconds_total", 0.5, 3),
    Case("up unless on (instance) node_memory_bytes > 1.7e10", 0.5, 12, 300),
    Case("queue_length > 3 or queue_length < 1", 0.5, 3),
    Case("sum by (job) (up) / on (job) count by (job) (up)", 0.5, 12, 300),
    Case("up * on (instance) group_left (version) build_info", 0.45, 12, 300),
    # odd values and labels
    Case("odd_value", 0.5),
    Case('odd_value{case="in turn"}', 0.5, 12),
    Case('odd_value{case="any bits"}', 0.5, 12),
    Case("max_over_time(odd_value[30m])", 0.5, 3, 300),
    Case('count_over_time(odd_value{case=~"nan|in turn"}[1h])', 0.5, 3, 300),
    Case("1 / odd_value", 0.5, 1),
    Case("odd_label", 0.5),
    Case('odd_label{text=~".*values.*"}', 0.5, 3, 300),
    Case('{"http.requests/total", "日本"="東京"}', 0.5, 3),
    Case('sum by ("日本", "service.name") (rate({"http.requests/total"}[10m]))', 0.5, 3),
    Case('{"温度", "sensor-id"=~"[0-9]+"}', 0.5, 3),
    Case('{"🔥"="🔥"}', 0.5, 3),
    Case('{nameless="yes"}', 0.5, 3),
    # series without a stale marker last until the lookback delta ends
    Case("batch_job_seconds", 0.35, 48, 60),
    Case("count(batch_job_seconds)", 0.5, ALL_OF_IT_HOURS, 240),
    # range selectors see no stale markers anyway
    Case("count_over_time(build_info[10m])", 0.3, 3, 60),
    # replicas: what does not depend on which of them is chosen
    Case("count by (target) (ha_load)", 0.5, 24, 300),
    Case("group by (target, job) (ha_requests_total)", 0.7, 6),
)
"""The same over both sources."""

STALE = (
    Case("build_info", 0.3, 3, 60, last("build_info")),
    Case("build_info", 0.62, 1, 15, last("build_info")),
    Case("count(build_info)", 0.9, 3, 60, f"count({last('build_info')})"),
    Case('build_info{version="1.9.0"}', 0.97, 1, 30, last('build_info{version="1.9.0"}')),
    Case(
        "vector(0) unless on () build_info{version='1.9.0'}",
        0.3,
        1,
        30,
        "vector(0) unless on () last_over_time(build_info{version='1.9.0'}[5m])",
    ),
)
"""Series that end with a stale marker; over HTTP they go on for the lookback delta."""

NATIVE = (
    Case("native_request_bytes", 0.5, 3, is_native=True),
    Case("native_request_bytes", 0.75, 1, 15, is_native=True),
    Case("rate(native_request_bytes[10m])", 0.55, 6, 300, is_native=True),
    Case("increase(native_request_bytes[1h])", 0.65, 12, 600, is_native=True),
    Case("histogram_count(native_request_bytes)", 0.5, ALL_OF_IT_HOURS, 3600, is_native=True),
    Case("histogram_sum(rate(native_request_bytes[5m]))", 0.5, 6, is_native=True),
    Case("histogram_quantile(0.9, rate(native_request_bytes[10m]))", 0.5, 12, 300, is_native=True),
    Case("histogram_quantile(0.5, sum(rate(native_request_bytes[10m])))", 0.56, 6, is_native=True),
    Case("histogram_fraction(0, 4, native_request_bytes)", 0.5, 3, is_native=True),
    Case("histogram_avg(native_request_bytes)", 0.5, 3, is_native=True),
    Case("native_change", 0.34, 12, 300, is_native=True),
    Case("avg(rate(native_request_bytes[10m]))", 0.5, 6, 300, is_native=True),
    Case("histogram_stddev(native_change)", 0.5, 3, is_native=True),
    Case("native_custom", 0.5, 3, is_native=True),
    Case("histogram_quantile(0.7, rate(native_custom[10m]))", 0.5, 6, 300, is_native=True),
    Case("native_short", 0.25, 1, 15, is_native=True),
    Case("native_short", 0.455, 6, 60, is_native=True),
    Case('turned_native{case="by turns"}', 0.43, 12, 300, is_native=True),
    Case('{__name__=~".+", __name__!~"ha_.*"}', 0.5, 24, 3600, is_native=True),
)
"""What needs native histograms."""

TURNING = (
    Case("turned_native", 0.5, 1, is_native=True),
    Case("count_over_time(turned_native[1h])", 0.5, 24, 600, is_native=True),
    Case("turned_native[10m]", 0.501, is_native=True),
)
"""Floats that become histograms. Of SAMPLES Prometheus's client then loses the first histogram
(`concreteSeriesIterator.Seek` in `storage/remote/codec.go`), whoever sent them."""

OTHERWISE = (
    Case("rate(http_requests_total[5m])", 0.46, 24, 300),
    Case("increase(http_requests_total[1h])", 0.73, 12, 300),
    Case("resets(http_requests_total[6h])", 0.5, 48, 3600),
    Case("sum by (job) (rate(http_requests_total[5m]))", 0.5, 24, 300),
    Case("max_over_time(rate(http_requests_total[5m])[1h:1m])", 0.5, 6, 600),
    Case("histogram_quantile(0.9, rate(request_duration_seconds_bucket[5m]))", 0.37, 12, 300),
)
"""Counters that restart. Thanos Query takes the resets out of raw samples before PromQL sees them
(`ApplyCounterResetsIterator` in `pkg/query/iter.go`), so `resets` finds none, and `rate` does not know
how near to zero a counter is; Prometheus answers as if the samples were its own."""

CASES = (*FLOATS, *STALE, *NATIVE, *TURNING)
"""Over gRPC the same as from Thanos Query."""

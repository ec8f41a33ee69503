"""Shapes of PromQL over the sample series (`tests/thanos/samples.py`).

A shape is a text with blanks such as `<counter>`; `draw_query` fills them in. The blanks
`<start>`, `<end>` and `<step>` become `start()`, `end()` and `step()` in the text that is asked,
and numbers in the text that an oracle asks for a part of the range.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from tests.thanos.odd_labels import TEXTS
from tests.thanos.odd_values import CONSTANTS

if TYPE_CHECKING:
    import random

    from tests.differential.windows import Window

BLANK = re.compile(r"<([a-z_]+)>")
KEPT_BLANKS = ("start", "end", "step")

COUNTER_FUNCTION = re.compile(r"\b(?:rate|irate|increase|resets)\b", re.IGNORECASE)
"""What Thanos reads with the losses of a counter added up (`aggrsFromFunc` in `querier.go`)."""

FALLING = re.compile(
    r"http_requests|request_duration|node_memory|temperature|queue|jittered|sparse|dense|up\b"
    r"|odd_value|native|build_info|batch_job|ha_|vector|__name__"
)
"""What in a text names series that are not only growing."""

BLANKS: dict[str, tuple[str, ...]] = {
    "counter": (
        "http_requests_total",
        'http_requests_total{code="500"}',
        'http_requests_total{job="api",method!="GET"}',
        "node_cpu_seconds_total",
        'node_cpu_seconds_total{mode=~"user|system"}',
        "request_duration_seconds_count",
    ),
    "gauge": (
        "node_memory_bytes",
        "temperature_celsius",
        'temperature_celsius{sensor=~"roof|garden"}',
        "queue_length",
        "jittered",
        "sparse",
        "dense",
        "constant",
        "up",
        "odd_value",
    ),
    "alive": ("up", "node_memory_bytes", "queue_length", "temperature_celsius", "build_info"),
    "native": (
        "native_request_bytes",
        "native_change",
        "native_custom",
        "native_short",
        "turned_native",
        'turned_native{case="by turns"}',
    ),
    "any": ("<counter>", "<gauge>", "<native>", "build_info", "batch_job_seconds", "odd_label"),
    "range": ("1m", "90s", "2m", "5m", "5m", "17m", "1h", "1h30m", "3h", "61s", "1500ms", "300"),
    "reach": ("5m", "10m", "30m", "1h", "1h30m", "3h", "7h"),
    "resolution": ("", "30s", "1m", "1m", "90s", "7m", "1h", "<step>"),
    "offset": ("1m", "5m", "7m", "1h", "26h", "1d", "1500ms", "1w", "300", "<step>"),
    "at": ("<start>", "<end>", "<inside>", "<inside>", "<outside>"),
    "number": ("0", "1", "2", "-1.5", "1e-7", "1e21", "0x1F", ".5", "Inf", "NaN", "1_000", "5m"),
    "positive": ("2", "0.5", "1e3", "1h", "7"),
    "quantile": ("0.5", "0.9", "0.99", "0", "1", "-1", "2", "NaN"),
    "count": ("1", "2", "3", "5", "100", "0", "-1"),
    "compare": ("==", "!=", ">", "<", ">=", "<="),
    "arithmetic": ("+", "-", "*", "/", "%", "^", "atan2"),
    "set": ("and", "or", "unless"),
    "rate": ("rate", "irate", "increase", "delta", "idelta"),
    "change": ("deriv", "resets", "changes"),
    "over_time": (
        "avg_over_time",
        "min_over_time",
        "max_over_time",
        "sum_over_time",
        "count_over_time",
        "stddev_over_time",
        "stdvar_over_time",
        "last_over_time",
        "present_over_time",
    ),
    "aggregate": ("sum", "avg", "min", "max", "count", "stddev", "stdvar", "group"),
    "label": ("instance", "job", "mode", "sensor", "queue", "version", "case", "no_such_label"),
    "math": ("abs", "ceil", "floor", "sgn", "exp", "sqrt", "ln", "log2", "log10"),
    "trigonometry": ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "tanh", "deg", "rad"),
    "date": (
        "minute",
        "hour",
        "day_of_week",
        "day_of_month",
        "day_of_year",
        "days_in_month",
        "month",
        "year",
    ),
    "histogram_part": (
        "histogram_count",
        "histogram_sum",
        "histogram_avg",
        "histogram_stddev",
        "histogram_stdvar",
    ),
    "kind": tuple(TEXTS),
    "case": (*CONSTANTS, "any bits", "in turn"),
}

SHAPES: dict[str, tuple[str, ...]] = {
    "selectors": (
        "<any>",
        "<counter>",
        "<gauge>",
        'http_requests_total{code!="200",method="GET"}',
        r'http_requests_total{instance=~"10\\.0\\.0\\.[12]:9090"}',
        'http_requests_total{method!~"P.*",}',
        '{__name__=~"node_.*",instance!=""}',
        '{__name__="up",job="api"}',
        '{job=~"api|checkout",instance=~".+1:.+"}',
        "temperature_celsius",
        "build_info",
        "batch_job_seconds",
        "dense",
        "no_such_metric",
        'up{job="nobody"}',
    ),
    "odd names and values": (
        '{"up"}',
        '{"http.requests/total"}',
        '{"http.requests/total","日本"="東京"}',
        '{"http.requests/total", "service.name"!="", "日本"=~"大.*"}',
        '{"温度"} or {"odd name"}',
        """{'"values":[["'}""",
        """{"odd name",'"values":[[1,"2"]]},{'!=""}""",
        '{"🔥"="🔥"}',
        '{nameless="yes"}',
        'sum by ("service.name", "日本") ({"http.requests/total"})',
        'label_replace({"温度"}, "новое", "$1", "sensor-id", "(.*)")',
        "odd_label",
        'odd_label{kind="<kind>"}',
        'odd_label{text=~"(?s).*values.*"}',
        """odd_label{text=`"values":[[1,"2"]]},{"metric":{`}""",
        'odd_label{text="{a=\\"b\\"} @ start() offset 5m # comment"}',
        r"""odd_label{text='\u2028\u2029\ufeff\ufffd'}""",
        "odd_value",
        'odd_value{case="<case>"}',
        'odd_value{case="<case>"} <arithmetic> <number>',
        'rate({"http.requests/total"}[<range>])',
        "max without (text) (odd_label)",
        "count by (text) (odd_label)",
    ),
    "rates": (
        "<rate>(<counter>[<range>])",
        "<rate>(<gauge>[<range>])",
        "sum by (job) (rate(http_requests_total[<range>]))",
        'sum(rate(http_requests_total{code="500"}[<range>])) / sum(rate(http_requests_total[5m]))',
        "<change>(<counter>[<range>])",
        "<change>(<gauge>[<range>])",
        "predict_linear(<gauge>[<range>], <positive>)",
        "rate(<counter>[<range>] offset <offset>)",
        "rate(<native>[<range>])",
        '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[<range>]))',
    ),
    "over time": (
        "<over_time>(<gauge>[<range>])",
        "<over_time>(<counter>[<range>])",
        "<over_time>(<native>[<range>])",
        "quantile_over_time(<quantile>, <gauge>[<range>])",
        "<over_time>(batch_job_seconds[<range>])",
        "<over_time>(build_info[<range>])",
        'last_over_time({__name__=~"node_.*|up"}[<range>])',
        "avg_over_time(odd_value[<range>])",
    ),
    "aggregations": (
        "<aggregate>(<any>)",
        "<aggregate> by (<label>) (<alive>)",
        "<aggregate> without (<label>, instance) (<gauge>)",
        "<aggregate>(<gauge>) by (<label>, <label>)",
        "<aggregate> by () (<alive>)",
        "topk(<count>, <gauge>)",
        "bottomk(<count>, queue_length)",
        "topk by (<label>) (<count>, <counter>)",
        "topk(2, queue_length) or bottomk(1, queue_length)",
        "quantile(<quantile>, <gauge>)",
        "quantile by (<label>) (<quantile>, <alive>)",
        'count_values("value", queue_length)',
        'count_values by (<label>) ("v", round(<gauge>, 100))',
        "sum(count by (<label>) (<counter>))",
        "topk(1, sum by (instance) (rate(node_cpu_seconds_total[<range>])))",
        "avg(odd_value)",
    ),
    "arithmetic": (
        "<gauge> <arithmetic> <number>",
        "<number> <arithmetic> <gauge>",
        "<number> <arithmetic> <positive>",
        "<gauge> <compare> <number>",
        "<gauge> <compare> bool <number>",
        "1 <compare> bool 2",
        "-<gauge>",
        "-(<counter> - <counter>)",
        "2 ^ -up ^ 2",
        "<native> <arithmetic> <positive>",
        "<native> <compare> <native>",
        "<native> + <native>",
        "round(<gauge>)",
        "round(<gauge>, <positive>)",
        "clamp(<gauge>, <number>, <positive>)",
        "clamp_min(<gauge>, <number>)",
        "clamp_max(<gauge>, <number>)",
        "<math>(<gauge>)",
        "<trigonometry>(<gauge>)",
    ),
    "matching": (
        'node_memory_bytes / on(instance) up{job="api"}',
        "up * on(instance) group_left(version) build_info",
        'up * on(instance, job) group_left(version) build_info{job="api"}',
        "build_info * on(instance) group_right(version) node_memory_bytes",
        'http_requests_total{code="500"} / ignoring(code) http_requests_total{code="200"}',
        'http_requests_total{method="GET"} <compare> bool ignoring(method) '
        'http_requests_total{method="POST"}',
        "<alive> <set> <alive>",
        "<alive> <set> on(instance) <alive>",
        "<gauge> <set> ignoring(sensor, queue) <alive>",
        'up{job="api"} <set> on(instance) up{job="checkout"} > 0',
        "<any> or vector(0)",
        "sum(<any>) or vector(0)",
        "vector(0) or <alive>",
        "vector(1) unless on() <alive>",
        "<alive> and on() (hour() >= 8 < 18)",
        "temperature_celsius > on() group_left() scalar(avg(temperature_celsius)) * vector(1)",
        "<alive> and <alive> offset <offset>",
        "up == 1 unless on(instance) build_info",
        "request_duration_seconds_sum / request_duration_seconds_count",
    ),
    "subqueries": (
        "<over_time>(<gauge>[<reach>:<resolution>])",
        "<over_time>(rate(<counter>[5m])[<reach>:<resolution>])",
        "<rate>(<counter>[<reach>:<resolution>])",
        "max_over_time(sum by (job) (rate(http_requests_total[2m]))[<reach>:1m])",
        "avg_over_time((<gauge> <compare> <number>)[<reach>:<resolution>])",
        "max_over_time(min_over_time(<gauge>[10m:<resolution>])[1h:7m])",
        "max_over_time(rate(<counter>[5m] offset <offset>)[<reach>:<resolution>] offset <offset>)",
        "min_over_time((up or vector(0))[<reach>:<resolution>])",
        "last_over_time((time() - timestamp(<alive>))[<reach>:<resolution>])",
        "quantile_over_time(<quantile>, <gauge>[<reach>:<resolution>])",
        "deriv(<gauge>[<reach>:<resolution>])",
        "count_over_time(<native>[<reach>:<resolution>])",
        "sum_over_time(vector(1)[<reach>:<resolution>])",
        "absent_over_time(<alive>[<reach>:<resolution>])",
    ),
    "offsets": (
        "<any> offset <offset>",
        "<any> offset -<offset>",
        "<gauge> - <gauge> offset <offset>",
        "<over_time>(<gauge>[<range>] offset <offset>)",
        "<over_time>(<gauge>[<range>] offset -<offset>)",
        "<over_time>(<gauge>[<reach>:<resolution>] offset <offset>)",
        "<over_time>(<gauge>[<reach>:<resolution>] offset -<offset>)",
        "sum(rate(<counter>[5m] offset -<offset>))",
    ),
    "at": (
        "<any> @ <at>",
        "<gauge> @ <start>",
        "<gauge> @ <end>",
        "<gauge> - <gauge> @ <at>",
        "<any> offset <offset> @ <at>",
        "<any> @ <at> offset -<offset>",
        "rate(<counter>[<range>] @ <at>)",
        "<over_time>(<gauge>[<range>] @ <at> offset <offset>)",
        "<over_time>(<gauge>[<reach>:<resolution>] @ <at>)",
        "<over_time>(<gauge>[<reach>:<resolution>] @ <start>)",
        "<over_time>(<gauge>[<reach>:<resolution>] offset <offset> @ <end>)",
        "<over_time>(rate(<counter>[5m] @ <at>)[<reach>:<resolution>])",
        "<over_time>((<gauge> @ <at> + <gauge>)[<reach>:<resolution>] @ <at>)",
        "topk(2, <gauge> @ <end>)",
        "<gauge> and topk(2, <over_time>(<gauge>[1h] @ <end>))",
        "<alive> + on(instance) group_left() (sum by (instance) (node_memory_bytes @ <start>))",
        'absent(up{job="nobody"} @ <at>)',
        "timestamp(<gauge> @ <at>)",
        'label_replace(up @ <end>, "text", "@ start() $1", "job", "(.*)") # @ end()',
    ),
    "durations": (
        "rate(<counter>[<step>])",
        "<over_time>(<gauge>[max(<step>,5m)])",
        "<over_time>(<gauge>[min(<step>,5m)] offset <step>)",
        "<over_time>(<gauge>[<reach>:<step>])",
        "<gauge> - <gauge> offset -<step>",
        "<gauge> offset max(<step>, 1m) @ <at>",
    ),
    "nothing and constants": (
        "absent(<alive>)",
        'absent(up{job="nobody",instance=~".*"})',
        "absent(sum(batch_job_seconds))",
        "absent_over_time(<alive>[<range>])",
        "absent_over_time(batch_job_seconds[<range>])",
        "vector(<number>)",
        "scalar(<alive>)",
        "scalar(sum(<gauge>)) + <number>",
        "vector(scalar(constant))",
        "time()",
        "time() - <positive>",
        "time() % 86400 > bool 43200",
        "timestamp(<any>)",
        "time() - timestamp(<gauge>)",
        "<date>()",
        "<date>(vector(<inside>))",
        "<date>(timestamp(<alive>))",
        "<number>",
        "pi()",
        "-<positive>",
        "<alive> <compare> <number> or vector(0)",
    ),
    "labels": (
        'label_replace(<alive>, "short", "$1", "instance", "10\\\\.0\\\\.0\\\\.(.).*")',
        'label_replace(<alive>, "job", "", "instance", ".*")',
        'label_replace(build_info, "version", "x", "", "")',
        'label_replace(up, "text", "[1,\\"2\\"]]},{", "job", "api")',
        'label_join(<alive>, "both", "\\"values\\":[", "job", "instance")',
        'sum by (short) (label_replace(<gauge>, "short", "$1", "instance", "(.*):.*"))',
        'label_replace(up, "__name__", "down", "job", "api")',
    ),
    "histograms": (
        "<native>",
        "histogram_quantile(<quantile>, rate(request_duration_seconds_bucket[<range>]))",
        "histogram_quantile(<quantile>, sum by (le) (rate(request_duration_seconds_bucket[5m])))",
        "histogram_quantile(<quantile>, -request_duration_seconds_bucket)",
        "histogram_quantile(<quantile>, <native>)",
        "histogram_quantile(<quantile>, rate(native_request_bytes[<range>]))",
        "histogram_fraction(<number>, <positive>, <native>)",
        "<histogram_part>(<native>)",
        "<histogram_part>(sum(rate(native_request_bytes[<range>])))",
        "sum(<native>)",
        "avg by (case) (turned_native)",
        "increase(<native>[<range>])",
        "sum_over_time(<native>[<range>])",
        "turned_native <compare> <number>",
        "topk(1, turned_native)",
        "native_request_bytes - native_request_bytes offset <offset>",
        "sum(native_custom) + sum(native_request_bytes)",
        'sum({__name__=~"native_.*"})',
        "<native> unless on() <alive>",
        "resets(<native>[<range>])",
    ),
    "refused while evaluated": (
        "http_requests_total * on(job) http_requests_total",
        "up / on(job) group_left() up",
        "build_info * on(instance) up",
        "dense + on() up",
        "up + on(instance) batch_job_seconds or <gauge> + on() batch_job_seconds",
        'label_replace(<alive>, "instance", "", "", "")',
        'label_replace(up, "job", "", "", "") <set> <gauge>',
        'rate({__name__=~"dense|native_short"}[<range>])',
        'sum_over_time({__name__=~"sparse|jittered"}[<range>])',
        "sum_over_time((dense or native_short)[<reach>:<resolution>])",
        '-{__name__=~"dense|native_short"}',
    ),
    "order and writing": (
        "sort(<alive>)",
        "sort_desc(<gauge>)",
        "sort_desc(sum by (instance) (<alive>))",
        "SUM BY (job) (rate(http_requests_total[5m])) OR up OFFSET 5m",
        "Sum\tWithout\n(instance)\r\n( up ) # a comment with \"quotes' and [brackets",
        "# first a comment with @ end()\n<gauge>",
        "  (((<gauge>)))\n",
        "rate ( http_requests_total { code = '500' , } [ <range> ] Offset <offset> )",
        "sum(up)by(job)AND ON(job)sum(up)by(job)",
        "up == bool+1",
        "- - <gauge>",
        "up{job=`api`}",
        r"up{job='\x61pi'}",
        "sum by (job,) (up)",
        "count(up)BY(job)>BOOL 2.",
    ),
}
"""Shapes over series that only one replica wrote, by what they are about."""

REPLICATED_SHAPES: tuple[str, ...] = (
    "ha_load",
    "ha_requests_total",
    'ha_load{target="db-1"}',
    "rate(ha_requests_total[<range>])",
    "increase(ha_requests_total[<range>])",
    "sum(ha_load)",
    "sum by (target) (rate(ha_requests_total[<range>]))",
    "<over_time>(ha_load[<range>])",
    "resets(ha_requests_total[<range>])",
    "max_over_time(ha_load[<reach>:<resolution>])",
    "ha_load offset <offset>",
    "ha_load - ha_load offset -<offset>",
    "ha_load - ha_load @ <at>",
    "ha_load @ <end>",
    "<over_time>(ha_load[<reach>:<resolution>] @ <at>)",
    "ha_load > bool 4",
    "ha_load * on(target) group_left() rate(ha_requests_total[<range>])",
    'ha_load{target="db-0"} or ha_load{target="db-1"}',
    "timestamp(ha_load)",
    'count by (__name__) ({__name__=~".+"})',
    '{job=~".+"}',
    "absent(ha_load)",
    "topk(1, ha_load)",
    "deriv(ha_load[<range>])",
)
"""Shapes over the series of two replicas: what they give depends on whether Thanos merges them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Query:
    """A shape with its blanks filled in.

    `text` still has `<start>`, `<end>` and `<step>`.
    """

    group: str
    shape: str
    text: str

    @property
    def expr(self) -> str:
        """What a client asks."""
        return BLANK.sub(lambda blank: f"{blank[1]}()", self.text)

    @property
    def counts_resets(self) -> bool:
        """Whether a counter function reads series that sometimes fall."""
        return bool(COUNTER_FUNCTION.search(self.text) and FALLING.search(self.text))

    @property
    def least_step_ms(self) -> int:
        """Where the step is the resolution of a subquery, a small one would take minutes."""
        return 30_000 if ":<step>" in self.text else 1

    def constant_over(self, window: Window) -> str:
        """What gives the same when a part of the window is asked for."""
        values = {
            "start": seconds_text(window.start_ms),
            "end": seconds_text(window.end_ms),
            "step": f"{window.step_ms}ms",
        }
        return BLANK.sub(lambda blank: values[blank[1]], self.text)


def fill(shape: str, chance: random.Random, data: Window) -> str:
    """Fill in the blanks of a shape, and those of what they are filled with."""

    def draw(blank: re.Match[str]) -> str:
        name = blank[1]
        if name in KEPT_BLANKS:
            return blank[0]
        if name == "inside":
            return seconds_text(chance.randrange(data.start_ms, data.end_ms))
        if name == "outside":
            return chance.choice(["0", "-1.5", "1e9", seconds_text(data.end_ms + 3_600_000)])
        return fill(chance.choice(BLANKS[name]), chance, data)

    return BLANK.sub(draw, shape)


def seconds_text(time_ms: int) -> str:
    sign = "-" if time_ms < 0 else ""
    return f"{sign}{abs(time_ms) // 1000}.{abs(time_ms) % 1000:03}"


def all_shapes() -> list[tuple[str, str]]:
    """Group and shape of every query over single-replica series."""
    return [(group, shape) for group, shapes in SHAPES.items() for shape in shapes]

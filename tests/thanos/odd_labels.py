"""Label names and values that look like JSON, PromQL or HTML, or are not ASCII."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.thanos.series import METRIC_NAME, RawSeries, float_series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.thanos.timeline import Timeline

TEXTS = {
    "quotes": """it's "quoted" and `ticked`""",
    "backslashes": r"C:\new\table\u0041\\",
    "brackets": "[](){}<>",
    "line ends": "one\ntwo\r\nthree",
    "tabs": "\tand\vand\f",
    "control characters": "".join(map(chr, range(1, 0x20))) + "\x7f\x80\x9f",
    "emoji": "🔥👩‍👩‍👧‍👦🇯🇵",
    "html": "<script>alert('&amp;')</script>",
    "line separators": "\u2028\u2029\ufeff\ufffd",
    "values": '"values":[[1,"2"]]},{"metric":{',
    "closers": ']]}]}],"analysis":{}}}',
    "escaped values": r"\"values\":[[1,\"2\"]]},{\"metric\":{",
    "histograms": '"histograms":[[1,{"count":"1"}]]',
    "commas": ',,"a","b":[,',
    "promql": '{a="b"} @ start() offset 5m # comment',
    "blanks": "  ",
    "percent": "%00%22%7B+&a=b;c",
    "long": "x" * 5_000,
}
"""`kind` label to the `text` label's value."""

UTF8_SERIES: tuple[dict[str, str], ...] = (
    {METRIC_NAME: "http.requests/total", "日本": "東京"},
    {METRIC_NAME: "http.requests/total", "日本": "大阪", "service.name": "a b"},
    {METRIC_NAME: "温度", "sensor-id": "1"},
    {METRIC_NAME: '"values":[["', "kind": "name of a metric"},
    {METRIC_NAME: "odd name", '"values":[[1,"2"]]},{': "name of a label"},
    {METRIC_NAME: "odd name", "a\\b\n\t<&>": "name of a label"},
    {METRIC_NAME: "🔥", "🔥": "🔥"},
    {"nameless": "yes"},
)


def odd_label_families(timeline: Timeline) -> Iterator[RawSeries]:
    """`odd_label` with each text, and the series with UTF-8 names; both grow as counters do."""
    times = timeline.scrapes(offset_ms=1_500)
    values = (times - timeline.start_ms) / 7_000
    for kind, text in TEXTS.items():
        yield float_series({METRIC_NAME: "odd_label", "kind": kind, "text": text}, times, values)
    for labels in UTF8_SERIES:
        yield float_series(labels, times, values)

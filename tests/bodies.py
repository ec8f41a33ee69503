"""Generated matrix answers, as Thanos Query writes them, for property tests."""

from __future__ import annotations

import orjson
from hypothesis import strategies as st

from proxy.codec.durations import format_time
from proxy.codec.go_json import label_text, message_text
from proxy.model.grid import Grid

NASTY = st.sampled_from([
    '"values":[[1,"2"]]},{"metric":{', "]]}]", "}]]}]}", '"]]},', ',"histograms":[[', "},", "[[", "\\",
    "a b", "\n\t\x01", "<>&", "\u2028", "日本", "", "🙂", '},"values":[[', '\\"', "values", "]],",
])  # fmt: skip
_TEXT = st.one_of(NASTY, st.text(max_size=8).filter(lambda t: t.isprintable() or t == ""))
_LABELS = st.dictionaries(_TEXT.filter(bool), _TEXT, max_size=4)
_VALUES = st.sampled_from(
    [
        "0",
        "1",
        "-0",
        "NaN",
        "+Inf",
        "-Inf",
        "1e-07",
        "1e+21",
        "0.30000000000000004",
        "12345.678",
    ]
)
HISTOGRAMS = st.sampled_from(
    [
        '{"count":"3","sum":"2.5","buckets":[[0,"0.5","1","2"],[3,"-1","1","1"]]}',
        '{"count":"0","sum":"0"}',
        '{"count":"1","sum":"NaN","buckets":[[1,"-1","-0.5","1"]]}',
    ]
)
GRIDS = st.builds(
    Grid,
    start_ms=st.one_of(st.integers(-5000, 5000), st.integers(1_700_000_000_000, 1_700_000_900_000)),
    step_ms=st.sampled_from([1, 7, 500, 1000, 1500, 15_000, 60_000]),
    steps=st.integers(1, 40),
)

SeriesPoints = dict[str, dict[int, tuple[str, bool]]]
"""metric text → step → (text of the value, whether it is a histogram)."""


@st.composite
def matrices(draw: st.DrawFn, grid: Grid) -> SeriesPoints:
    """Series with gaps, mixed kinds and labels that look like structure, in Thanos's order."""
    label_sets = draw(st.lists(_LABELS, max_size=5, unique_by=lambda d: tuple(sorted(d.items()))))
    ordered = sorted(tuple(sorted(labels.items())) for labels in label_sets)
    point = st.one_of(st.tuples(_VALUES, st.just(False)), st.tuples(HISTOGRAMS, st.just(True)))
    floats = st.tuples(_VALUES, st.just(False))
    series: SeriesPoints = {}
    for labels in ordered:
        text = ",".join(f"{label_text(n)}:{label_text(v)}" for n, v in labels)
        kind = draw(st.sampled_from([floats, floats, point]))
        steps = draw(st.sets(st.integers(0, grid.steps - 1), min_size=1))
        series[f"{{{text}}}"] = {k: draw(kind) for k in sorted(steps)}
    return series


def body_of(series: SeriesPoints, grid: Grid, warnings: tuple[str, ...] = ()) -> bytes:
    """The answer that Thanos Query gives when exactly these points lie on a grid."""
    texts = []
    for metric, points in series.items():
        lanes = ""
        for name, wanted in (("values", False), ("histograms", True)):
            lane = ",".join(
                f"[{format_time(grid.start_ms + k * grid.step_ms)},{v if kind else label_text(v)}]"
                for k, (v, kind) in points.items()
                if kind is wanted and 0 <= k < grid.steps
            )
            lanes += f',"{name}":[{lane}]' if lane else ""
        if lanes:
            texts.append(f'{{"metric":{metric}{lanes}}}')
    notes = f',"warnings":[{",".join(map(message_text, warnings))}]' if warnings else ""
    result = f'"resultType":"matrix","result":[{",".join(texts)}],"analysis":{{}}'
    return f'{{"status":"success","data":{{{result}}}{notes}}}'.encode()


def shifted(series: SeriesPoints, first: int) -> SeriesPoints:
    """The same points counted from another first step."""
    return {m: {k - first: v for k, v in points.items()} for m, points in series.items()}


def with_white_space(body: bytes) -> bytes:
    """The same answer, indented: JSON, but not in Thanos's shape."""
    return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2)

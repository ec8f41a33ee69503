"""Raw samples out of a PromQL answer: every time and value, by the bits, in order of the labels."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec import samples_json
from proxy.codec._pb.types_pb2 import TimeSeries
from proxy.codec.durations import format_time
from proxy.codec.go_json import label_text
from proxy.codec.samples_json import read_samples
from proxy.errors import BadUpstreamAnswerError, LimitError
from tests.bodies import GRIDS, HISTOGRAMS, SeriesPoints, body_of, matrices, with_white_space
from tests.sample_batches import bits_of, chunks_by_name, decode, payloads_of, samples_of

if TYPE_CHECKING:
    from proxy.model.chunks import ChunkBatch
    from proxy.model.grid import Grid

Pairs = tuple[tuple[str, str], ...]
BITS = st.integers(0, (1 << 64) - 1)
NORMAL_NAN = 0x7FF8000000000001
AGES_AGO = -(1 << 62)


def body(series: dict[str, list[tuple[int, str]]], notes: str = "") -> bytes:
    """The answer of Thanos Query to a range selector."""
    texts = []
    for metric, samples in series.items():
        points = ",".join(f'[{format_time(time_ms)},"{value}"]' for time_ms, value in samples)
        texts.append(f'{{"metric":{metric},"values":[{points}]}}')
    result = f'"resultType":"matrix","result":[{",".join(texts)}],"analysis":{{}}'
    return f'{{"status":"success","data":{{{result}}}{notes}}}'.encode()


def read(text: bytes, first_ms: int = AGES_AGO) -> dict[str, list[tuple[int, float]]]:
    return samples_of(read_samples(text, first_ms)[0])


def value_text(value: float) -> str:
    """A float as Go writes it, so that every bit of it can be read again."""
    if math.isnan(value):
        return "NaN"
    return repr(value) if math.isfinite(value) else ("+Inf" if value > 0 else "-Inf")


def rows(batch: ChunkBatch) -> list[tuple[Pairs, list[tuple[int, int]]]]:
    """Each series' labels, and its times and the bits of its values."""
    payloads = payloads_of(batch.chunks)
    found = []
    for row, labels in enumerate(batch.labels):
        start, end = int(batch.chunk_starts[row]), int(batch.chunk_ends[row])
        samples = [sample for payload in payloads[start:end] for sample in decode(payload)]
        pairs = tuple((one.name, one.value) for one in TimeSeries.FromString(labels).labels)
        found.append((pairs, [(time_ms, bits_of(value)) for time_ms, value in samples]))
    return found


def expected(text: bytes, first_ms: int) -> list[tuple[Pairs, list[tuple[int, int]]]]:
    """The same, read by a JSON decoder and sorted as Go compares."""
    found = []
    for series in orjson.loads(text)["data"]["result"]:
        pairs = tuple(sorted(series["metric"].items(), key=lambda pair: pair[0].encode()))
        timed = [(round(seconds * 1000), float(value)) for seconds, value in series["values"]]
        samples = [(t, NORMAL_NAN if math.isnan(v) else bits_of(v)) for t, v in timed if t >= first_ms]
        if samples:
            found.append((pairs, samples))
    return sorted(found, key=lambda row: [text.encode() for pair in row[0] for text in pair])


def floats_only(series: SeriesPoints) -> SeriesPoints:
    only = {m: {k: v for k, v in p.items() if not v[1]} for m, p in series.items()}
    return {metric: points for metric, points in only.items() if points}


@given(GRIDS, st.data(), st.integers(0, 40))
def test_all_samples_are_read_whatever_stands_in_labels(
    grid: Grid, data: st.DataObject, first_step: int
) -> None:
    text = body_of(floats_only(data.draw(matrices(grid))), grid)
    first_ms = grid.start_ms + first_step * grid.step_ms
    assert rows(read_samples(text, AGES_AGO)[0]) == expected(text, AGES_AGO)
    assert rows(read_samples(text, first_ms)[0]) == expected(text, first_ms)
    assert rows(read_samples(with_white_space(text), first_ms)[0]) == expected(text, first_ms)


@given(st.lists(BITS, min_size=1, max_size=30), st.integers(-(10**13), 7 * 10**12))
def test_every_float_comes_back_bit_by_bit_and_a_nan_as_the_usual_one(
    words: list[int], start_ms: int
) -> None:
    values = [struct.unpack(">d", word.to_bytes(8, "big"))[0] for word in words]
    series = {'{"__name__":"a"}': [(start_ms + k, value_text(v)) for k, v in enumerate(values)]}
    wanted = [NORMAL_NAN if math.isnan(v) else bits_of(v) for v in values]
    found = read(body(series))["a"]
    assert [bits_of(value) for _, value in found] == wanted
    assert [time_ms for time_ms, _ in found] == [start_ms + k for k in range(len(values))]


def test_every_millisecond_is_told_from_its_neighbours() -> None:
    times_ms = range(-2_000, 20_000)
    found = read(body({'{"__name__":"a"}': [(time_ms, "1") for time_ms in times_ms]}))["a"]
    assert [time_ms for time_ms, _ in found] == [*times_ms]


def test_a_negative_zero_keeps_its_sign() -> None:
    [(_, value)] = read(body({'{"__name__":"a"}': [(5, "-0")]}))["a"]
    assert math.copysign(1, value) == -1


def test_series_stand_in_order_of_their_labels_not_in_that_of_the_answer() -> None:
    names = ['{"a":"2","b":"1"}', '{"b":"1"}', '{"a":"10"}', '{"a":"2"}']
    batch, _ = read_samples(body({name: [(5, "1")] for name in names}), 0)
    assert [pairs for pairs, _ in rows(batch)] == [
        (("a", "10"),),
        (("a", "2"),),
        (("a", "2"), ("b", "1")),
        (("b", "1"),),
    ]


def test_samples_are_cut_into_chunks_of_120() -> None:
    samples = [(k * 1000, str(k)) for k in range(250)]
    batch, _ = read_samples(body({'{"__name__":"a"}': samples, '{"__name__":"b"}': samples[:1]}), 0)
    lengths = {name: [*map(len, chunks)] for name, chunks in chunks_by_name(batch).items()}
    assert lengths == {"a": [120, 120, 10], "b": [1]}


def test_samples_at_the_left_end_of_an_older_prometheuss_range_are_left_out() -> None:
    series = {
        '{"__name__":"a"}': [(4, "1"), (5, "2"), (6, "3")],
        '{"__name__":"b"}': [(4, "1")],
        '{"__name__":"c"}': [(5, "1")],
    }
    assert read(body(series), 5) == {"a": [(5, 2.0), (6, 3.0)], "c": [(5, 1.0)]}


def test_an_answer_without_series_is_an_empty_batch() -> None:
    batch, has_notes = read_samples(body({}), 0)
    assert (samples_of(batch), has_notes) == ({}, False)


@pytest.mark.parametrize(
    ("notes", "has_notes"),
    [("", False), (',"warnings":["a store is away"]', True), (',"infos":["x"]', True)],
)
def test_notes_are_noticed(notes: str, has_notes: bool) -> None:
    assert read_samples(body({'{"__name__":"a"}': [(5, "1")]}, notes), 0)[1] is has_notes


def test_portions_of_the_text_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f'{{"__name__":"n{number:02}"}}' for number in range(20, 0, -1)]
    series = {n: [(k, str(k * at)) for k in range(at)] for at, n in enumerate(names, start=1)}
    whole = read(body(series))
    monkeypatch.setattr(samples_json, "_AT_ONCE_BYTES", 100)
    assert read(body(series)) == whole
    assert sum(map(len, whole.values())) == 210


@given(HISTOGRAMS, st.booleans())
def test_native_histograms_are_refused_with_the_way_out(histogram: str, has_floats: bool) -> None:
    floats = ',"values":[[1,"2"]]' if has_floats else ""
    one = f'{{"metric":{{"a":"b"}}{floats},"histograms":[[5,{histogram}]]}}'
    text = f'{{"status":"success","data":{{"resultType":"matrix","result":[{one}]}}}}'
    with pytest.raises(LimitError, match=r"--upstream\.grpc-address"):
        read_samples(text.encode(), 0)


GOOD = body({'{"__name__":"a"}': [(5, "1"), (6, "2")], '{"__name__":"b"}': [(5, "3")]})


@pytest.mark.parametrize("end", range(0, len(GOOD), 7))
def test_a_truncated_answer_is_refused(end: int) -> None:
    with pytest.raises(BadUpstreamAnswerError):
        read_samples(GOOD[:end], 0)


@pytest.mark.filterwarnings("default::DeprecationWarning")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"1"', b'"one"'),
        (b'"1"', b'""'),
        (b'"1"', b'"1 2"'),
        (b'[0.005,"1"]', b'["1"]'),
        (b'[0.005,"1"]', b'[0.005,"1","2"]'),
        (b'[0.005,"1"]', b"[]"),
        (b'[0.005,"1"]', b"[,]"),
        (b'"matrix"', b'"vector"'),
        (b'"success"', b'"error"'),
        (b'"values"', b'"value"'),
        (b'"a"', b"7"),
        (b'"a"', b'"\\x"'),
    ],
    ids=str,
)
def test_what_is_not_time_and_value_is_refused(before: bytes, after: bytes) -> None:
    text = GOOD.replace(before, after, 1)
    assert text != GOOD
    with pytest.raises(BadUpstreamAnswerError):
        read_samples(text, 0)


def test_a_series_without_samples_is_refused() -> None:
    with pytest.raises(BadUpstreamAnswerError):
        read_samples(GOOD.replace(b'[0.005,"1"],[0.006,"2"]', b"", 1), 0)


def test_labels_are_read_as_json() -> None:
    value = 'é<&>\n"'
    metric = f'{{"__name__":"a","x":{label_text(value)}}}'
    [(pairs, _)] = rows(read_samples(body({metric: [(5, "1")]}), 0)[0])
    assert pairs == (("__name__", "a"), ("x", value))


def test_columns_have_their_types() -> None:
    batch, _ = read_samples(GOOD, 0)
    assert batch.chunk_ends.dtype == batch.chunks.ends.dtype == np.int64
    assert batch.chunks.min_ms.tolist() == [5, 5]
    assert batch.chunks.max_ms.tolist() == [6, 5]

"""Replicas' chunks made into one sequence, as Thanos Query's own code does it."""

from __future__ import annotations

import base64
import math
import random
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

from proxy.codec.clip import clip, cut
from proxy.codec.join_chunks import concatenate
from proxy.codec.replicas import deduplicate
from proxy.model.chunks import COUNTER, FLOAT_HISTOGRAM, HISTOGRAM, XOR
from tests.codec.batches import (
    Value,
    batch_of,
    chunk_row,
    rows_of,
    sampled_batch,
    samples_of,
)
from tests.merge.thanos_iterators import deduplicated

if TYPE_CHECKING:
    from collections.abc import Sequence

Chunk = list[tuple[int, Value]]

STALE: float = struct.unpack(">d", bytes.fromhex("7ff0000000000002"))[0]
FAR = 1 << 60


def some_replica(draw: random.Random, with_histograms: bool) -> list[Chunk]:
    """Chunks of a counter that is scraped with gaps, restarts and stale markers."""
    step, gaps = draw.choice([10_000, 15_000]), draw.random() / 3
    time, value = draw.randrange(30_000), float(draw.randrange(100))
    samples: Chunk = []
    for _ in range(draw.randrange(1, 40)):
        kind = draw.choice("ifx") if with_histograms and draw.random() < 0.3 else ""
        samples.append((time, f"{kind}{time}" if kind in ("i", "f") else value))
        if draw.random() < 0.05:
            samples.append((time + 1, STALE))
        time += step * (draw.choice([2, 3, 4, 7]) if draw.random() < gaps else 1) + draw.randrange(3)
        value = float(draw.randrange(5)) if draw.random() < 0.05 else value + draw.randrange(9)
    return cut_up(samples, draw)


def cut_up(samples: Chunk, draw: random.Random) -> list[Chunk]:
    """Chunks of one kind each, of a few samples."""
    chunks: list[Chunk] = []
    for time, value in samples:
        kind = value[0] if isinstance(value, str) else ""
        last = chunks[-1][-1][1] if chunks else None
        if last is None or kind != (last[0] if isinstance(last, str) else "") or draw.random() < 0.15:
            chunks.append([])
        chunks[-1].append((time, value))
    return chunks


def in_order(replicas: Sequence[list[Chunk]]) -> list[Chunk]:
    """All chunks as Thanos sorts them."""
    chunks = {chunk_row(chunk)[1]: chunk for replica in replicas for chunk in replica}
    by_payload = sorted(chunks, key=lambda row: row[2], reverse=True)
    return [chunks[row] for row in sorted(by_payload, key=lambda row: (*row[:2], kind_of(chunks[row])))]


def kind_of(chunk: Chunk) -> int:
    return chunk_row(chunk)[0]


def dealt(chunks: list[Chunk]) -> list[list[Chunk]]:
    """`overlapSplitSet.Next` (Thanos `pkg/dedup/iter.go`)."""
    sequences: list[list[Chunk]] = []
    for chunk in chunks:
        for sequence in sequences:
            if sequence[-1][-1][0] < chunk[0][0]:
                sequence.append(chunk)
                break
        else:
            sequences.append([chunk])
    return sequences


def bits(samples: Sequence[tuple[int, Value]]) -> list[tuple[int, str | bytes]]:
    """Comparable also where a value is not a number."""
    return [(t, v if isinstance(v, str) else struct.pack(">d", v)) for t, v in samples]


def folded(chunks: list[Chunk], **rules: bool) -> list[tuple[int, Value]]:
    batch = deduplicate(sampled_batch({b"": chunks}), rules.get("is_counter", False))
    return samples_of(batch)[b""]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("with_histograms", [False, True])
def test_the_samples_are_those_of_thanos(count: int, with_histograms: bool) -> None:
    wanted, series = {}, {}
    for seed in range(60):
        draw = random.Random(seed)
        chunks = in_order([some_replica(draw, with_histograms) for _ in range(count)])
        label = f"{seed:03}".encode()
        series[label] = chunks
        wanted[label] = bits(
            deduplicated(dealt(chunks), levelled=False, adjusted=False, mint=-FAR, maxt=FAR)
        )
    found = samples_of(deduplicate(sampled_batch(series), is_counter=False))
    assert {label: bits(samples) for label, samples in found.items()} == wanted


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("with_histograms", [False, True])
def test_counters_rise_as_thanos_sees_them_rise(count: int, with_histograms: bool) -> None:
    for seed in range(60):
        draw = random.Random(seed)
        chunks = in_order([some_replica(draw, with_histograms) for _ in range(count)])
        sequences = dealt(chunks)
        if len(sequences) == 1:
            continue
        wanted = deduplicated(sequences, levelled=True, adjusted=True, mint=-FAR, maxt=FAR)
        assert rise_alike(folded(chunks, is_counter=True), wanted), seed


def rise_alike(found: Sequence[tuple[int, Value]], totals: Sequence[tuple[int, Value]]) -> bool:
    """Whether a reader that knows resets sees samples rise as totals do; histograms are equal.

    Totals fall only where Thanos itself does not notice (a histogram stands between).
    """
    if [time for time, _ in found] != [time for time, _ in totals]:
        return False
    before: tuple[float, float] | None = None
    for (_, value), (_, total) in zip(found, totals, strict=True):
        if isinstance(value, str) or isinstance(total, str):
            if value != total:
                return False
            continue
        rise = 0.0 if before is None else total - before[1]
        is_reset = before is not None and value < before[0] and value == rise
        if before is not None and value - before[0] != rise and not is_reset:
            return False
        before = value, total
    return True


@pytest.mark.parametrize("is_counter", [False, True])
def test_replicas_are_cut_to_what_was_asked_before_they_are_folded(is_counter: bool) -> None:
    for seed in range(60):
        draw = random.Random(seed)
        chunks = in_order([some_replica(draw, False) for _ in range(3)])
        if len(dealt(chunks)) == 1:
            continue
        mint = draw.randrange(200_000)
        maxt = mint + draw.randrange(300_000)
        wanted = deduplicated(
            dealt(chunks), levelled=is_counter, adjusted=is_counter, mint=mint, maxt=maxt
        )
        batch = deduplicate(sampled_batch({b"": chunks}), is_counter, between_ms=(mint, maxt))
        found = samples_of(batch).get(b"", [])
        assert [time for time, _ in found] == [time for time, _ in wanted], seed
        if is_counter:
            assert rise_alike(found, wanted), seed
        else:
            assert bits(found) == bits(wanted), seed


def downsampled(samples: Sequence[tuple[int, float]]) -> Chunk:
    """A counter chunk: totals from the first value on, and the last value at the last time again."""
    total = before = samples[0][1]
    chunk: Chunk = [*samples[:1]]
    for time, value in samples[1:]:
        total += value - before if value >= before else value
        chunk.append((time, total))
        before = value
    return [*chunk, (samples[-1][0], before)]


@pytest.mark.parametrize("is_counter", [False, True])
def test_downsampled_counters_rise_as_thanos_sees_them_rise(is_counter: bool) -> None:
    for seed in range(60):
        draw = random.Random(seed)
        time, value = 1000, 10.0
        made: list[Chunk] = []
        kinds = []
        for _ in range(draw.randrange(1, 5)):
            samples = []
            for _ in range(draw.randrange(1, 6)):
                samples.append((time, value))
                time += 300_000
                value = float(draw.randrange(9)) if draw.random() < 0.2 else value + draw.randrange(9)
            is_down = draw.random() < 0.7
            made.append(downsampled(samples) if is_down else [*samples])
            kinds.append(COUNTER if is_down else XOR)
        if COUNTER not in kinds:
            continue
        wanted = deduplicated([made], levelled=True, adjusted=is_counter, mint=0, maxt=FAR)
        batch = deduplicate(sampled_batch({b"": made}, {b"": kinds}), is_counter)
        assert rise_alike(samples_of(batch)[b""], wanted), seed
        assert set(batch.chunks.kinds.tolist()) == {XOR}


def test_a_downsampled_counter_comes_down_to_its_own_value_at_a_reset() -> None:
    chunks = [downsampled([(0, 5.0), (10, 9.0)]), downsampled([(20, 2.0), (30, 3.0)])]
    batch = deduplicate(sampled_batch({b"": chunks}, {b"": [COUNTER, COUNTER]}), is_counter=True)
    assert samples_of(batch)[b""] == [(0, 5.0), (10, 9.0), (20, 2.0), (30, 3.0)]


def test_downsampled_counters_of_windows_fit_together_when_they_are_joined_first() -> None:
    chunks = [downsampled([(0, 5.0), (10, 9.0), (20, 2.0)]), downsampled([(30, 4.0), (40, 7.0)])]
    whole = sampled_batch({b"": chunks}, {b"": [COUNTER, COUNTER]})
    joined = concatenate(cut(whole, [15, 35]))
    assert len(joined.chunks) == 4  # two of them twice
    assert rows_of(deduplicate(joined, is_counter=True)) == rows_of(deduplicate(whole, is_counter=True))


def test_series_without_overlaps_keep_their_bytes() -> None:
    batch = batch_of({b"a": [(0, 9, b"never"), (10, 19, b"decoded")], b"b": [(5, 30, b"either")]})
    assert deduplicate(batch, is_counter=True) is batch


def test_copies_are_dropped_without_a_look_at_samples() -> None:
    batch = batch_of({b"a": [(0, 9, b"x"), (0, 9, b"x"), (10, 19, b"y")], b"b": [(0, 9, b"x")]})
    found = rows_of(deduplicate(batch, is_counter=False))
    assert found == {b"a": [(0, 9, b"x"), (10, 19, b"y")], b"b": [(0, 9, b"x")]}


def test_only_the_series_that_overlap_are_decoded() -> None:
    _, one = chunk_row([(0, 1.0), (15_000, 2.0)])
    _, other = chunk_row([(3_000, 1.5), (18_000, 2.5)])
    batch = batch_of({b"a": [(0, 9, b"not a chunk")], b"b": [one, other], b"c": [(0, 9, b"nor this")]})
    found = deduplicate(batch, is_counter=False)
    rows = rows_of(found)
    assert (rows[b"a"], rows[b"c"]) == ([(0, 9, b"not a chunk")], [(0, 9, b"nor this")])
    assert [row[:2] for row in rows[b"b"]] == [(0, 15_000)]


def test_a_stale_marker_stays_one() -> None:
    chunks: list[Chunk] = [[(0, 1.0), (15_000, STALE)], [(3_000, 1.0), (18_000, -0.0), (50_000, -0.0)]]
    assert bits(folded(chunks)) == bits([(0, 1.0), (15_000, STALE), (50_000, -0.0)])


def test_raw_values_of_a_counter_are_the_ones_that_were_scraped() -> None:
    first: Chunk = [*((t, float(t)) for t in (0, 10_000, 20_000)), (30_000, 7.0), (40_000, 9.0)]
    second: Chunk = [(t + 1, float(t)) for t in (0, 10_000, 20_000)]
    assert folded([first, second], is_counter=True) == first


def test_a_counter_at_infinity_does_no_harm_to_others() -> None:
    infinite: Chunk = [(0, math.inf), (10_000, math.inf), (20_000, 1.0), (30_000, 2.0)]
    other: Chunk = [(1, 5.0), (10_001, 6.0), (50_000, 7.0), (60_000, 8.0)]
    finite: list[Chunk] = [[(0, 1.0), (10_000, 2.0)], [(1, 1.0), (10_001, 2.0)]]
    batch = sampled_batch({b"a": [infinite, other], b"b": finite})
    found = samples_of(deduplicate(batch, is_counter=True))
    assert [time for time, _ in found[b"a"]] == [0, 10_000, 20_000, 30_000, 60_000]
    assert found[b"b"] == finite[0]


def test_chained_replicas_are_united() -> None:
    chunks: list[Chunk] = [[(0, 1.0), (20, 2.0)], [(0, 1.0), (10, 5.0), (20, 2.0), (30, 3.0)]]
    batch = deduplicate(sampled_batch({b"": chunks}), is_counter=False, penalty=False)
    assert samples_of(batch)[b""] == [(0, 1.0), (10, 5.0), (20, 2.0), (30, 3.0)]


def test_kinds_of_samples_take_turns_as_their_times_say() -> None:
    chunks: list[Chunk] = [
        [(0, 1.0), (15_000, 2.0)],
        [(3_000, "f3"), (60_000, "f4")],
        [(200_000, "i5")],
    ]
    batch = deduplicate(sampled_batch({b"": chunks}), is_counter=True)
    assert samples_of(batch)[b""] == [(0, 1.0), (15_000, 2.0), (60_000, "f4"), (200_000, "i5")]
    assert batch.chunks.kinds.tolist() == [XOR, FLOAT_HISTOGRAM, HISTOGRAM]


def test_a_series_of_which_nothing_was_asked_is_left_out() -> None:
    chunks: list[Chunk] = [[(0, 1.0), (15_000, 2.0)], [(3_000, 3.0), (18_000, 4.0)]]
    batch = deduplicate(sampled_batch({b"": chunks}), is_counter=False, between_ms=(100_000, 200_000))
    assert len(batch) == 0


def test_what_is_made_ends_before_the_next_begins() -> None:
    draw = random.Random(5)
    chunks = in_order([some_replica(draw, True) for _ in range(3)])
    made = deduplicate(sampled_batch({b"": chunks}), is_counter=False).chunks
    assert (made.min_ms[1:] > made.max_ms[:-1]).all()


def without_nans(samples: Sequence[tuple[int, Value]]) -> list[tuple[int, Value]]:
    return [(t, v) for t, v in samples if isinstance(v, str) or not math.isnan(v)]


GOLDEN_PATH = Path(__file__).parent / "data" / "replicas.jsonl"


@pytest.mark.parametrize("number", range(24))
def test_thanos_itself_reads_the_same(number: int) -> None:
    """What Thanos Query's own code makes of chunks (see replicas.go beside them)."""
    line = orjson.loads(GOLDEN_PATH.read_bytes().splitlines()[number])
    rows = [(c["min"], c["max"], base64.b64decode(c["payload"])) for c in line["chunks"]]
    batch = batch_of({b"": rows}, {b"": [c["kind"] for c in line["chunks"]]})
    for reading in line["readings"]:
        mint, maxt, is_counter = reading["mint"], reading["maxt"], reading["func"] == "rate"
        made = deduplicate(batch, is_counter, not reading["chain"], (mint, maxt))
        found = samples_of(clip(made, mint, maxt)).get(b"", [])
        values = [struct.unpack(">d", bytes.fromhex(value))[0] for value in reading["values"]]
        wanted: list[tuple[int, Value]] = list(zip(reading["times"], values, strict=True))
        if not reading["func"]:
            assert bits(found) == bits(wanted)
        elif made is batch:  # raw and without overlaps: such a counter is left as it is
            assert rise_alike(without_nans(found), wanted)
        else:
            assert rise_alike(found, wanted)

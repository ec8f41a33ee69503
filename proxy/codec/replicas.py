"""Overlapping chunks of replicas made into one sequence of samples, as Thanos Query does it.

Thanos deals the chunks of a series out to as few sequences as it can, each to the first whose
last chunk ends before it begins (`NewOverlapSplit`, Thanos `pkg/dedup/iter.go`). So the chunks of
two replicas that do not overlap stand in one sequence, and nothing is decoded; chunks that share only
a boundary overlap. Several sequences are folded sample by sample: the second into the first, the
third into that.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from proxy.codec.chunk_batches import EMPTY
from proxy.codec.chunk_table import ChunkTable, series_of_rows
from proxy.codec.counter_chunks import visible_offsets
from proxy.codec.overlaps import deal_out
from proxy.codec.sample_columns import decode_rows, encode_columns
from proxy.codec.sequences import read_sequences
from proxy.merge.chain import unite
from proxy.merge.counter_fold import CounterReplica, fold_counters
from proxy.merge.penalty import pick
from proxy.model.chunks import COUNTER, XOR, ChunkBatch, Chunks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from proxy.codec.overlaps import DealtChunks
    from proxy.codec.sample_columns import SampleColumns
    from proxy.codec.sequences import Sequences

    Rows = NDArray[np.int64]
    Spans = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Rules:
    """The arguments of `deduplicate`."""

    is_counter: bool
    penalty: bool
    between_ms: tuple[int, int] | None


def deduplicate(
    batch: ChunkBatch,
    is_counter: bool,
    penalty: bool = True,
    between_ms: tuple[int, int] | None = None,
) -> ChunkBatch:
    """Bring each series' chunks into an order of time without overlaps, and decode counters.

    Copies of a chunk are dropped. A series whose chunks then do not overlap, and of which none is
    of the kind `COUNTER`, keeps its payloads. The others are decoded, folded and encoded again.

    Args:
        batch: chunks of one series may overlap, and be in any order.
        is_counter: the samples are read by `rate`, `increase`, `irate` or `resets` (`isCounter`).
            Overlapping chunks are then read as a counter's, see `proxy.codec.counter_chunks`, and a
            replica is raised when it is turned to and has fallen behind. Parts of a range that are
            folded each by itself may then not fit together where they meet: give it the whole.
        penalty: fold by Thanos's penalty algorithm; False: unite all samples ("chain").
        between_ms: the range that was asked, both inclusive. Thanos cuts replicas to it before it
            folds them, so where it begins has a say in what is taken. Series that are not decoded
            are not cut.

    Raises:
        ChunkError: a chunk that must be decoded is malformed.
    """
    dealt = deal_out(batch)
    if dealt is None:
        return batch
    rules = _Rules(is_counter, penalty, between_ms)
    made, made_series = _folded(batch.chunks, dealt, rules)
    table = ChunkTable.of([batch.chunks, made])
    made_rows = np.arange(len(made)) + len(batch.chunks)
    series = np.concatenate([series_of_rows(batch)[dealt.whole], made_series])
    return table.batch(batch.labels, series, np.concatenate([dealt.whole, made_rows]))


def _folded(chunks: Chunks, dealt: DealtChunks, rules: _Rules) -> tuple[Chunks, Rows]:
    """The chunks of folded sequences, and the series that each is of."""
    if not dealt.rows.size:
        return EMPTY.chunks, dealt.rows
    samples, chunk_ends = decode_rows(chunks, dealt.rows)
    is_counter = np.isin(dealt.series, _series_with_counters(chunks, dealt)) | rules.is_counter
    sequences = read_sequences(samples, chunk_ends[dealt.ends - 1], is_counter)
    if rules.between_ms is not None:
        sequences = sequences.between(*rules.between_ms)
    is_last = np.append(dealt.series[1:] != dealt.series[:-1], True)
    jobs = zip(_spans(sequences, is_last), is_counter[is_last].tolist(), strict=True)
    with np.errstate(invalid="ignore", over="ignore"):  # a counter may stand at infinity
        taken = [_fold(sequences, spans, counts, rules) for spans, counts in jobs]
        rows = np.concatenate([rows for rows, _ in taken])
        samples = _raised(sequences.samples.take(rows), np.concatenate([more for _, more in taken]))
    ends = np.cumsum([len(rows) for rows, _ in taken])
    made, made_ends = encode_columns(samples, ends)
    return made, np.repeat(dealt.series[is_last], np.diff(made_ends, prepend=0))


def _spans(sequences: Sequences, is_last: NDArray[np.bool_]) -> list[Spans]:
    """For each series the first and the end row of each of its sequences."""
    spans = list(zip(sequences.starts.tolist(), sequences.ends.tolist(), strict=True))
    cuts = [0, *(np.flatnonzero(is_last) + 1).tolist()]
    return [spans[first:end] for first, end in itertools.pairwise(cuts)]


def _raised(samples: SampleColumns, offsets: NDArray[np.float64]) -> SampleColumns:
    """With something added to some. The others keep their bits: a stale marker is a NaN of its own."""
    rows = np.flatnonzero(offsets)
    samples.values[rows] += offsets[rows]
    return samples


def _series_with_counters(chunks: Chunks, dealt: DealtChunks) -> Rows:
    """The series that have a chunk of the kind `COUNTER`."""
    rows = np.flatnonzero(chunks.kinds[dealt.rows] == COUNTER)
    return np.unique(dealt.series[dealt.ends.searchsorted(rows, side="right")])


def _fold(
    sequences: Sequences, spans: Spans, is_counter: bool, rules: _Rules
) -> tuple[Rows, NDArray[np.float64]]:
    """The samples that are taken of one series' sequences, and what to add to them."""
    times_ms = [sequences.samples.times_ms[start:end] for start, end in spans]
    first = spans[0][0]
    if not rules.penalty:
        rows = unite(times_ms) + first
    elif rules.is_counter:
        rows, raised = fold_counters([_counter(sequences, *span) for span in spans])
        return rows + first, _offsets(sequences, rows + first, raised)
    else:
        rows = _fold_by_penalty(sequences.samples.times_ms, spans)
    raised = np.zeros(len(rows))
    return rows, _offsets(sequences, rows, raised) if is_counter else raised


def _fold_by_penalty(times_ms: Rows, spans: Spans) -> Rows:
    rows = np.arange(*spans[0])
    for start, end in spans[1:]:
        both = np.concatenate([rows, np.arange(start, end)])
        rows = both[pick(times_ms[rows], times_ms[start:end])]
    return rows


def _counter(sequences: Sequences, start: int, end: int) -> CounterReplica:
    samples = sequences.samples
    return CounterReplica(
        samples.times_ms[start:end],
        samples.values[start:end] + sequences.hidden[start:end],
        samples.kinds[start:end] == XOR,
    )


def _offsets(sequences: Sequences, rows: Rows, raised: NDArray[np.float64]) -> NDArray[np.float64]:
    """What to add to the samples of a counter that are taken; `raised`: how far its replica is."""
    hidden = sequences.hidden[rows] + raised
    if not hidden.any():
        return hidden
    is_float = sequences.samples.kinds[rows] == XOR
    is_step = sequences.is_reset[rows]
    is_step[1:] &= (rows[1:] == rows[:-1] + 1) & is_float[:-1]
    floats = np.flatnonzero(is_float)
    offsets = np.zeros(len(rows))
    offsets[floats] = visible_offsets(
        sequences.samples.values[rows[floats]],
        hidden[floats],
        is_step[floats],
    )
    return offsets

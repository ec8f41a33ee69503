"""Which bits of values a float chunk holds, in columns of samples.

Of a value only the bits are written that differ from the value before it, without the zeros on both
sides. How many these are is written too, unless the bits fit in the place where the last ones were.

Source: Prometheus, tsdb/chunkenc/xor.go (`xorWrite`).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from proxy.codec.bits import Rows, Words, in_lock_step, lock_step_end

Small: TypeAlias = NDArray[np.uint8]

_FEW = 32
"""As few chunks are faster one after another than in lock-step."""
_NONE = 64
"""More zeros than any changed value has at either end."""
_HIGH_BITS = 32
_BIAS, _FRACTION_BITS = 1023, 52
"""Of the exponent of a float64, and where it begins."""


class ValueChanges(NamedTuple):
    """How each sample's value differs from the one before. The columns have a row for each sample.

    changes: uint64, the bits that differ; 0 for the first sample of a chunk. leading, trailing: uint8,
    how many zeros stand in front of and behind those that are written; of no meaning where nothing
    has changed. has_place: uint8, 1 where both are written too, since the bits do not fit in the
    place of those written last.
    """

    changes: Words
    leading: Small
    trailing: Small
    has_place: Small


def value_changes(bits: Words, firsts: Rows, counts: Rows) -> ValueChanges:
    """Compare the values of chunks whose samples stand back to back.

    Args:
        bits: uint64[samples], of the values.
        firsts: int64[chunks], the row of each one's first sample.
        counts: int64[chunks], how many samples it has.
    """
    changes = bits.copy()
    changes[1:] ^= bits[:-1]
    changes[firsts] = 0
    leading = _leading_zeros(changes)
    leading[changes == 0] = _NONE
    trailing = np.bitwise_count(~changes & (changes - np.uint64(1)))
    return ValueChanges(changes, leading, trailing, hold_places(leading, trailing, firsts, counts))


def _leading_zeros(words: Words) -> Small:
    """At most 31: more do not fit in the five bits that there are for it."""
    high = (words >> np.uint64(_HIGH_BITS)).astype(np.uint32) | np.uint32(1)
    exponents = high.astype(np.float64).view(np.uint64) >> np.uint64(_FRACTION_BITS)
    return (np.uint64(_BIAS + _HIGH_BITS - 1) - exponents).astype(np.uint8)


def hold_places(leading: Small, trailing: Small, firsts: Rows, counts: Rows) -> Small:
    """Where the bits of a change fit in the place of those written last, they are written there.

    Args:
        leading: uint8[samples], how many zeros stand in front of each change, 64 where there is none;
            becomes, in place, how many stand in front of the bits that are written.
        trailing: likewise, behind it.
        firsts: int64[chunks], the row of each one's first sample.
        counts: int64[chunks], how many samples it has.

    Returns:
        uint8[samples], 1 for those that do not fit, else 0.
    """
    has_place = np.zeros(len(leading), np.uint8)
    order = np.argsort(-counts, kind="stable")
    firsts, counts = firsts[order], counts[order]
    held = np.full((2, len(counts)), _NONE, np.uint8)
    for chunks, _, where in in_lock_step(firsts, counts, _FEW):
        first, last = held[0, :chunks], held[1, :chunks]
        is_out = ((leading[where] < first) | (trailing[where] < last)).view(np.uint8)
        mask = 0 - is_out
        first ^= (first ^ leading[where]) & mask
        last ^= (last ^ trailing[where]) & mask
        leading[where], trailing[where], has_place[where] = first, last, is_out
    end = lock_step_end(counts, _FEW)
    for chunk in range(np.count_nonzero(counts > end)):
        rows = slice(int(firsts[chunk]) + end, int(firsts[chunk] + counts[chunk]))
        _hold_one(leading[rows], trailing[rows], has_place[rows], held[:, chunk].tolist())
    return has_place


def _hold_one(leading: Small, trailing: Small, has_place: Small, held: list[int]) -> None:
    """The same for samples of one chunk."""
    first, last = held
    fronts, backs, outs = leading.tolist(), trailing.tolist(), [0] * len(leading)
    for row, front in enumerate(fronts):
        if front < first or backs[row] < last:
            first, last = front, backs[row]
            outs[row] = 1
        fronts[row], backs[row] = first, last
    leading[:], trailing[:], has_place[:] = fronts, backs, outs

"""The samples of float chunks read in lock-step, each from bits of its own.

The next 64 bits of every chunk are loaded as one column: all that can be said of a time and of how its
value changed fits, save for a delta of 64 bits. A second load gets the changed bits themselves.
`proxy.codec.xor_decode` has the layout.

Source: Prometheus, tsdb/chunkenc/xor.go (`xorIterator`, `xorRead`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from proxy.codec.bits import words_at
from proxy.codec.chunk_error import ChunkError
from proxy.codec.xor_decode_one import Position

if TYPE_CHECKING:
    from proxy.codec.bits import Rows, Words

_FIRST_BIT = np.uint64(1 << 63)
_PLACE_FOLLOWS = np.uint64(0b11 << 62)
_PLACE_BITS = 11
_WIDE, _WIDE_PREFIX_BITS = 0b1111, 4
_PREFIX = np.array([0] * 8 + [2] * 4 + [3] * 2 + [4] * 2, np.uint64)
"""By the first four bits of how the delta changed: how many of them are a prefix, …"""
_UNUSED = np.array([63] * 8 + [50] * 4 + [47] * 2 + [44] * 2, np.int64)
"""… how many of 64 bits are not of the number behind it, …"""
_HALF = np.uint64(1) << _UNUSED.astype(np.uint64)
_LENGTH = np.array([1] * 8 + [16] * 4 + [20] * 2 + [24, 68], np.int64)
"""… and how long both are."""


class Lanes:
    """Chunks that are read in lock-step. Each column has one row for each of them.

    at_bits: int64, where the next bit is. time_ms, delta_ms: int64. bits: uint64, of the value.
    width (int64), unused, trailing (uint64): how many bits a changed value has, 64 less that, and how
    many zeros are behind them. The others are scratch: reading makes hardly any new columns.
    """

    __slots__ = (
        "_after",
        "_changed",
        "_index",
        "_low",
        "_offset",
        "_window",
        "_words",
        "at_bits",
        "bits",
        "delta_ms",
        "time_ms",
        "trailing",
        "unused",
        "width",
    )

    def __init__(self, words: Words, time_ms: Rows, bits: Words) -> None:
        lanes = len(bits)
        self._words, self._after = words, words[1:]
        self.time_ms = time_ms
        self.bits = bits
        self.at_bits, self.delta_ms, self._index, self._changed = np.empty((4, lanes), np.int64)
        self._window, self._low, self._offset = np.empty((3, lanes), np.uint64)
        self.width = np.full(lanes, 64, np.int64)
        self.unused, self.trailing = np.zeros((2, lanes), np.uint64)

    def narrow(self, lanes: int) -> None:
        """Only the first so many go on."""
        if lanes < len(self.bits):
            for name in self.__slots__:
                if name not in {"_words", "_after"}:
                    setattr(self, name, getattr(self, name)[:lanes])

    def position(self, lane: int) -> Position:
        columns = (self.at_bits, self.time_ms, self.delta_ms, self.bits, self.width, self.trailing)
        return Position(*(int(column[lane]) for column in columns))

    def read_sample(self, has_dod: bool) -> None:
        """The next time and value of each."""
        window = self._window
        self._load()
        if has_dod and np.maximum.reduce(window) >= _FIRST_BIT:
            self._change_deltas()
        elif has_dod:
            np.left_shift(window, 1, window)
            np.add(self.at_bits, 1, self.at_bits)
        np.add(self.time_ms, self.delta_ms, self.time_ms)
        self._read_values()

    def _load(self) -> None:
        """`words_at`, without new columns."""
        at_bits, index, offset = self.at_bits, self._index, self._offset
        window, low = self._window, self._low
        np.right_shift(at_bits, 6, index)
        self._words.take(index, out=window, mode="clip")
        self._after.take(index, out=low, mode="clip")
        np.bitwise_and(at_bits.view(np.uint64), 63, offset)
        np.left_shift(window, offset, window)
        np.subtract(64, offset, offset)
        np.right_shift(low, offset, low)
        np.bitwise_or(window, low, window)

    def _change_deltas(self) -> None:
        """What the window says of each delta."""
        window, at_bits = self._window, self.at_bits
        kind = (window >> np.uint64(60)).view(np.int64)
        # One more than half of the numbers are above 0: not quite two's complement.
        numbers = (window << _PREFIX.take(kind)) - _HALF.take(kind)
        dods = (numbers.view(np.int64) >> _UNUSED.take(kind)) + 1
        length = _LENGTH.take(kind)
        (wide,) = (kind == _WIDE).nonzero()
        if len(wide):
            dods[wide] = words_at(self._words, at_bits[wide] + _WIDE_PREFIX_BITS).view(np.int64)
        self.delta_ms += dods
        at_bits += length
        window <<= length.view(np.uint64)
        if len(wide):
            window[wide] = words_at(self._words, at_bits[wide])

    def _read_values(self) -> None:
        """What the window says of each value."""
        window, changed, at_bits = self._window, self._changed, self.at_bits
        np.right_shift(window.view(np.int64), 63, changed)  # all bits set where it has changed
        np.add(at_bits, 1, at_bits)
        if not np.bitwise_or.reduce(changed):
            return
        np.subtract(at_bits, changed, at_bits)
        (placed,) = (window >= _PLACE_FOLLOWS).nonzero()
        if len(placed):
            self._change_places(placed)
        self._load()
        np.right_shift(window, self.unused, window)
        np.left_shift(window, self.trailing, window)
        np.bitwise_and(window, changed.view(np.uint64), window)
        np.bitwise_xor(self.bits, window, self.bits)
        np.bitwise_and(changed, self.width, changed)
        np.add(at_bits, changed, at_bits)

    def _change_places(self, lanes: Rows) -> None:
        """Where the changed bits of some lie from now on."""
        window = self._window[lanes]
        leading = (window >> np.uint64(57) & np.uint64(31)).view(np.int64)
        width = (((window >> np.uint64(51)).view(np.int64) - 1) & 63) + 1  # 0 stands for 64
        trailing = 64 - leading - width
        if trailing.min() < 0:
            raise ChunkError("a float of more than 64 bits in a chunk")
        self.width[lanes] = width
        self.unused[lanes] = 64 - width
        self.trailing[lanes] = trailing
        self.at_bits[lanes] += _PLACE_BITS

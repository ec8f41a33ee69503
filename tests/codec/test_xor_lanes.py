"""Samples read in lock-step from bits of their own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.bits import to_words
from proxy.codec.chunk_error import ChunkError
from proxy.codec.xor_decode_one import Position
from proxy.codec.xor_lanes import Lanes


def lanes_of(texts: list[str]) -> Lanes:
    """Lanes at time 100 after a delta of 10, value bits 0, each before the bits that it reads."""
    ends = np.cumsum([len(text) for text in texts])
    digits = "".join(texts)
    digits += "0" * (-len(digits) % 8)
    data = int("0" + digits, 2).to_bytes(len(digits) // 8, "big")
    count = len(texts)
    lanes = Lanes(
        to_words(np.frombuffer(data, np.uint8)),
        np.full(count, 100, np.int64),
        np.zeros(count, np.uint64),
    )
    lanes.delta_ms[:] = 10
    lanes.at_bits[:] = ends - [len(text) for text in texts]
    return lanes


NO_CHANGE = "0"
TIMES = {
    "0": 0,
    "10" + f"{1:014b}": 1,
    "10" + f"{1 << 13:014b}": 1 << 13,
    "10" + f"{(1 << 13) + 1:014b}": 1 - (1 << 13),
    "110" + f"{(1 << 17) - 1:017b}": -1,
    "110" + f"{1 << 16:017b}": 1 << 16,
    "1110" + f"{1 << 19:020b}": 1 << 19,
    "1110" + f"{(1 << 19) + 1:020b}": 1 - (1 << 19),
    "1111" + f"{1 << 40:064b}": 1 << 40,
    "1111" + "1" * 64: -1,
}
VALUES = {
    "0": 0,
    "10" + f"{7:064b}": 7,
    "11" + f"{31:05b}{1:06b}" + "1": 1 << 32,
    "11" + f"{0:05b}{0:06b}" + "1" * 64: (1 << 64) - 1,
    "11" + f"{12:05b}{52:06b}" + f"{5:052b}": 5,
    "11" + f"{1:05b}{63:06b}" + f"{9:063b}": 9,
}


@given(
    st.lists(st.tuples(st.sampled_from(sorted(TIMES)), st.sampled_from(sorted(VALUES))), min_size=1),
    st.integers(0, 63),
)
def test_each_lane_reads_its_time_and_value(pairs: list[tuple[str, str]], shift: int) -> None:
    texts = [time + value for time, value in pairs]
    lanes = lanes_of(["1" * shift, *texts])
    ends = lanes.at_bits + np.array([shift, *map(len, texts)])
    lanes.at_bits[0] = lanes.at_bits[1]  # this one reads what the next one does
    ends[0] = ends[1]
    lanes.read_sample(has_dod=True)
    pairs = [pairs[0], *pairs]
    assert lanes.time_ms.tolist() == [110 + TIMES[time] for time, _ in pairs]
    assert lanes.delta_ms.tolist() == [10 + TIMES[time] for time, _ in pairs]
    assert lanes.bits.tolist() == [VALUES[value] for _, value in pairs]
    assert lanes.at_bits.tolist() == ends.tolist()


def test_the_second_sample_says_nothing_of_its_delta() -> None:
    lanes = lanes_of([NO_CHANGE, "10" + f"{3:064b}"])
    lanes.read_sample(has_dod=False)
    assert lanes.time_ms.tolist() == [110, 110]
    assert lanes.bits.tolist() == [0, 3]
    assert lanes.at_bits.tolist() == [1, 67]


def test_a_place_holds_until_another_one_is_told() -> None:
    lanes = lanes_of(["0" + "11" + f"{10:05b}{4:06b}" + "1001" + "0" + "10" + "0110"])
    lanes.read_sample(has_dod=True)
    assert lanes.position(0) == Position(18, 110, 10, 0b1001 << 50, 4, 50)
    lanes.read_sample(has_dod=True)
    assert lanes.position(0) == Position(25, 120, 10, 0b1111 << 50, 4, 50)


def test_lanes_that_have_ended_stay_as_they_are() -> None:
    lanes = lanes_of(["00", "00"])
    time_ms, at_bits = lanes.time_ms, lanes.at_bits
    lanes.narrow(1)
    lanes.read_sample(has_dod=True)
    assert time_ms.tolist() == [110, 100]
    assert at_bits.tolist() == [2, 2]


def test_a_value_of_more_than_64_bits_is_refused() -> None:
    lanes = lanes_of(["0" + "11" + f"{31:05b}{34:06b}" + "1" * 34])
    with pytest.raises(ChunkError):
        lanes.read_sample(has_dod=True)

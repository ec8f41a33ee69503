"""Encoding and sending of remote write requests."""

from __future__ import annotations

import dataclasses
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.thanos import remote_write
from tests.thanos.loopback import ADDRESS, free_ports
from tests.thanos.samples import sample_series
from tests.thanos.series import (
    METRIC_NAME,
    ORDINARY_NAN,
    STALE_MARKER,
    Buckets,
    NativeHistogram,
    float_series,
)
from tests.thanos.timeline import HOUR_MS

if TYPE_CHECKING:
    from tests.thanos.cluster import ThanosCluster

END_MS = 1_790_000_000_137


def bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def test_slices_hold_every_sample_once_and_no_slice_goes_back_in_time() -> None:
    series = sample_series(END_MS, history_ms=5 * HOUR_MS)
    last_ms: dict[tuple[tuple[str, str], ...], int] = {}
    count = 0
    for request in remote_write.slices(series):
        for message in request.timeseries:
            labels = tuple((label.name, label.value) for label in message.labels)
            # Receive takes the floats of a message before its histograms.
            times = [s.timestamp for s in message.samples]
            times += [h.timestamp for h in message.histograms]
            assert times == sorted(set(times))
            assert times[0] > last_ms.get(labels, 0)
            last_ms[labels] = times[-1]
            count += len(times)
    assert count == sum(one.sample_count for one in series)


def test_floats_and_histograms_that_take_turns_keep_the_order_of_time() -> None:
    floats = float_series({METRIC_NAME: "x"}, np.array([1, 2, 5]), [0.0, 1.0, 2.0])
    histograms = (NativeHistogram(3, 0.0, 0), NativeHistogram(4, 0.0, 0))
    series = dataclasses.replace(floats, histograms=histograms)
    request = remote_write.encode([series], 0, 10)
    assert [
        ([s.timestamp for s in m.samples], [h.timestamp for h in m.histograms])
        for m in request.timeseries
    ] == [([1, 2], []), ([], [3, 4]), ([5], [])]


def test_stale_markers_and_nans_keep_their_bits() -> None:
    series = float_series({METRIC_NAME: "x"}, np.array([1, 2]), [STALE_MARKER, ORDINARY_NAN])
    [message] = remote_write.encode([series], 0, 10).timeseries
    assert [bits(s.value) for s in message.samples] == [0x7FF0000000000002, 0x7FF8000000000001]


def test_integer_histograms_carry_differences_and_float_histograms_counts() -> None:
    histogram = NativeHistogram(
        7,
        sum=1.5,
        schema=3,
        positive=Buckets(((-2, 2), (1, 1)), (3, 1, 4)),
        negative=Buckets(((0, 1),), (2,)),
        zero_count=5,
    )
    integer = remote_write.encode_histogram(histogram)
    assert (integer.count_int, integer.zero_count_int) == (15, 5)
    assert list(integer.positive_deltas) == [3, -2, 3]
    assert list(integer.negative_deltas) == [2]
    assert [(span.offset, span.length) for span in integer.positive_spans] == [(-2, 2), (1, 1)]

    as_float = remote_write.encode_histogram(dataclasses.replace(histogram, is_float=True))
    assert (as_float.count_float, as_float.zero_count_float) == (15.0, 5.0)
    assert list(as_float.positive_counts) == [3.0, 1.0, 4.0]
    assert not as_float.positive_deltas


def test_series_without_samples_need_no_request() -> None:
    empty = float_series({METRIC_NAME: "x"}, np.empty(0, dtype=np.int64), [])
    assert not list(remote_write.slices([empty]))
    assert not list(remote_write.slices([]))


def test_a_server_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_write, "RETRY_DELAY_S", 0.0)
    url = f"http://{ADDRESS}:{free_ports(1)[0]}/api/v1/receive"
    series = float_series({METRIC_NAME: "x"}, np.array([1]), 1.0)
    with pytest.raises(remote_write.RemoteWriteError, match=rf"{url} .*ConnectionRefused"):
        remote_write.write(url, [series])


def test_refused_samples_raise_with_the_server_s_own_words(thanos: ThanosCluster) -> None:
    back_in_time = float_series({METRIC_NAME: "constant"}, np.array([thanos.start_ms]), 43.0)
    with pytest.raises(remote_write.RemoteWriteError, match=r"answered 409: .*constant|409: .*"):
        thanos.write([back_in_time])

"""The error of all decoders of chunks."""

from __future__ import annotations

import pytest

from proxy.codec.chunk_error import ChunkError
from proxy.codec.histogram_decode import decode_histograms
from proxy.model.chunks import HISTOGRAM


def test_whoever_expects_a_wrong_value_catches_it() -> None:
    with pytest.raises(ValueError, match="without its header") as caught:
        decode_histograms(HISTOGRAM, b"")
    assert type(caught.value) is ChunkError

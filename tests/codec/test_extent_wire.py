"""Extents as bytes and back: the same answers come out, in this process and in another."""

from __future__ import annotations

import dataclasses
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec.extent_wire import ExtentWireError, content_name, decode_extent, encode_extent
from proxy.codec.gzip_body import gzip_body
from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_text import body_text
from proxy.codec.sections import pack, unpack
from proxy.codec.tail_json import merge_stats
from proxy.merge.matrices import join_matrices
from proxy.model.extent import AnyPiece, Extent
from proxy.model.grid import Grid
from proxy.model.piece import Piece, SeriesList
from proxy.model.sample_piece import SamplePiece
from tests.bodies import GRIDS, matrices
from tests.pieces import extent_of, kept, piece_of
from tests.sample_batches import batch_of, samples_of

OFFSET_MS = 1_700_000_000_000


def same(series: SeriesList) -> SeriesList:
    return series


def again(extent: Extent[Piece], offset_ms: int = OFFSET_MS) -> Extent[AnyPiece]:
    return decode_extent(encode_extent(extent, OFFSET_MS), offset_ms, same)


def answers(extent: Extent[AnyPiece] | Extent[Piece]) -> tuple[bytes, bytes]:
    """The body made of all pieces, as text and through gzip."""
    joined = join_matrices([one.piece for one in extent.kept], sort_key, merge_stats)  # type: ignore[misc]
    zipped = b"".join(gzip_body(joined, SeriesList(joined.metrics)))
    return body_text(joined), gzip.decompress(zipped)


@given(st.data(), GRIDS)
def test_what_comes_back_gives_the_same_answer_and_is_kept_in_the_same_way(
    data: st.DataObject, grid: Grid
) -> None:
    first = piece_of(data.draw(matrices(grid)), grid, ("a <note>", "日本"))
    later = Grid(grid.last_ms + grid.step_ms, grid.step_ms, 3)
    second = piece_of(data.draw(matrices(later)), later, ("a <note>", "日本"))
    extent = dataclasses.replace(extent_of(first, second), metric_names=frozenset(("up", "日本")))
    found = again(extent)
    assert (found.full_key, found.metric_names) == (extent.full_key, extent.metric_names)
    assert answers(found) == answers(extent)
    for one, other in zip(found.kept, extent.kept, strict=True):
        assert dataclasses.replace(one, piece=other.piece).__repr__() == other.__repr__()
        assert one.piece.grid == other.piece.grid


def test_times_are_those_of_the_process_that_reads_them() -> None:
    grid = Grid(0, 1000, 3)
    extent = extent_of(piece_of({'{"a":"1"}': {0: ("1", False)}}, grid))
    younger = again(extent, OFFSET_MS + 5_000)
    assert younger.kept[0].ended_ms == extent.kept[0].ended_ms - 5_000
    assert younger.kept[0].expires_ms == extent.kept[0].expires_ms - 5_000
    assert younger.kept[0].reads == extent.kept[0].reads, "wall-clock times stay"


def test_nothing_of_an_answer_is_copied() -> None:
    grid = Grid(0, 1000, 40)
    points = {step: (f"{step}.123456789", False) for step in range(40)}
    extent = extent_of(piece_of({'{"a":"1"}': points}, grid))
    packed = encode_extent(extent, 0)
    where = np.frombuffer(packed, np.uint8)
    (one,) = decode_extent(packed, 0, same).kept
    assert isinstance(one.piece, Piece)
    assert np.shares_memory(np.frombuffer(one.piece.floats.blob, np.uint8), where)
    assert np.shares_memory(one.piece.floats.crc, where)


def test_a_list_of_series_is_written_once_and_shared_with_those_that_are_known() -> None:
    grid = Grid(0, 1000, 3)
    piece = piece_of({'{"a":"1"}': {0: ("1", False)}}, grid)
    other = dataclasses.replace(piece, grid=Grid(3000, 1000, 3))
    extent = Extent(b"key", None, (kept(piece), kept(other, 3)))
    packed = encode_extent(extent, 0)
    assert bytes(packed).count(b'{"a":"1"}') == 1
    found = decode_extent(packed, 0, lambda series: piece.series if series.metrics else series)
    assert all(one.piece.series is piece.series for one in found.kept)


def test_samples_come_back_too() -> None:
    series = {"a": [(1, 1.0), (2, 2.0)], "b x=1": [(999, 3.0)]}
    piece = SamplePiece.of(Grid(0, 1, 1000), batch_of(series))
    found = decode_extent(encode_extent(Extent(b"k", None, (kept(piece),)), 0), 0, same)  # type: ignore[arg-type]
    (one,) = found.kept
    assert isinstance(one.piece, SamplePiece)
    assert samples_of(one.piece.batch) == series


@given(st.binary(max_size=60))
def test_what_is_no_extent_is_refused(noise: bytes) -> None:
    for packed in (noise, pack([noise]), pack([noise, b"key", noise]), pack([b"{}", b"", b""])):
        with pytest.raises(ExtentWireError):
            decode_extent(packed, 0, same)


@given(st.data())
def test_a_text_that_points_elsewhere_is_refused_and_not_believed(data: st.DataObject) -> None:
    grid = Grid(0, 1000, 3)
    packed = encode_extent(extent_of(piece_of({'{"a":"1"}': {0: ("1", False)}}, grid)), 0)
    about, *rest = unpack(packed)
    at = data.draw(st.integers(0, len(about) - 1))
    changed = bytearray(about)
    changed[at] = data.draw(st.sampled_from(b'0129,"]}[{:x'))
    with_change = pack([bytes(changed), *rest])
    try:
        decode_extent(with_change, 0, same)
    except ExtentWireError:
        return


def test_names_are_short_plain_and_different() -> None:
    names = {content_name(key, number) for key in (b"a", b"b" * 10_000) for number in (-1, 0, 1)}
    assert len(names) == 6
    assert all(len(name) == 40 and name.isalnum() for name in names)

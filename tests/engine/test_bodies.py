"""Bodies that are ready to be sent."""

from __future__ import annotations

import gzip
import random

import pytest

from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_json import scan_matrix
from proxy.codec.pieces import index_matrix, make_piece
from proxy.codec.tail_json import merge_stats
from proxy.engine.answer_memo import Assembled
from proxy.engine.bodies import CHUNK_BYTES, LEAST_GZIP_BYTES, assemble, compressed, plain
from proxy.merge.matrices import JoinedMatrix, join_matrices
from proxy.model.grid import Grid
from tests.bodies import body_of


def body(steps: int, series: int = 1) -> tuple[bytes, Grid]:
    grid, drawn = Grid(0, 60_000, steps), random.Random(1)
    values = {
        f'{{"x":"{row:04d}"}}': {step: (repr(drawn.random()), False) for step in range(steps)}
        for row in range(series)
    }
    return body_of(values, grid), grid


def joined(text: bytes, grid: Grid, as_piece: bool) -> JoinedMatrix:
    indexed = index_matrix(scan_matrix(text), grid)
    part = make_piece(indexed, 0, grid.steps) if as_piece else indexed.matrix
    return join_matrices([part], sort_key, merge_stats)


def whole(answer: Assembled) -> bytes:
    text = b"".join(answer.chunks)
    assert len(text) == answer.length
    return gzip.decompress(text) if answer.is_gzip else text


@pytest.mark.parametrize("as_piece", [False, True])
@pytest.mark.parametrize("wants_gzip", [False, True])
@pytest.mark.parametrize(("steps", "series"), [(1, 1), (100, 3), (500, 200)])
def test_a_body_is_the_upstreams_text(
    as_piece: bool, wants_gzip: bool, steps: int, series: int
) -> None:
    text, grid = body(steps, series)
    answer = assemble(joined(text, grid, as_piece), wants_gzip)
    assert whole(answer) == text
    assert answer.is_gzip == (wants_gzip and len(text) > LEAST_GZIP_BYTES)


@pytest.mark.parametrize("as_piece", [False, True])
def test_a_large_gzip_body_is_in_chunks_that_are_not_small(as_piece: bool) -> None:
    text, grid = body(500, 200)
    *chunks, _last = assemble(joined(text, grid, as_piece), wants_gzip=True).chunks
    assert chunks
    assert all(len(chunk) >= CHUNK_BYTES for chunk in chunks)


def test_a_kept_text_is_sent_as_it_is_or_compressed_where_that_helps() -> None:
    long, short = b"x" * LEAST_GZIP_BYTES, b"x" * (LEAST_GZIP_BYTES - 1)
    assert plain(long) == Assembled((long,), len(long), is_gzip=False)
    assert whole(compressed(long)) == long
    assert compressed(long).is_gzip
    assert compressed(short) == plain(short)

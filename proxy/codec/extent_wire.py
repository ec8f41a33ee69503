"""Extents as bytes, for tiers that outlive a process or are shared by several.

One text in JSON says what there is; buffers stand beside it (`sections`). Columns are read where they
lie, and so are the fragments: nothing of an answer is copied. Times are written as wall-clock times,
because a monotonic clock means nothing to another process.

Series lists are written once for each extent, however many pieces share them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import orjson

from proxy.codec.sections import Buffer, SectionsError, pack, unpack
from proxy.model.chunks import Chunks
from proxy.model.extent import AnyPiece, Extent, Kept
from proxy.model.grid import Grid
from proxy.model.matrix import Tail
from proxy.model.piece import Fragments, Piece, SeriesList
from proxy.model.sample_piece import SamplePiece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

_FRAGMENT_TYPES = (("ends", "<i8"), ("raw_bytes", "<i4"), ("crc", "<u4"), ("comma_crc", "<u4"))
_CHUNK_TYPES = (("ends", "<i8"), ("kinds", "|u1"), ("min_ms", "<i8"), ("max_ms", "<i8"))


class ExtentWireError(ValueError):
    """Bytes that are no extent of this version."""


def encode_extent(extent: Extent[AnyPiece], wall_minus_monotonic_ms: int) -> bytes:
    """An extent as bytes; `decode_extent` gives it back, in this process or another."""
    writer = _Writer()
    lists: dict[int, int] = {}
    kept = []
    for one in extent.kept:
        series = one.piece.series
        if id(series) not in lists:
            lists[id(series)] = writer.add_texts(series.metrics)
        times = [one.began_ms, one.ended_ms, one.expires_ms, one.pending_until_ms]
        kept.append(
            {
                "series": lists[id(series)],
                "grid": [one.piece.grid.start_ms, one.piece.grid.step_ms, one.piece.grid.steps],
                "times": [time_ms + wall_minus_monotonic_ms for time_ms in times],
                "reads": one.reads,
                "fetched": one.fetched,
                **writer.add_piece(one.piece),
            }
        )
    names = sorted(extent.metric_names) if extent.metric_names is not None else None
    about = orjson.dumps({"names": names, "kept": kept})
    return pack([about, extent.full_key, *writer.sections])


def decode_extent(
    packed: Buffer,
    wall_minus_monotonic_ms: int,
    intern: Callable[[SeriesList], SeriesList],
) -> Extent[AnyPiece]:
    """The extent that `encode_extent` was given; its times on this process's monotonic clock.

    Its columns and fragments lie in `packed`, which must not change.

    Raises:
        ExtentWireError: damaged, or of another version.
    """
    try:
        about, full_key, *sections = unpack(packed)
        reader = _Reader(sections, intern)
        said = orjson.loads(about)
        kept = tuple(reader.kept(one, wall_minus_monotonic_ms) for one in said["kept"])
        names = frozenset(said["names"]) if said["names"] is not None else None
    except SectionsError as error:
        raise ExtentWireError(str(error)) from error
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ExtentWireError("not an extent") from error
    return Extent(bytes(full_key), names, kept)


class _Writer:
    """Collects sections; a piece's are named by the number of the first."""

    def __init__(self) -> None:
        self.sections: list[Buffer | NDArray[Any]] = []

    def add_texts(self, texts: tuple[bytes, ...]) -> int:
        ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
        self.sections += (b"".join(texts), ends.astype("<i8"))
        return len(self.sections) - 2

    def add_piece(self, piece: AnyPiece) -> dict[str, Any]:
        if isinstance(piece, SamplePiece):
            at = len(self.sections)
            self.sections.append(np.ascontiguousarray(piece.chunk_ends, "<i8"))
            self._add_columns(piece.chunks.data, piece.chunks, _CHUNK_TYPES)
            return {"samples": at}
        piece = cast("Piece", piece)
        said: dict[str, Any] = {"floats": self._add_fragments(piece.floats)}
        if piece.histograms is not None:
            said["histograms"] = self._add_fragments(piece.histograms)
        said["extras"] = {name: text.decode() for name, text in piece.tail.extras.items()}
        said["notes"] = piece.tail.notes
        return said

    def _add_fragments(self, fragments: Fragments) -> int:
        at = len(self.sections)
        self._add_columns(fragments.blob, fragments, _FRAGMENT_TYPES)
        return at

    def _add_columns(self, data: Buffer, owner: object, types: tuple[tuple[str, str], ...]) -> None:
        columns = [np.ascontiguousarray(getattr(owner, name), kind) for name, kind in types]
        self.sections += (data, *columns)


class _Reader:
    """Finds pieces in sections."""

    def __init__(self, sections: list[memoryview], intern: Callable[[SeriesList], SeriesList]) -> None:
        self._sections = sections
        self._intern = intern
        self._lists: dict[int, SeriesList] = {}

    def kept(self, said: dict[str, Any], wall_minus_monotonic_ms: int) -> Kept[AnyPiece]:
        grid = Grid(*said["grid"])
        began_ms, ended_ms, expires_ms, pending_ms = (
            time_ms - wall_minus_monotonic_ms for time_ms in said["times"]
        )
        return Kept(
            piece=self._piece(said, grid),
            first_index=grid.first_index,
            began_ms=began_ms,
            ended_ms=ended_ms,
            expires_ms=expires_ms,
            pending_until_ms=pending_ms,
            reads=_pair(said["reads"]),
            fetched=_pair(said["fetched"]),
        )

    def _piece(self, said: dict[str, Any], grid: Grid) -> AnyPiece:
        series = self._series(said["series"])
        if "samples" in said:
            at = said["samples"]
            columns = self._columns(at + 2, _CHUNK_TYPES)
            chunks = Chunks(bytes(self._sections[at + 1]), *columns)
            return SamplePiece(grid, series, np.frombuffer(self._sections[at], "<i8"), chunks)
        extras = {name: text.encode() for name, text in said["extras"].items()}
        notes = {name: tuple(texts) for name, texts in said["notes"].items()}
        histograms = self._fragments(said["histograms"]) if "histograms" in said else None
        return Piece(grid, series, self._fragments(said["floats"]), histograms, Tail(extras, notes))

    def _series(self, at: int) -> SeriesList:
        if at not in self._lists:
            text, metrics, begin = bytes(self._sections[at]), [], 0
            for end in np.frombuffer(self._sections[at + 1], "<i8").tolist():
                metrics.append(text[begin:end])
                begin = end
            self._lists[at] = self._intern(SeriesList(tuple(metrics)))
        return self._lists[at]

    def _fragments(self, at: int) -> Fragments:
        ends, raw_bytes, crc, comma_crc = self._columns(at + 1, _FRAGMENT_TYPES)
        return Fragments(self._sections[at], ends, raw_bytes, crc, comma_crc)

    def _columns(self, at: int, types: tuple[tuple[str, str], ...]) -> Iterator[NDArray[Any]]:
        for number, (_, kind) in enumerate(types):
            yield np.frombuffer(self._sections[at + number], kind)


def _pair(values: list[int]) -> tuple[int, int]:
    first, second = values
    return first, second


def content_name(full_key: bytes, number: int) -> str:
    """A name for an extent that any tier takes: of bounded length, in plain characters."""
    packed = full_key + number.to_bytes(8, "big", signed=True)
    return hashlib.blake2b(packed, digest_size=20).hexdigest()

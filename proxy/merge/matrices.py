"""Joins the splits of a range query in time: which series there are, and where their points lie.

Each split lists its series in Thanos's order, sorted by labels, so a joined list sorted by labels
is the list that the unsplit query would have given. Points are not touched: a joined series is
its points of the first split, then those of the second, and so on.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from proxy.errors import NotSplittableError
from proxy.model.matrix import EncodedMatrix, Tail
from proxy.model.piece import Piece

SortKey = Callable[[bytes], tuple[str, ...]]
MergeStats = Callable[[list[bytes]], bytes]


Part = EncodedMatrix | Piece
"""Text, or what is kept of it."""


@dataclass(frozen=True, slots=True)
class JoinedMatrix:
    """Splits side by side: series i lies at row `rows[p][i]` of `parts[p]`, or nowhere (-1).

    `rows[p]` is None where part p has exactly the joined list of series.
    """

    metrics: tuple[bytes, ...]
    parts: tuple[Part, ...]
    rows: tuple[list[int] | None, ...]
    tail: Tail


NOTHING_JOINED = JoinedMatrix((), (), (), Tail())


def join_matrices(parts: Sequence[Part], sort_key: SortKey, merge_stats: MergeStats) -> JoinedMatrix:
    """Join splits that are in time order and do not overlap.

    Raises:
        NotSplittableError: a split's series are not in Thanos's order, or its statistics cannot
            be joined; the whole must be asked for.
    """
    metrics = unite_series([part.metrics for part in parts], sort_key)
    number = {metric: i for i, metric in enumerate(metrics)}
    rows = tuple(_rows(part.metrics, metrics, number) for part in parts)
    return JoinedMatrix(metrics, tuple(parts), rows, join_tails([p.tail for p in parts], merge_stats))


def unite_series(lists: Sequence[tuple[bytes, ...]], sort_key: SortKey) -> tuple[bytes, ...]:
    """The sorted union of sorted lists of label sets (as JSON text)."""
    distinct = list(dict.fromkeys(lists))
    if len(distinct) == 1:
        return distinct[0]
    united = set().union(*distinct)
    try:
        key = {metric: sort_key(metric) for metric in united}
    except (ValueError, AttributeError) as error:
        raise NotSplittableError("a label set cannot be read") from error
    for metrics in distinct:
        ordered = [key[metric] for metric in metrics]
        if any(a >= b for a, b in itertools.pairwise(ordered)):
            raise NotSplittableError("the series of a split are not sorted by labels")
    return tuple(sorted(united, key=key.__getitem__))


def _rows(
    own: tuple[bytes, ...], joined: tuple[bytes, ...], number: dict[bytes, int]
) -> list[int] | None:
    if own == joined:
        return None
    rows = [-1] * len(joined)
    for row, metric in enumerate(own):
        rows[number[metric]] = row
    return rows


def join_tails(tails: Sequence[Tail], merge_stats: MergeStats) -> Tail:
    """Warnings and infos once each, in order of appearance; statistics added up."""
    first = tails[0]
    if all(tail == first for tail in tails[1:]) and "stats" not in first.extras:
        return first
    extras = dict(first.extras)
    if "stats" in extras:
        extras["stats"] = merge_stats([t.extras["stats"] for t in tails if "stats" in t.extras])
    for tail in tails[1:]:
        if {**tail.extras, "stats": b""} != {**extras, "stats": b""}:
            raise NotSplittableError("the splits' analyses differ")
    names = dict.fromkeys(name for tail in tails for name in tail.notes)
    notes = {
        name: tuple(dict.fromkeys(t for tail in tails for t in tail.notes.get(name, ())))
        for name in names
    }
    return Tail(extras, notes)

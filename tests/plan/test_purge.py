"""Which extents a purge removes: all that may hold what it is about, and no other."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from proxy.model.extent import Extent
from proxy.model.grid import Grid
from proxy.plan.cache_key import range_key, samples_key, vary_fields
from proxy.plan.purge import Purge, matches
from tests.pieces import kept, piece_of

if TYPE_CHECKING:
    from proxy.model.piece import Piece

NAMES = ("thanos-tenant", "authorization")


def extent(
    tenant: str | None, reads: list[tuple[int, int]], metrics: frozenset[str] | None
) -> Extent[Piece]:
    headers = [] if tenant is None else [("THANOS-TENANT", tenant)]
    key = range_key(vary_fields(headers, NAMES), "a", 1000, 0, ())
    piece = piece_of({}, Grid(0, 1000, 1))
    all_kept = (dataclasses.replace(kept(piece, at), reads=span) for at, span in enumerate(reads))
    return Extent(key.full, metrics, tuple(all_kept))


HELD = extent("team-a", [(100, 200), (300, 400)], frozenset({"up", "down"}))


@pytest.mark.parametrize(
    ("purge", "expected"),
    [
        (Purge(), True),
        (Purge(NAMES, tenant=("thanos-tenant", "team-a")), True),
        (Purge(NAMES, tenant=("thanos-tenant", "team-b")), False),
        (Purge(NAMES, tenant=("thanos-tenant", "team")), False),
        (Purge(NAMES, tenant=("authorization", "team-a")), False),
        (Purge(NAMES, tenant=("x-not-varied", "team-b")), True),
        (Purge(reads=(0, 99)), False),
        (Purge(reads=(0, 100)), True),
        (Purge(reads=(150, 160)), True),
        (Purge(reads=(201, 299)), False),
        (Purge(reads=(201, 300)), True),
        (Purge(reads=(401, 999)), False),
        (Purge(metric="up"), True),
        (Purge(metric="u"), False),
        (Purge(NAMES, ("thanos-tenant", "team-a"), (0, 100), "up"), True),
        (Purge(NAMES, ("thanos-tenant", "team-b"), (0, 100), "up"), False),
        (Purge(NAMES, ("thanos-tenant", "team-a"), (0, 99), "up"), False),
        (Purge(NAMES, ("thanos-tenant", "team-a"), (0, 100), "sideways"), False),
    ],
    ids=str,
)
def test_everything_that_is_given_must_match(purge: Purge, expected: bool) -> None:
    assert matches(HELD, purge) is expected


def test_an_expression_that_may_read_any_metric_matches_every_metric() -> None:
    assert matches(extent(None, [(0, 1)], None), Purge(metric="up"))


def test_an_expression_that_reads_nothing_matches_no_metric() -> None:
    assert not matches(extent(None, [(0, 1)], frozenset()), Purge(metric="up"))


def test_who_named_no_tenant_is_of_no_tenant() -> None:
    anonymous = extent(None, [(0, 1)], None)
    assert not matches(anonymous, Purge(NAMES, tenant=("thanos-tenant", "team-a")))


@pytest.mark.parametrize(
    ("purge", "expected"),
    [
        (Purge(NAMES, tenant=("thanos-tenant", "team-a")), True),
        (Purge(NAMES, tenant=("thanos-tenant", "team-b")), False),
        (Purge(NAMES, tenant=("authorization", "Bearer a")), True),
        (Purge(NAMES, tenant=("authorization", "Bearer b")), False),
        (Purge(reads=(0, 99)), False),
        (Purge(reads=(0, 100)), True),
        (Purge(metric="up"), True),
        (Purge(metric="down"), False),
    ],
    ids=str,
)
def test_raw_samples_are_purged_by_the_same_members(purge: Purge, expected: bool) -> None:
    headers = [("Authorization", "Bearer a"), ("THANOS-TENANT", "team-a")]
    key = samples_key(vary_fields(headers, NAMES), ["range", "grpc", "up"])
    piece = dataclasses.replace(kept(piece_of({}, Grid(0, 1000, 1))), reads=(100, 200))
    assert matches(Extent(key.full, frozenset({"up"}), (piece,)), purge) is expected

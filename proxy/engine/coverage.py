"""Which times of an expression are held in memory: a look at all extents, a few at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from proxy.plan.cache_key import RangeKeyFields, mark_of, range_fields
from proxy.plan.coverage import Coverage, CoverageRow, covered_runs, cut
from proxy.plan.expression import understand

if TYPE_CHECKING:
    from proxy.engine.ports import Clock, ExtentStore
    from proxy.model.extent import AnyPiece, Kept
    from proxy.model.query import RangeQuery
    from proxy.plan.holes import StoreWatch

_AT_ONCE = 2_000
"""Extents that are looked at before others have a turn."""
_JUDGED_AT_ONCE = 500
"""Pieces, likewise: to judge one takes longer."""
_SHOWN = frozenset(
    (
        "dedup",
        "engine",
        "lookback_delta",
        "max_source_resolution",
        "partial_response",
        "replicaLabels[]",
    )
)
"""Parameters whose values are shown; any other may be the secret of one who sends the same headers."""
_MOST_ROWS = 50
_MOST_RUNS = 2_000


class Wanted(NamedTuple):
    """query: its times bound what is shown. step_ms: None for every step. caller: who asks."""

    query: RangeQuery
    step_ms: int | None
    caller: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CoverageView:
    """Looks at kept range queries without using them.

    vary_names, secret: as `engine.explain.Explainer` has them. shows_others: rows of other callers too.
    """

    store: ExtentStore
    watch: StoreWatch
    clock: Clock
    vary_names: tuple[str, ...]
    secret: bytes
    shows_others: bool

    async def of(self, wanted: Wanted) -> Coverage:
        """What is held; the caller's own rows come first."""
        query = wanted.query
        expression = understand(query)
        if isinstance(expression, str):
            return Coverage(query.start_ms, query.end_ms, whole=expression)
        rows = await self._rows(wanted, await self._held(wanted, expression.normal))
        rows.sort(key=lambda row: (not row.is_own, row.step_ms, row.phase_ms, row.caller))
        found = Coverage(query.start_ms, query.end_ms, expression.normal, rows=tuple(rows))
        return cut(found, _MOST_ROWS, _MOST_RUNS)

    async def _held(self, wanted: Wanted, expr: str) -> dict[RangeKeyFields, list[Kept[AnyPiece]]]:
        known: dict[bytes, RangeKeyFields | None] = {}
        held: dict[RangeKeyFields, list[Kept[AnyPiece]]] = {}
        for number, extent in enumerate(self.store.extents(), 1):
            if extent.full_key not in known:
                known[extent.full_key] = self._fitting(wanted, expr, extent.full_key)
            if fields := known[extent.full_key]:
                held.setdefault(fields, []).extend(extent.kept)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return held

    async def _rows(
        self, wanted: Wanted, held: dict[RangeKeyFields, list[Kept[AnyPiece]]]
    ) -> list[CoverageRow]:
        rows = []
        room = _JUDGED_AT_ONCE
        for fields, kept in held.items():
            if (row := self._row(wanted, fields, kept)).runs:
                rows.append(row)
            room -= len(kept)
            if room <= 0:
                await asyncio.sleep(0)
                room = _JUDGED_AT_ONCE
        return rows

    def _fitting(self, wanted: Wanted, expr: str, full_key: bytes) -> RangeKeyFields | None:
        """The fields of a key that is wanted, and that the caller may know of."""
        if expr.encode("utf-8", "surrogatepass") not in full_key:
            return None  # most are others', and need not be taken apart
        fields = range_fields(full_key, len(self.vary_names))
        if fields is None or fields.expr != expr or wanted.step_ms not in {None, fields.step_ms}:
            return None
        return fields if self.shows_others or fields.caller == wanted.caller else None

    def _row(self, wanted: Wanted, fields: RangeKeyFields, kept: list[Kept[AnyPiece]]) -> CoverageRow:
        times = wanted.query.start_ms, wanted.query.end_ms
        return CoverageRow(
            step_ms=fields.step_ms,
            phase_ms=fields.phase_ms,
            caller=self._name(fields.caller),
            is_own=fields.caller == wanted.caller,
            parameters=tuple(self._shown(*field) for field in fields.form),
            runs=tuple(covered_runs(kept, times, self.watch, self.clock.monotonic_ms())),
        )

    def _shown(self, name: str, value: str) -> tuple[str, str]:
        return name, value if name in _SHOWN else f"hashed: {mark_of([value], self.secret)}"

    def _name(self, caller: tuple[str, ...]) -> str:
        """Headers by name, their values as one mark."""
        sent = [name for name, value in zip(self.vary_names, caller, strict=True) if value]
        return f"{', '.join(sent)} {mark_of(caller, self.secret)}" if sent else "without headers"

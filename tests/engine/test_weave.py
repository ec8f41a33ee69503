"""Parts that follow each other, woven into one answer."""

from __future__ import annotations

from proxy.engine.weave import Part, woven
from proxy.plan.partition import Run
from tests.sample_batches import batch_of, samples_of

EARLY = {"a": [(0, 1.0), (5, 2.0)], "c": [(9, 3.0)]}
LATE = {"a": [(10, 4.0), (15, 5.0)], "b": [(12, 6.0)]}


class Inline:
    """Does the work where it is."""

    async def run(self, work, argument, size_bytes):  # type: ignore[no-untyped-def]
        return work(argument)


async def test_series_of_all_parts_are_united_and_edges_are_cut() -> None:
    parts = [
        Part(Run(0, 10), batch_of(EARLY), is_exact=True),
        Part(Run(10, 13), batch_of(LATE), is_exact=False),
    ]
    found = {}
    async for batch in woven(parts, Inline()):
        found.update(samples_of(batch))
    assert found == {"a": [(0, 1.0), (5, 2.0), (10, 4.0)], "b": [(12, 6.0)], "c": [(9, 3.0)]}


async def test_without_parts_there_is_one_batch_without_series() -> None:
    assert [len(batch) async for batch in woven([], Inline())] == [0]

"""The story of a range query: plan, fetch side by side, join."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.codec.labels_json import sort_key
from proxy.codec.matrix_json import scan_matrix
from proxy.codec.params import encode_range_form
from proxy.codec.tail_json import merge_stats
from proxy.engine.fan_out import fan_out
from proxy.engine.ports import Threads, Upstream
from proxy.errors import NotSplittableError, UpstreamAnswerError
from proxy.merge.matrices import JoinedMatrix, join_matrices
from proxy.model.grid import Grid
from proxy.model.matrix import EncodedMatrix
from proxy.model.query import CallerHeaders, RangeQuery
from proxy.plan.range_plan import RangePlan, SplitPolicy, plan_range


@dataclass(frozen=True, slots=True)
class RangeAnswer:
    """A joined matrix and whether the upstream forbade keeping any part of it."""

    matrix: JoinedMatrix
    no_store: bool


class RangeQueries:
    """Answers range queries from splits of time."""

    def __init__(
        self, upstream: Upstream, threads: Threads, policy: SplitPolicy, parallelism: int
    ) -> None:
        self._upstream = upstream
        self._threads = threads
        self._policy = policy
        self._parallelism = parallelism

    def plan(self, query: RangeQuery) -> RangePlan:
        return plan_range(query, self._policy)

    async def run(self, plan: RangePlan, caller: CallerHeaders) -> RangeAnswer:
        """The answer, joined from the plan's splits.

        Raises:
            NotSplittableError: only the whole query, asked as it came, gives the exact answer.
            QueryError: a split failed; the others are cancelled.
        """

        async def fetch(grid: Grid) -> tuple[EncodedMatrix, bool]:
            form = encode_range_form(plan.query, plan.expr, grid)
            answer = await self._upstream.query_range(form, caller)
            matrix = await self._threads.run(scan_matrix, answer.body, len(answer.body))
            return matrix, answer.no_store

        try:
            fetched = await fan_out(fetch, plan.splits, self._parallelism)
        except UpstreamAnswerError as error:
            _refuse_shifted_text(plan, error.answer_status == 400)
            raise
        joined = join_matrices([matrix for matrix, _ in fetched], sort_key, merge_stats)
        _refuse_shifted_text(plan, bool(joined.tail.notes))
        return RangeAnswer(joined, any(no_store for _, no_store in fetched))


def _refuse_shifted_text(plan: RangePlan, speaks_of_positions: bool) -> None:
    """Warnings and parse errors name positions in the text; a frozen text has moved them."""
    if plan.frozen and speaks_of_positions:
        raise NotSplittableError(
            "a message speaks of positions in a text that was made constant"
        )

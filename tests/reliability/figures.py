"""What clients saw, as numbers."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from typing import TYPE_CHECKING

from benchmarks.quantiles import percentile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.reliability.load import Seen
    from tests.reliability.scenario import Run

SLOW_FACTOR = 3.0
"""Healthy is who answers within so many times the p99 of before."""
STORE_GRACE_S = 4.0
"""Two looks at the stores, each two seconds after the one before."""


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """One row of the table.

    Attributes:
        fault, upstreams: which scenario.
        requests: how many were sent.
        failed: by what the client saw, such as `502 unavailable`.
        longest_failure_s: from the first failure of the longest run to its last.
        median_before_s, p99_before_s: until the fault.
        p99_first_s: of what was sent in the fault's first second.
        p99_after_s: of what was sent later.
        healthy_after_s: from the fault's beginning until nothing fails or is slow any more; None when
            that was not so before the end.
        warned: answers of 200 that carry warnings.
        stale: answers that `X-Thanoxy-Cache` calls so.
        holes: answers without what the store would have had, while Thanos's own had such holes.
        wrong: other answers that are not Thanos's, without a warning.
        not_right_again: answers that are not Thanos's after the load, when everything works again.
    """

    fault: str
    upstreams: int
    requests: int
    failed: dict[str, int]
    longest_failure_s: float
    median_before_s: float
    p99_before_s: float
    p99_first_s: float
    p99_after_s: float
    healthy_after_s: float | None
    warned: int
    stale: int
    holes: int
    wrong: int
    not_right_again: int

    @property
    def slowdown(self) -> float:
        """The p99 after the first second, in times of that before."""
        return self.p99_after_s / self.p99_before_s

    @property
    def meets_the_mark(self) -> bool:
        """What is promised where only one of several upstreams fails."""
        is_whole = not self.failed and not self.wrong and not self.not_right_again
        return is_whole and self.slowdown < SLOW_FACTOR


def figures(run: Run) -> Figures:
    before = [one for one in run.seen if one.sent_s < run.fault_s]
    since = [one for one in run.seen if one.sent_s >= run.fault_s]
    first = [one for one in since if one.sent_s < run.fault_s + 1]
    after = [one for one in since if one.sent_s >= run.fault_s + 1]
    p99_before_s = p99_s(before)
    holes = [one for one in run.seen if one.is_wrong and is_hole(one, run)]
    return Figures(
        fault=run.fault,
        upstreams=run.upstreams,
        requests=len(run.seen),
        failed=failures(run.seen),
        longest_failure_s=longest_failure_s(run.seen),
        median_before_s=percentile([one.took_s for one in before], 50),
        p99_before_s=p99_before_s,
        p99_first_s=p99_s(first),
        p99_after_s=p99_s(after),
        healthy_after_s=healthy_after_s(since, run.fault_s, SLOW_FACTOR * p99_before_s),
        warned=sum(one.status == 200 and one.is_warned for one in run.seen),
        stale=sum("stale" in one.cache for one in run.seen),
        holes=len(holes),
        wrong=sum(one.is_wrong for one in run.seen) - len(holes),
        not_right_again=sum(not one.is_right for one in run.again),
    )


def p99_s(seen: Sequence[Seen]) -> float:
    """Of all, failed or not: a failure that took long has cost its client that time."""
    return percentile([one.took_s for one in seen], 99)


def failures(seen: Sequence[Seen]) -> dict[str, int]:
    """How often each kind was seen, the most frequent first."""
    kinds = (f"{one.status or 'no answer'} {one.error}".strip() for one in seen if one.is_failed)
    return dict(collections.Counter(kinds).most_common())


def longest_failure_s(seen: Sequence[Seen]) -> float:
    """From its first failure to its last; 0 without failures. What is always kept breaks no run."""
    longest_s = 0.0
    asked = [one for one in seen if one.kind != "same"]
    for is_failed, run in itertools.groupby(asked, lambda one: one.is_failed):
        if is_failed:
            members = list(run)
            longest_s = max(longest_s, members[-1].sent_s - members[0].sent_s)
    return longest_s


def healthy_after_s(since: Sequence[Seen], fault_s: float, slow_s: float) -> float | None:
    """0 when nothing was bad; None when something in the last second still was."""
    bad = [one.sent_s for one in since if one.is_failed or one.took_s > slow_s]
    if not bad:
        return 0.0
    if bad[-1] > since[-1].sent_s - 1:
        return None
    return bad[-1] - fault_s


def is_hole(one: Seen, run: Run) -> bool:
    """Answered while the store was away, or just after."""
    if run.whole_s is None:
        return False
    answered_s = one.sent_s + one.took_s
    return run.fault_s <= answered_s and one.sent_s < run.whole_s + STORE_GRACE_S

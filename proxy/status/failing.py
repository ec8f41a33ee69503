"""Which expressions fail again and again: one panel that nobody can answer may trouble all. Pure."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from proxy.status.snapshot import FailingQuery

_LATELY_MS = 300_000
"""A dashboard is mostly asked for once a minute."""
_REMEMBERED = 20
"""Failures of one expression."""
_LONGEST_EXPRESSION = 500
_LONGEST_REASON = 200
_SHOWN = 10
_MOURNED_MS = 600_000
"""For how long an expression is named that ran when a process died."""


@dataclass(slots=True)
class _Failures:
    at_ms: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    expr: str = ""
    reason: str = ""
    dashboard: str = ""
    tenant: str = ""
    died_ms: int | None = None

    def shown(self, now_ms: int) -> FailingQuery | None:
        """None when it is well again."""
        count = sum(now_ms - at_ms < _LATELY_MS for at_ms in self.at_ms)
        has_killed = self.died_ms is not None and now_ms - self.died_ms < _MOURNED_MS
        if not count and not has_killed:
            return None
        last_ms = max([*self.at_ms, self.died_ms or 0])
        who = (self.dashboard, self.tenant)
        return FailingQuery(self.expr, count, self.reason, *who, last_ms, has_killed)


class FailingQueries:
    """The expressions that failed last; of too many, those that did so longest ago are forgotten."""

    def __init__(self, most: int = 500) -> None:
        self._most = most
        self._failures: OrderedDict[int, _Failures] = OrderedDict()

    def failed(self, expr: str, reason: str, dashboard: str, tenant: str, now_ms: int) -> None:
        """A request with this expression has failed: a timeout, a limit, an error of the upstream."""
        self._of(expr, reason, dashboard, tenant).at_ms.append(now_ms)

    def died(self, expr: str, dashboard: str, tenant: str, now_ms: int) -> None:
        """A process has died while it ran."""
        self._of(expr, "died", dashboard, tenant).died_ms = now_ms

    def _of(self, expr: str, reason: str, dashboard: str, tenant: str) -> _Failures:
        key = hash(expr)
        found = self._failures.setdefault(key, _Failures())
        self._failures.move_to_end(key)
        if len(self._failures) > self._most:
            self._failures.popitem(last=False)
        found.expr, found.reason = expr[:_LONGEST_EXPRESSION], reason[:_LONGEST_REASON]
        found.dashboard, found.tenant = dashboard, tenant
        return found

    def lately(self, now_ms: int) -> tuple[FailingQuery, ...]:
        """Those of the last five minutes, the worst first."""
        shown = [one.shown(now_ms) for one in self._failures.values()]
        found = [one for one in shown if one is not None]
        found.sort(key=lambda one: (not one.has_killed, -one.failures, -one.last_ms))
        return tuple(found[:_SHOWN])

"""What a query may cost at most, by tenant. Each refusal names the limit, its value and its setting.

0 is no limit everywhere. What can be known before anything is fetched is refused before that; what
comes back is counted as it comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.errors import LimitError, TooLargeError
from proxy.plan.blocked import BlockedRule, Blocking, Question, texts_of
from proxy.plan.range_plan import count_splits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.model.query import Form, RangeQuery
    from proxy.plan.range_plan import SplitPolicy

FLAGS = {
    "max_query_bytes": "--limits.max-query-bytes",
    "max_query_length_ms": "--query-range.max-query-length",
    "max_query_lookback_ms": "--limits.max-query-lookback",
    "max_query_steps": "--limits.max-query-steps",
    "max_query_splits": "--limits.max-query-splits",
    "max_query_upstream_bytes": "--limits.max-query-upstream-bytes",
    "max_query_samples": "--limits.max-query-samples",
    "max_query_response_bytes": "--limits.max-query-response-bytes",
    "max_tenant_concurrent": "--limits.max-concurrent-per-tenant",
}
"""The limits, and the flags that set them where the file says nothing."""

_RANGE_LIMITS = (
    "max_query_length_ms",
    "max_query_lookback_ms",
    "max_query_steps",
    "max_query_splits",
)
_ASK_FOR_LESS = "ask for fewer series, a shorter range or a longer step"


@dataclass(frozen=True, slots=True)
class Limits:
    """One tenant's. bytes, steps, splits, samples: of one query. length and lookback: in time.

    max_tenant_concurrent: its requests to the upstream at once, see `engine.gate`.
    """

    max_query_bytes: int = 0
    max_query_length_ms: int = 0
    max_query_lookback_ms: int = 0
    max_query_steps: int = 0
    max_query_splits: int = 0
    max_query_upstream_bytes: int = 0
    max_query_samples: int = 0
    max_query_response_bytes: int = 0
    max_tenant_concurrent: int = 0

    @property
    def judges_range(self) -> bool:
        """Whether it matters which times are asked."""
        return any(getattr(self, name) for name in _RANGE_LIMITS)


@dataclass(frozen=True, slots=True)
class LimitsTable:
    """All limits and blocked queries that are in force.

    judges_questions: False when no question can be refused for what it is, whoever asks.

    Raises:
        ValueError: a pattern of a rule is no regular expression.
    """

    default: Limits = field(default_factory=Limits)
    tenants: Mapping[str, Limits] = field(default_factory=dict)
    blocked: tuple[BlockedRule, ...] = ()
    blocking: Blocking = field(init=False, compare=False, repr=False)
    judges_questions: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        all_limits = (self.default, *self.tenants.values())
        judges = any(limits.max_query_bytes or limits.judges_range for limits in all_limits)
        object.__setattr__(self, "blocking", Blocking(self.blocked))
        object.__setattr__(self, "judges_questions", judges or bool(self.blocked))

    def of(self, tenant: str) -> Limits:
        return self.tenants.get(tenant, self.default)


def member_of(limit: str) -> str:
    """How a limit is called in the file: as its flag is."""
    return FLAGS[limit].rpartition(".")[2].replace("-", "_")


def check_question(question: Question, table: LimitsTable) -> None:
    """Refuse what is blocked, or has too long a text. For every request, kept answer or not.

    Raises:
        TooLargeError: the text is too long.
        LimitError: it is blocked, or cannot be read and judged.
    """
    limits = table.of(question.tenant)
    if question.form is None:
        _check_unread(limits)
    elif limits.max_query_bytes:
        _check_texts(question.form, limits.max_query_bytes)
    if table.blocked:
        table.blocking.check(question)


def check_query(query: RangeQuery, policy: SplitPolicy, limits: Limits, now_ms: int) -> None:
    """Refuse a range query that asks for too much.

    Raises:
        LimitError: it does.
    """
    check_window(query.start_ms, query.end_ms, limits, now_ms)
    most = limits.max_query_steps
    if most and (steps := (query.end_ms - query.start_ms) // query.step_ms + 1) > most:
        raise LimitError(
            f"the query has {steps} steps, {_over('max_query_steps', most)}: ask with a longer step"
            " or a shorter range",
            "max_query_steps",
        )
    most = limits.max_query_splits
    if most and (splits := count_splits(query, policy)) > most:
        raise LimitError(
            f"the query would be cut into {splits} splits, {_over('max_query_splits', most)}: ask for"
            " a shorter range",
            "max_query_splits",
        )


def check_window(start_ms: int | None, end_ms: int | None, limits: Limits, now_ms: int) -> None:
    """Refuse times that lie too far apart, or too far back; None: not given.

    Raises:
        LimitError: they do.
    """
    if start_ms is None:
        return
    most_ms = limits.max_query_lookback_ms
    if 0 < most_ms < now_ms - start_ms:
        raise LimitError(
            f"the query begins {_seconds(now_ms - start_ms)} before now,"
            f" {_over('max_query_lookback_ms', _seconds(most_ms))}: let it begin later",
            "max_query_lookback_ms",
        )
    most_ms = limits.max_query_length_ms
    if end_ms is not None and 0 < most_ms < end_ms - start_ms:
        raise LimitError(
            f"the query's range is {_seconds(end_ms - start_ms)} long,"
            f" {_over('max_query_length_ms', _seconds(most_ms))}: ask for a shorter range",
            "max_query_length_ms",
        )


def check_unread_times(limits: Limits) -> None:
    """Refuse a query whose times only Thanos can read, if it matters which they are.

    Raises:
        LimitError: it does.
    """
    if limits.judges_range:
        raise LimitError(
            f"{_flags_in_force(limits, *_RANGE_LIMITS)} cannot be checked, because the query's times,"
            " step or timeout are missing, not valid, finer than a millisecond, or make more than"
            " 11,000 points: write them as seconds with at most three decimals",
            "unread_times",
        )


def check_upstream_bytes(so_far: int, limits: Limits) -> None:
    """Refuse to fetch on, by the bytes that all splits of a query have brought.

    Raises:
        LimitError: they are too many.
    """
    most = limits.max_query_upstream_bytes
    if 0 < most < so_far:
        raise LimitError(
            f"the query fetched {so_far} bytes from the upstream,"
            f" {_over('max_query_upstream_bytes', most)}: {_ASK_FOR_LESS}",
            "max_query_upstream_bytes",
        )


def check_samples(samples: int, limits: Limits) -> None:
    """Refuse an answer by its number of samples; a native histogram is one.

    Raises:
        LimitError: they are too many.
    """
    most = limits.max_query_samples
    if 0 < most < samples:
        raise LimitError(
            f"the answer has {samples} samples, {_over('max_query_samples', most)}: {_ASK_FOR_LESS}",
            "max_query_samples",
        )


def check_response_bytes(size: int, limits: Limits) -> None:
    """Refuse an answer by the length of its body before compression.

    Raises:
        LimitError: it is too long.
    """
    most = limits.max_query_response_bytes
    if 0 < most < size:
        raise LimitError(
            f"the answer has {size} bytes, {_over('max_query_response_bytes', most)}: {_ASK_FOR_LESS}",
            "max_query_response_bytes",
        )


def _check_texts(form: Form, most: int) -> None:
    for text in texts_of(form):
        if len(text) * 4 <= most:  # no character takes more in UTF-8
            continue
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > most:
            raise TooLargeError(
                f"the query's text has {size} bytes, {_over('max_query_bytes', most)}: send a shorter"
                " text",
                "max_query_bytes",
            )


def _check_unread(limits: Limits) -> None:
    if limits.max_query_bytes or limits.judges_range:
        flags = _flags_in_force(limits, "max_query_bytes", *_RANGE_LIMITS)
        raise LimitError(
            f"the request's parameters cannot be read here, so {flags} cannot be checked: send them to"
            " the plain path, in the URL or as a form of at most --http.max-form-bytes",
            "unread",
        )


def _over(limit: str, value: object) -> str:
    return f"more than {value} ({FLAGS[limit]}, or {member_of(limit)} in --limits.config-file)"


def _flags_in_force(limits: Limits, *names: str) -> str:
    return ", ".join(FLAGS[name] for name in names if getattr(limits, name))


def _seconds(time_ms: int) -> str:
    return f"{time_ms / 1000:.15g}s"

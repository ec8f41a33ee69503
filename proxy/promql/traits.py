"""What an expression reads and when, from promql-parser's tree.

It decides whether and how long a result may be kept, and which stores its data comes from.

A step at time t reads every selector at `t - offset`, or in the range before that. Offsets and
ranges of the subqueries around a selector add up (`subqueryTimes` in Prometheus's
`promql/engine.go`), until an `@` on the way makes the time absolute: then nothing outside of it
counts. `@` and `offset` mean the same in whichever order they are written.

promql-parser 0.12 is not asked for everything. It panics when it is asked for an `@` before
1970, so these times come from the tokens; and where the tokens and the tree do not agree on the
modifiers of a text, the text counts as not understood.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import promql_parser as promql

from proxy.promql.durations import DurationError
from proxy.promql.lexer import LexError, Token, tokenize
from proxy.promql.modifiers import at_times, is_offset
from proxy.promql.nesting import is_parsable

if TYPE_CHECKING:
    from collections.abc import Sequence

_RANGE_FUNCTIONS = frozenset({"start", "end", "step", "range"})
_READS_OTHER_METRICS = "info"  # by default `target_info`; a second argument can say others

_NAME = "__name__"
_MICROSECOND = timedelta(microseconds=1)

_Span = tuple[int, int]
"""The earliest and the latest time read, in microseconds."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What is known of an expression. No time includes the lookback delta.

    Attributes:
        look_ahead_ms: how far after its own time a step reads; 0 for most expressions. A step t
            is settled when `t + look_ahead_ms` is, and every one of `at_times_ms`.
        look_behind_ms: how far before its own time a step reads.
        at_spans_ms: absolute times that every step reads, each as the earliest and the latest
            (Unix milliseconds), with ranges and offsets taken into account; sorted.
        has_range_dependent: something depends on the range of the whole query (`@ start()`,
            `step()`): it must not be split, and `at_spans_ms` is not complete.
        metric_names: what the selectors name, empty when nothing is read, None when one of them
            may read any metric.
    """

    look_ahead_ms: int
    look_behind_ms: int
    at_spans_ms: tuple[tuple[int, int], ...]
    has_range_dependent: bool
    metric_names: frozenset[str] | None

    @property
    def at_times_ms(self) -> tuple[int, ...]:
        """The latest time of each of `at_spans_ms`."""
        return tuple(latest for _, latest in self.at_spans_ms)


class _UnknownError(Exception):
    """The tree holds something whose meaning is not known here."""


def analyse(expr: str) -> Traits | None:
    """The traits of an expression; None when it is not understood: pass it on, keep nothing.

    Ask it of the text that `freeze` returned.
    """
    try:
        tokens = tokenize(expr)
        if not is_parsable(tokens):
            return None
        reader = _Reader(list(at_times(tokens)))
        span = reader.visit(_parsed(expr))
        reader.compare(tokens)
    except (LexError, DurationError, _UnknownError, ValueError, OverflowError):
        return None
    return _traits(reader, span or (0, 0))


def _parsed(expr: str) -> promql.Expr:
    """The tree of an expression.

    Raises:
        ValueError: it is not PromQL to the parser.
    """
    try:
        return promql.parse(expr)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # Rust's; it has no name to import
            raise
        raise ValueError(str(error)) from error


def _traits(reader: _Reader, span: _Span) -> Traits:
    earliest_ms, latest_ms = _to_ms(span)
    return Traits(
        look_ahead_ms=max(0, latest_ms),
        look_behind_ms=max(0, -earliest_ms),
        at_spans_ms=tuple(sorted({_to_ms(absolute) for absolute in reader.absolute})),
        has_range_dependent=reader.has_range_dependent,
        metric_names=None if reader.has_unnamed else frozenset(reader.names),
    )


def _to_ms(span: _Span) -> tuple[int, int]:
    """Microseconds to milliseconds, outwards."""
    earliest, latest = span
    return earliest // 1000, -(-latest // 1000)


def _microseconds(duration: timedelta | None) -> int:
    return 0 if duration is None else duration // _MICROSECOND


class _Reader:
    """Walks a tree from the leaves up, in the order of the text.

    `visit` returns what a subtree reads relative to the time that it is evaluated at, None for
    nothing; what it reads at absolute times is gathered in `absolute`.
    """

    def __init__(self, at_times_ms: list[int | None]) -> None:
        self.absolute: set[_Span] = set()
        self.names: set[str] = set()
        self.has_unnamed = False
        self.has_range_dependent = False
        self._ats = at_times_ms[::-1]
        self._offsets = 0

    def compare(self, tokens: Sequence[Token]) -> None:
        """See to it that every modifier of the text was met in the tree, and no other."""
        offsets = sum(
            is_offset(tokens, index)
            for index, token in enumerate(tokens)
            if token.text.lower() == "offset"
        )
        if self._ats or self._offsets != offsets:
            raise _UnknownError

    def visit(self, node: promql.Expr) -> _Span | None:
        if isinstance(node, promql.VectorSelector):
            return self._selector(node, 0)
        if isinstance(node, promql.MatrixSelector):
            return self._selector(node.vector_selector, _microseconds(node.range))
        if isinstance(node, promql.SubqueryExpr):
            return self._subquery(node)
        if isinstance(node, promql.Call):
            self._note_function(node.func.name)
        return self._hull(_operands(node))

    def _hull(self, nodes: Sequence[promql.Expr]) -> _Span | None:
        spans = [span for node in nodes if (span := self.visit(node))]
        if not spans:
            return None
        return min(earliest for earliest, _ in spans), max(latest for _, latest in spans)

    def _note_function(self, name: str) -> None:
        if name in _RANGE_FUNCTIONS:
            self.has_range_dependent = True
        elif name == _READS_OTHER_METRICS:
            self.has_unnamed = True

    def _selector(self, selector: promql.VectorSelector, reach: int) -> _Span | None:
        self._note_names(selector)
        return self._modified((-reach, 0), selector.offset, selector.at)

    def _note_names(self, selector: promql.VectorSelector) -> None:
        if selector.matchers.or_matchers:  # `{a="b" or c="d"}` is not Prometheus's language
            raise _UnknownError
        names = [
            matcher.value
            for matcher in selector.matchers.matchers
            if matcher.name == _NAME and matcher.op == promql.MatchOp.Equal
        ]
        if selector.name is not None:
            names.append(selector.name)
        self.names.update(names)
        self.has_unnamed = self.has_unnamed or not names

    def _subquery(self, node: promql.SubqueryExpr) -> _Span | None:
        inner = self.visit(node.expr)
        if inner is not None:
            inner = inner[0] - _microseconds(node.range), inner[1]
        return self._modified(inner, node.offset, node.at)

    def _modified(
        self, span: _Span | None, offset: timedelta | None, at: promql.AtModifier | None
    ) -> _Span | None:
        """A span after `offset` and `@`: absolute ones are noted and gone."""
        self._offsets += offset is not None
        time_ms = None if at is None else self._at_time_ms(at)
        if span is None:
            return None
        earliest, latest = span
        shift = -_microseconds(offset)
        if at is None:
            return earliest + shift, latest + shift
        if time_ms is not None:
            # `timestamp(x @ t offset d)` reads at t, whatever the offset (promql/engine.go).
            time = time_ms * 1000
            self.absolute.add((time + earliest + min(shift, 0), time + latest + max(shift, 0)))
        return None

    def _at_time_ms(self, at: promql.AtModifier) -> int | None:
        """The time of the next `@` of the text, which must be of the same kind."""
        time_ms = self._ats.pop() if self._ats else None
        if (time_ms is None) != (at.type != promql.AtModifierType.At):
            raise _UnknownError
        self.has_range_dependent = self.has_range_dependent or time_ms is None
        return time_ms


def _operands(node: promql.Expr) -> Sequence[promql.Expr]:
    """What an expression computes with, in the order of the text."""
    match node:
        case promql.Call():
            return node.args
        case promql.AggregateExpr():
            return [node.expr] if node.param is None else [node.param, node.expr]
        case promql.BinaryExpr():
            return [node.lhs, node.rhs]
        case promql.ParenExpr() | promql.UnaryExpr():
            return [node.expr]
        case promql.NumberLiteral() | promql.StringLiteral():
            return []
        case _:
            raise _UnknownError

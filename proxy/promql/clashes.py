"""Whether Prometheus may refuse a whole range that it would answer in parts.

A function over a range drops the metric's name, and then no two series of the *whole* result may
have the same labels: "vector cannot contain metrics with the same labelset" (`promql/engine.go`,
`ContainsSameLabelset` at the end of such calls), even when one ends days before the other begins.
A part of the range may hold only one of the two. Operators and other functions are not that
strict: there, such series become one.

Series can clash only when they differ in nothing but their names. So the question is whether
more than one name can reach a function over a range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import promql_parser as promql

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = "__name__"
_DROPPED = frozenset({""})
_ANY = frozenset({"one", "another"})
"""Stands for all sets of names that are not known: it has more than one."""

_SCALAR: frozenset[str] = frozenset()
_SCALAR_FUNCTIONS = frozenset({"scalar", "time", "pi"})
_KEEP_NAMES = frozenset({"last_over_time", "first_over_time", "sort", "sort_desc"})
_NEVER_CLASH = _KEEP_NAMES | {"absent_over_time"}
_WRITE_LABELS = frozenset({"label_replace", "label_join"})
_KEEP_SERIES = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
_COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})

_Names = frozenset[str]
"""The names that series may have; "" for those that have lost theirs. A scalar has none."""


def may_clash(expr: str) -> bool:
    """Whether series of different names may reach one function over a range.

    Args:
        expr: a text that `traits.analyse` understands.
    """
    reader = _Reader()
    reader.visit(promql.parse(expr))
    return reader.may_clash


class _Reader:
    """Walks a tree from the leaves up; `visit` returns the names that a subtree's series have."""

    def __init__(self) -> None:
        self.may_clash = False

    def visit(self, node: promql.Expr) -> _Names:
        if isinstance(node, promql.ParenExpr | promql.SubqueryExpr):
            return self.visit(node.expr)
        if isinstance(node, promql.Call):
            return self._call(node)
        if isinstance(node, promql.BinaryExpr):
            return self._binary(node)
        if isinstance(node, promql.AggregateExpr | promql.UnaryExpr):
            return self._folded(node)
        return _selected(node)

    def _call(self, node: promql.Call) -> _Names:
        names = [self.visit(arg) for arg in node.args]
        function = node.func.name
        if function in _WRITE_LABELS:
            return _ANY if _writes_name(node.args) else names[0]
        for arg, own in zip(node.args, names, strict=True):
            if _is_range(arg) and len(own) > 1 and function not in _NEVER_CLASH:
                self.may_clash = True
        if function in _KEEP_NAMES:
            return names[0]
        return _SCALAR if function in _SCALAR_FUNCTIONS else _DROPPED

    def _folded(self, node: promql.AggregateExpr | promql.UnaryExpr) -> _Names:
        names = self.visit(node.expr)
        if isinstance(node, promql.UnaryExpr):
            return _DROPPED if names else _SCALAR
        if node.param is not None:
            self.visit(node.param)
        return names if str(node.op) in _KEEP_SERIES or _is_by_name(node) else _DROPPED

    def _binary(self, node: promql.BinaryExpr) -> _Names:
        left, right = self.visit(node.lhs), self.visit(node.rhs)
        operator = str(node.op)
        modifier = node.modifier
        if operator == "or":
            return left | right
        if operator in {"and", "unless"}:
            return left
        if operator in _COMPARISONS and not (modifier and modifier.return_bool):
            is_swapped = modifier and modifier.card == promql.VectorMatchCardinality.OneToMany
            return right if is_swapped or not left else left
        return _DROPPED if left or right else _SCALAR


def _selected(node: promql.Expr) -> _Names:
    """The names of a selector, none of a literal."""
    selector = node.vector_selector if isinstance(node, promql.MatrixSelector) else node
    if not isinstance(selector, promql.VectorSelector):
        return _SCALAR
    if selector.name is not None:
        return frozenset({selector.name})
    matchers = selector.matchers.matchers
    fixed = [m.value for m in matchers if m.name == _NAME and m.op == promql.MatchOp.Equal]
    return frozenset(fixed[:1]) or _ANY


def _is_by_name(node: promql.AggregateExpr) -> bool:
    modifier = node.modifier
    if modifier is None or modifier.type != promql.AggModifierType.By:
        return False
    return _NAME in modifier.labels


def _is_range(node: promql.Expr) -> bool:
    while isinstance(node, promql.ParenExpr):
        node = node.expr
    return isinstance(node, promql.MatrixSelector | promql.SubqueryExpr)


def _writes_name(args: Sequence[promql.Expr]) -> bool:
    """Whether the label that is written, the second argument, is or may be the name."""
    target = args[1]
    return not isinstance(target, promql.StringLiteral) or target.val == _NAME

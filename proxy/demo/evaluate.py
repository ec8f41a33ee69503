"""PromQL over the synthetic series: one call for each node of the parser's tree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import promql_parser as promql

from proxy.demo import functions
from proxy.demo.operators import (
    ARITHMETIC,
    COMPARISON,
    Operator,
    aggregate,
    combine,
    sort_by_value,
)
from proxy.demo.selectors import (
    WindowFunction,
    instant_vector,
    over_windows,
    raw_samples,
    select,
)
from proxy.demo.vectors import (
    ExecutionError,
    Result,
    Scalar,
    UnsupportedError,
    Vector,
    only,
    without,
)
from proxy.demo.windows import WINDOW_FUNCTIONS, quantile_over_time
from proxy.errors import BadDataError
from proxy.promql.lexer import LexError, tokenize

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.demo.series import Flags, Times, Values

MAX_TOKENS = 1_000
AT_TIME = re.compile(r"} @ (?:(start|end)\(\)|(\d+)\.(\d{3}))(?: offset \S+)?$")


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The times of a query in milliseconds, and its end, which need not be one of them."""

    times_ms: Times
    end_ms: int


def parse(text: str) -> promql.Expr:
    """Parse an expression.

    Raises:
        BadDataError: it is not PromQL.
        UnsupportedError: it is so long that the parser's recursion could end the process.
    """
    try:
        length = len(tokenize(text))
    except LexError:
        length = len(text)
    if length > MAX_TOKENS:
        raise UnsupportedError(f"an expression of more than {MAX_TOKENS} tokens")
    try:
        return promql.parse(text)
    except ValueError as error:
        raise BadDataError(f"parse error: {error}") from error


def evaluate(expr: promql.Expr, steps: Steps) -> Result:
    """The value of an expression at every step.

    Raises:
        UnsupportedError: it uses what the demo does not evaluate.
        ExecutionError: it has no value.
    """
    with np.errstate(all="ignore"):
        try:
            return value_of(expr, steps)
        except RecursionError as error:
            raise UnsupportedError("an expression nested this deeply") from error


def samples(expr: promql.MatrixSelector, steps: Steps) -> tuple[Times, Vector]:
    """The samples of a bare range selector at an instant: their times, and their values."""
    selector = expr.vector_selector
    end_ms = int(times_of(selector, steps)[0])
    return raw_samples(select(selector), end_ms, milliseconds(expr.range))


def milliseconds(duration: timedelta | None) -> int:
    return (duration or timedelta()) // timedelta(milliseconds=1)


def value_of(expr: promql.Expr, steps: Steps) -> Result:
    """Evaluate one node, whatever it is."""
    if type(expr) not in NODES:
        raise UnsupportedError(f"{expr} here")
    return NODES[type(expr)](expr, steps)


def vector_of(expr: promql.Expr, steps: Steps) -> Vector:
    """An operand that must be an instant vector."""
    value = value_of(expr, steps)
    if isinstance(value, Vector):
        return value
    raise ExecutionError(f"{expr} is not an instant vector")


def scalar_of(expr: promql.Expr, steps: Steps) -> Values:
    """An operand that must be a scalar, shape [steps]."""
    value = value_of(expr, steps)
    if isinstance(value, Scalar):
        return value.values
    raise ExecutionError(f"{expr} is not a scalar")


def times_of(selector: promql.VectorSelector, steps: Steps) -> Times:
    """The times a selector looks back from: one for each step, or one for all with `@`."""
    times_ms = steps.times_ms
    # The text says it: as a date, which `selector.at` is, it fails outside of 1970 to 9999. An
    # earlier time prints as 0.
    if found := AT_TIME.search(str(selector)):
        word, seconds, rest = found.groups()
        bounds = {"start": int(times_ms[0]), "end": steps.end_ms}
        at_ms = bounds[word] if word else int(seconds + rest)
        if not at_ms:
            raise UnsupportedError("a selector @ a time that is not after 1970")
        times_ms = np.array([at_ms])
    return times_ms - milliseconds(selector.offset)


def spread(values: Values, present: Flags, steps: Steps) -> tuple[Values, Flags]:
    """Repeat what a selector with `@` has once for every step."""
    times = len(steps.times_ms) // values.shape[1]
    return np.repeat(values, times, axis=1), np.repeat(present, times, axis=1)


def number(expr: promql.NumberLiteral, steps: Steps) -> Scalar:
    return Scalar(np.full(len(steps.times_ms), expr.val))


def negated(expr: promql.UnaryExpr, steps: Steps) -> Result:
    value = value_of(expr.expr, steps)
    return combine(Operator("*"), value, Scalar(np.full(len(steps.times_ms), -1.0)))


def selected(expr: promql.VectorSelector, steps: Steps) -> Vector:
    found = instant_vector(select(expr), times_of(expr, steps))
    return Vector(found.labels, *spread(found.values, found.present, steps))


def aggregated(expr: promql.AggregateExpr, steps: Steps) -> Vector:
    key, parameter = only(()), np.zeros(len(steps.times_ms))
    if expr.modifier is not None:
        by = expr.modifier.type == promql.AggModifierType.By
        key = (only if by else without)(frozenset(expr.modifier.labels))
    if expr.param is not None and not isinstance(expr.param, promql.StringLiteral):
        parameter = scalar_of(expr.param, steps)
    return aggregate(str(expr.op), vector_of(expr.expr, steps), key, parameter)


def combined(expr: promql.BinaryExpr, steps: Steps) -> Result:
    return combine(operator_of(expr), value_of(expr.lhs, steps), value_of(expr.rhs, steps))


def operator_of(expr: promql.BinaryExpr) -> Operator:
    """The operator of a node with its modifiers."""
    sign, modifier = str(expr.op), expr.modifier
    if sign not in ARITHMETIC and sign not in COMPARISON:
        raise UnsupportedError(f"the operator '{sign}'")
    if modifier is None:
        return Operator(sign)
    if modifier.card != promql.VectorMatchCardinality.OneToOne:
        raise UnsupportedError("group_left and group_right")
    if (modifier.fill_values.lhs, modifier.fill_values.rhs) != (None, None):
        raise UnsupportedError("fill modifiers")
    if modifier.matching is None:
        return Operator(sign, modifier.return_bool)
    on = modifier.matching.type == promql.LabelModifierType.Include
    return Operator(sign, modifier.return_bool, on, frozenset(modifier.matching.labels))


def called(call: promql.Call, steps: Steps) -> Result:
    if call.func.name not in FUNCTIONS:
        raise UnsupportedError(f"the function '{call.func.name}'")
    return FUNCTIONS[call.func.name](call.args, steps)


def mapped(function: Callable[..., Values], args: list[Any], steps: Steps) -> Vector:
    """A function of each value, and perhaps of scalars."""
    vector, *scalars = args
    operand = vector_of(vector, steps)
    return operand.with_values(function(operand.values, *(scalar_of(arg, steps) for arg in scalars)))


def windowed(function: WindowFunction, args: list[Any], steps: Steps) -> Vector:
    """A function of range windows."""
    selector = args[-1]
    if not isinstance(selector, promql.MatrixSelector):
        raise UnsupportedError(f"the subquery {selector}")
    rows, times_ms = select(selector.vector_selector), times_of(selector.vector_selector, steps)
    values, present = over_windows(rows, times_ms, milliseconds(selector.range), function)
    vector = Vector(tuple(one.labels for one in rows), *spread(values, present, steps))
    keeps_name = function is WINDOW_FUNCTIONS["last_over_time"]
    return vector if keeps_name else vector.with_values(vector.values)


def quantile_windowed(args: list[Any], steps: Steps) -> Vector:
    q = scalar_of(args[0], steps)
    if (q != q[0]).any() and not np.isnan(q).all():
        raise UnsupportedError("quantile_over_time of a quantile that changes over time")
    return windowed(quantile_over_time(float(q[0])), args, steps)


NODES: dict[type, Callable[[Any, Steps], Result]] = {
    promql.NumberLiteral: number,
    promql.ParenExpr: lambda expr, steps: value_of(expr.expr, steps),
    promql.UnaryExpr: negated,
    promql.VectorSelector: selected,
    promql.AggregateExpr: aggregated,
    promql.BinaryExpr: combined,
    promql.Call: called,
}

FUNCTIONS: dict[str, Callable[[list[Any], Steps], Result]] = {
    "time": lambda _, steps: Scalar(steps.times_ms / 1000),
    "vector": lambda args, steps: functions.to_vector(scalar_of(args[0], steps)),
    "scalar": lambda args, steps: functions.to_scalar(vector_of(args[0], steps)),
    "sort": lambda args, steps: sort_by_value(vector_of(args[0], steps), largest=False),
    "sort_desc": lambda args, steps: sort_by_value(vector_of(args[0], steps), largest=True),
    "histogram_quantile": lambda args, steps: functions.histogram_quantile(
        scalar_of(args[0], steps), vector_of(args[1], steps)
    ),
    "quantile_over_time": quantile_windowed,
    **{name: partial(windowed, function) for name, function in WINDOW_FUNCTIONS.items()},
    **{name: partial(mapped, function) for name, function in functions.MATH.items()},
}

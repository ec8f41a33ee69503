"""Duration expressions: what may stand between `[` and `]`, and after `offset`.

Prometheus v0.309.1 (`promql/durations.go`, `parser/generated_parser.y`), the one in Thanos
v0.42.4, understands `step()`, `min(a, b)`, `max(a, b)` and signs there; arithmetic and
parentheses only behind a flag. What is not in that list is not evaluated here.

It computes in seconds, as float64, and cuts the result to milliseconds: `step()` is 1000 ms for
a step of 1001 ms, since 1.001 * 1000 is 1000.9999…. So does `milliseconds`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import promql_parser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.promql.lexer import Token

MAX_NESTING = 16

MAX_MS = (2**63 - 1) // 1_000_000
"""The longest duration of Go: nanoseconds in an int64."""

_FUNCTIONS = {"min": min, "max": max}


class DurationError(ValueError):
    """Not a duration expression that is understood here."""


def step_seconds(step_ms: int) -> float:
    """A step as Go's `Duration.Seconds` gives it.

    Raises:
        DurationError: the text of the step could matter. Thanos reads `step=1.002` as
            1.001999999 s and `1002ms` as 1.002 s; where both cut to the same number of
            milliseconds it makes no difference, elsewhere `step_ms` alone does not tell.
    """
    seconds = step_ms // 1000 + step_ms % 1000 * 1_000_000 / 1e9
    if int(seconds * 1000) != step_ms:
        raise DurationError(f"step() of {step_ms} ms depends on how the step was written")
    return seconds


def milliseconds(seconds: float) -> int:
    """What Prometheus makes of an evaluated duration: cut towards zero, in milliseconds."""
    if not math.isfinite(seconds) or abs(seconds) * 1000 > MAX_MS:
        raise DurationError("the duration is out of range")
    return int(seconds * 1000)


def evaluate(tokens: Sequence[Token], index: int, step_s: float) -> tuple[float, int]:
    """The seconds of the duration expression that begins at a token, and the index after it.

    Raises:
        DurationError: there is none, or one with arithmetic, parentheses or other functions.
    """
    return _Evaluation(tokens, step_s).signed(index, MAX_NESTING)


class _Evaluation:
    """Recursive descent; every method takes an index and returns a value and the next index."""

    def __init__(self, tokens: Sequence[Token], step_s: float) -> None:
        self._tokens = tokens
        self._step_s = step_s

    def signed(self, index: int, depth: int) -> tuple[float, int]:
        sign = 1
        while (text := self._text(index)) in {"+", "-"}:
            sign = -sign if text == "-" else sign
            index += 1
        seconds, index = self._operand(index, depth)
        return sign * seconds, index

    def _operand(self, index: int, depth: int) -> tuple[float, int]:
        name = self._text(index).lower()
        if name in _FUNCTIONS and depth:
            left, index = self.signed(self._after(index + 1, "("), depth - 1)
            right, index = self.signed(self._after(index, ","), depth - 1)
            return _FUNCTIONS[name](left, right), self._after(index, ")")
        if name == "step":
            return self._step_s, self._after(self._after(index + 1, "("), ")")
        if index < len(self._tokens) and self._tokens[index].kind == "number":
            return number(self._tokens[index].text), index + 1
        raise DurationError("only step(), min() and max() are understood in a duration")

    def _text(self, index: int) -> str:
        return self._tokens[index].text if index < len(self._tokens) else ""

    def _after(self, index: int, wanted: str) -> int:
        if self._text(index) != wanted:
            raise DurationError(f"{wanted!r} is missing in a duration")
        return index + 1


def number(text: str) -> float:
    """The value of a number or duration token: `0x10`, `1e3`, `5m` (in seconds), `.5`.

    Raises:
        DurationError: promql-parser does not know it (`1_000` for one).
    """
    try:
        literal = promql_parser.parse(text)
    except ValueError as error:
        raise DurationError(str(error)) from error
    if not isinstance(literal, promql_parser.NumberLiteral):
        raise DurationError(f"{text!r} is no number")
    return literal.val

"""What depends on the whole range of a query becomes constant, in the client's own text.

Thanos evaluates `@ start()` and `@ end()` with the `start` and `end` of the request it gets
(`PreprocessExpr` in Prometheus's `promql/engine.go`: the parameter, not the last step), and the
duration function `step()` with its `step`. A split is another request, so these become
constants of the original request before anything is split:

    x @ end()             →  x @ 1700000000.123
    rate(x[step()])       →  rate(x[15000ms])
    x offset -max(step(), 1m)  →  x offset -60000ms

What Thanos v0.42.4 would refuse stays unfrozen, so that the refusal is its own: `range()`,
`vector(end())`, arithmetic, `[step():1m]` (it wants a number before the colon). Names are not
functions: `end @ end()`, `sum by (start) (x)`, `{step="1"}` and what stands in strings and
comments keep their text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from proxy.promql.durations import DurationError, evaluate, milliseconds, step_seconds
from proxy.promql.lexer import LexError, Token, tokenize
from proxy.promql.modifiers import is_offset, text_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FUNCTIONS = frozenset({"start", "end", "step", "range"})
_ANY_FUNCTION = re.compile(r"\b(?:start|end|step|range)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Frozen:
    """The text to send for every split; `changed` says whether it differs from the client's."""

    text: str
    changed: bool


@dataclass(frozen=True, slots=True)
class NotFrozen:
    """The expression depends on its whole range in a way not understood here: do not split."""

    reason: str


class _Window(NamedTuple):
    start_ms: int
    end_ms: int
    step_ms: int


class _Edit(NamedTuple):
    """Characters `start` to `end` (exclusive) of the text become `text`."""

    start: int
    end: int
    text: str


class _NotFrozenError(Exception):
    """Ends the search for edits; the text is the reason."""


def freeze(expr: str, start_ms: int, end_ms: int, step_ms: int) -> Frozen | NotFrozen:
    """Make an expression independent of the range that it is evaluated over.

    Args:
        expr: the client's text.
        start_ms: the request's `start`, cut down to milliseconds as Thanos does.
        end_ms: the request's `end`, likewise; it need not lie on the grid.
        step_ms: the request's `step`.
    """
    if _ANY_FUNCTION.search(expr) is None:
        return Frozen(expr, changed=False)
    window = _Window(start_ms, end_ms, step_ms)
    try:
        edits = list(_edits(tokenize(expr), window))
    except (LexError, DurationError, _NotFrozenError) as reason:
        return NotFrozen(str(reason))
    return Frozen(_spliced(expr, edits), changed=bool(edits))


def at_text(time_ms: int) -> str:
    """A time as `@` takes it: seconds with three decimals.

    Raises:
        DurationError: Prometheus, which reads it as float64, would read another millisecond.
    """
    seconds, millis = divmod(abs(time_ms), 1000)
    text = f"{'-' if time_ms < 0 else ''}{seconds}.{millis:03}"
    if round(float(text) * 1000) != time_ms:
        raise DurationError(f"{text} seconds lose their milliseconds as a float")
    return text


def _edits(tokens: Sequence[Token], window: _Window) -> Iterator[_Edit]:
    index = 0
    while index < len(tokens):
        name = tokens[index].text.lower()
        if name == "[":
            index, edits = _bracket_edits(tokens, index, window)
        elif name == "offset":
            index, edits = _offset_edits(tokens, index, window)
        elif name in _FUNCTIONS and text_at(tokens, index + 1) == "(":
            index, edits = _at_edits(tokens, index, window)
        else:
            index, edits = index + 1, []
        yield from edits


def _at_edits(tokens: Sequence[Token], index: int, window: _Window) -> tuple[int, list[_Edit]]:
    """The edit for `start()` or `end()` at a token, which an `@` must precede."""
    name = tokens[index].text.lower()
    at = {"start": window.start_ms, "end": window.end_ms}.get(name)
    if at is None or text_at(tokens, index - 1) != "@" or text_at(tokens, index + 2) != ")":
        raise _NotFrozenError(f"{name}() depends on the whole range")
    return index + 3, [_Edit(tokens[index].start, tokens[index + 2].end, at_text(at))]


def _bracket_edits(tokens: Sequence[Token], opening: int, window: _Window) -> tuple[int, list[_Edit]]:
    """The edits between a `[` and its `]`, and the index after it."""
    closing = opening + 1
    while tokens[closing].text != "]":  # the lexer has seen to it that there is one
        closing += 1
    inside = tokens[opening + 1 : closing]
    if not _has_function(inside):
        return closing + 1, []
    reach, resolution = _at_colon(inside)
    if resolution and not any(token.kind == "number" for token in reach):
        raise _NotFrozenError("a range of a subquery without a number is refused by Thanos")
    parts = [part for part in (reach, resolution[1:]) if _has_function(part)]
    return closing + 1, [_duration_edit(part, window) for part in parts]


def _at_colon(tokens: Sequence[Token]) -> tuple[Sequence[Token], Sequence[Token]]:
    """The tokens before the colon of a subquery, and those from it on."""
    texts = [token.text for token in tokens]
    colon = texts.index(":") if ":" in texts else len(texts)
    return tokens[:colon], tokens[colon:]


def _has_function(tokens: Sequence[Token]) -> bool:
    return any(token.text.lower() in _FUNCTIONS for token in tokens)


def _duration_edit(tokens: Sequence[Token], window: _Window) -> _Edit:
    """The edit that replaces a whole range or resolution."""
    seconds, end = evaluate(tokens, 0, step_seconds(window.step_ms))
    duration_ms = milliseconds(seconds)
    if end != len(tokens):
        raise _NotFrozenError("arithmetic with step() is not understood")
    if duration_ms <= 0:
        raise _NotFrozenError("a range or resolution that is not positive is refused by Thanos")
    return _Edit(tokens[0].start, tokens[-1].end, f"{duration_ms}ms")


def _offset_edits(tokens: Sequence[Token], index: int, window: _Window) -> tuple[int, list[_Edit]]:
    """The edit for what follows `offset`, if that is a duration with `step()` in it."""
    first = index + 1
    name = first + (text_at(tokens, first) in {"+", "-"})
    is_function = text_at(tokens, name).lower() in {"step", "min", "max"}
    if not is_function or not is_offset(tokens, index):
        return first, []
    seconds, end = evaluate(tokens, name, step_seconds(window.step_ms))
    if not _has_function(tokens[name:end]):
        return end, []
    offset_ms = milliseconds(-seconds if text_at(tokens, first) == "-" else seconds)
    if offset_ms == 0:
        raise _NotFrozenError("an offset of zero")
    return end, [_Edit(tokens[first].start, tokens[end - 1].end, f"{offset_ms}ms")]


def _spliced(expr: str, edits: Sequence[_Edit]) -> str:
    """The text with its edits, set off by blanks where they would grow into a neighbour."""
    parts: list[str] = []
    position = 0
    for start, end, text in edits:
        before = " " if _can_grow(expr[start - 1 : start]) else ""
        after = " " if _can_grow(expr[end : end + 1]) else ""
        parts += [expr[position:start], before, text, after]
        position = end
    return "".join([*parts, expr[position:]])


def _can_grow(neighbour: str) -> bool:
    return neighbour.isalnum() or neighbour in {"_", "."}

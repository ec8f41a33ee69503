"""Which expressions the Rust parser can take: it has no limits of its own.

promql-parser 0.12 recurses over its tree and ends the *process* when the stack is used up (some
hundred levels in a thread with 512 KiB, some thousands on 8 MiB). Each node of the tree that it
hands out holds a copy of all nodes below it: 1,000 levels take 0.2 s and 200 MB. It panics at a
duration that is infinite or very long. So these are found before, in the tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.promql.durations import MAX_MS, DurationError, number
from proxy.promql.modifiers import text_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.promql.lexer import Token

MAX_DEPTH = 100
"""Levels of the tree. A chain `a + b + c` is as deep as it is long."""

MAX_COPIES = 500_000
"""Depth times tokens, which bounds the copies: some 20 ms."""

_DEEPER = frozenset(
    {"+", "-", "*", "/", "%", "^", "==", "!=", "<", ">", "<=", ">="}
    | {"and", "or", "unless", "atan2", "[", "@", "offset"}
)
_LONG_DIGITS = 10


def is_parsable(tokens: Sequence[Token]) -> bool:
    """Whether the parser can be given these tokens without harm to the process."""
    depth = depth_bound(tokens)
    return depth <= MAX_DEPTH and depth * len(tokens) <= MAX_COPIES and not _has_huge_duration(tokens)


def depth_bound(tokens: Sequence[Token]) -> int:
    """No tree of these tokens is deeper than this.

    Of every group in parentheses: its operators, brackets and modifiers, and its deepest group.
    """
    counted = [0]  # one entry for every group that is open
    deepest = [0]  # the deepest closed group inside each of them
    in_braces = False
    for token in tokens:
        text = token.text
        if text in {"{", "}"}:
            in_braces = text == "{"
        elif text == "(":
            counted.append(1)
            deepest.append(0)
        elif text == ")" and len(counted) > 1:
            depth = counted.pop() + deepest.pop()
            deepest[-1] = max(deepest[-1], depth)
        elif not in_braces and text.lower() in _DEEPER:
            counted[-1] += 1
    return sum(counted) + max(deepest)


def _has_huge_duration(tokens: Sequence[Token]) -> bool:
    """Whether a duration is longer than Go's, in brackets or after `offset`."""
    return any(
        _is_huge(token) and _is_duration(tokens, index)
        for index, token in enumerate(tokens)
        if token.kind in {"number", "word"}
    )


def _is_huge(token: Token) -> bool:
    """Whether a number is beyond Go's durations; a short one without exponent cannot be."""
    text = token.text.lower()
    if token.kind == "word":
        return text in {"inf", "nan"}
    if len(text) < _LONG_DIGITS and "e" not in text:
        return False
    try:
        return number(text) * 1000 > MAX_MS
    except DurationError:
        return True


def _is_duration(tokens: Sequence[Token], index: int) -> bool:
    while text_at(tokens, index - 1) in {"+", "-"}:
        index -= 1
    return text_at(tokens, index - 1).lower() in {"[", ":", "offset"}

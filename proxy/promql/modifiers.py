"""The modifiers `@` and `offset` as the tokens show them.

`offset` is a word like others: a metric, a label or a grouping label may be called so. It is
the modifier where it follows something that can be modified.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from proxy.promql.durations import DurationError, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxy.promql.lexer import Token

_MAX_EXACT_MS = 2**53

# These may be names as well, but after them `offset` is taken for one, not for the modifier.
_KEYWORDS = frozenset(
    {"and", "or", "unless", "atan2", "bool", "by", "without", "on", "ignoring", "offset"}
    | {"group_left", "group_right"}
)


def text_at(tokens: Sequence[Token], index: int) -> str:
    """The text of a token, "" outside the list."""
    return tokens[index].text if 0 <= index < len(tokens) else ""


def is_offset(tokens: Sequence[Token], index: int) -> bool:
    """Whether the token at `index` is the modifier `offset`, not a name."""
    if index < 1 or tokens[index].text.lower() != "offset":
        return False
    before = tokens[index - 1]
    if before.text == ")":  # of `@ end()`; no other parenthesis can be modified
        return text_at(tokens, index - 4) == "@"
    if before.kind == "word":
        return before.text.lower() not in _KEYWORDS
    return before.kind == "number" or before.text in {"}", "]"}


def at_times(tokens: Sequence[Token]) -> Iterator[int | None]:
    """The time of every `@` (Unix milliseconds), in the order of the text; None for a function.

    Raises:
        DurationError: the time is too large to be exact, or no number that is known here.
    """
    for index, token in enumerate(tokens):
        if token.text != "@":
            continue
        sign = text_at(tokens, index + 1)
        value = index + 1 + (sign in {"+", "-"})
        if value < len(tokens) and tokens[value].kind == "number":
            time_ms = _milliseconds(number(tokens[value].text))
            yield -time_ms if sign == "-" else time_ms
        else:
            yield None


def _milliseconds(seconds: float) -> int:
    """Half is rounded up, as `timestamp.FromFloatSeconds` does in Prometheus."""
    if not seconds * 1000 < _MAX_EXACT_MS:
        raise DurationError("the time of an @ is out of range")
    return math.floor(seconds * 1000 + 0.5)

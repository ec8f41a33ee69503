"""PromQL text → tokens, cut where Prometheus's own lexer cuts (`promql/parser/lex.go`).

The rules that matter for cutting, as Prometheus v0.309.1 (the one in Thanos v0.42.4) has them:

* White space is blank, tab, line feed and carriage return, nothing else. A comment runs from
  `#` to the next line feed or carriage return.
* `"…"` and `'…'` know escapes and end with the line; `` `…` `` knows none and may span lines.
* A word may contain colons, except between `[` and `]`, where a colon parts range and step.
* A number ends where a letter, a digit, `_` or `.` cannot follow: `1h30m` is one token, and
  `1.2.3` is none.
* Comments between `[` and `]` are allowed at some places only: here they are not understood.

Every pattern takes what it can and never gives back (possessive quantifiers), so a text is read
in linear time, whatever it is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_CHARS = 131_072
MAX_TOKENS = 20_000
"""A longer text is not taken apart, so as not to hold up the event loop (20 ms)."""


class LexError(ValueError):
    """The text is not PromQL as it is known here. It means "do not touch", not "refuse"."""


class Token(NamedTuple):
    """One token; `kind` is `word`, `number` (durations too), `string` or `symbol`.

    `start` and `end` count characters of the expression (not bytes), the end exclusive.
    """

    kind: str
    text: str
    start: int
    end: int


def _pattern(blank: str, word: str, symbols: str) -> re.Pattern[str]:
    return re.compile(
        rf"""
        {blank}
        (?: (?P<word>   {word} )
          | (?P<number> (?: 0[xX][0-9a-fA-F_]++
                          | [0-9]++(?:ms|[smhdwy])(?:[0-9]++(?:ms|[smhdw]))*+
                          | (?:[0-9][0-9_]*+(?:\.[0-9_]*+)?+|\.[0-9][0-9_]*+)
                            (?:[eE][+-]?+[0-9_]++)?+
                        )(?![0-9a-zA-Z_.]) )
          | (?P<string> "(?:[^"\\\n]++|\\[^\n])*+" | '(?:[^'\\\n]++|\\[^\n])*+' | `[^`]*+` )
          | (?P<symbol> {symbols} )
          | (?P<end>    \Z )
        )
        """,
        re.VERBOSE,
    )


_OUTSIDE = _pattern(
    blank=r"(?:[\ \t\r\n]++|\#[^\r\n]*+)*+",
    word=r"[a-zA-Z_:][a-zA-Z0-9_:]*+",
    symbols=r"==|!=|<=|>=|=~|!~|[-+*/%^=<>()\[{},@]|\}",
)
_IN_BRACKETS = _pattern(
    blank=r"[\ \t\r\n]*+",
    word=r"[a-zA-Z_][a-zA-Z0-9_]*+",
    symbols=r"[-+*/%^(),:\]]",
)
_PATTERN_AFTER = {"[": _IN_BRACKETS, "]": _OUTSIDE}


def tokenize(expr: str) -> list[Token]:
    """The tokens of an expression, without white space and comments.

    Raises:
        LexError: something is no token, a `[` is not closed, or the text is too long.
    """
    if len(expr) > MAX_CHARS:
        raise LexError(f"more than {MAX_CHARS} characters")
    tokens: list[Token] = []
    pattern, position = _OUTSIDE, 0
    while found := pattern.match(expr, position):
        kind = found.lastgroup or "end"
        text = found[kind]
        position = found.end()
        if kind == "end":
            break
        tokens.append(Token(kind, text, position - len(text), position))
        pattern = _PATTERN_AFTER.get(text, pattern)
        if len(tokens) > MAX_TOKENS:
            raise LexError(f"more than {MAX_TOKENS} tokens")
    if found is None or pattern is _IN_BRACKETS:
        raise LexError(f"no token at character {position}")
    return tokens


def normalise(expr: str) -> str:
    """The expression for cache keys: tokens with one blank between them, comments dropped.

    Two texts get the same form only when Prometheus reads the same tokens in both. A text that
    is not understood stays as it is; it cannot meet the form of another, because a form is
    always understood. The result is no query: what goes upstream is the client's text.
    """
    try:
        return " ".join([token.text for token in tokenize(expr)])
    except LexError:
        return expr

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.promql.lexer import MAX_CHARS, MAX_TOKENS, LexError, normalise, tokenize
from tests.promql.expressions import Expression, spelled_trees, spellings, trees

# Pieces that open what others must close, and whatever else has ever confused a lexer.
PIECES = st.sampled_from(
    [
        "x",
        "5m",
        "1.",
        ".5",
        "0x1f",
        "1e",
        "1e+3",
        "[",
        "]",
        ":",
        "{",
        "}",
        "(",
        ")",
        "@",
        "offset",
        '"',
        "'",
        "`",
        "\\",
        "#",
        "\n",
        "\r",
        " ",
        "\t",
        "\x0b",
        "=",
        "~",
        "!",
        "=~",
        "é",
        "$",
        "\x00",
    ]
)


def texts(expr: str) -> list[str]:
    return [token.text for token in tokenize(expr)]


@pytest.mark.parametrize(
    ("expr", "wanted"),
    [
        ("", ""),
        (" \t\r\n# only a comment", ""),
        ("sum(rate(x[5m]))", "sum ( rate ( x [ 5m ] ) )"),
        ("x[1h30m:1m]", "x [ 1h30m : 1m ]"),
        ("x[5m:step()]", "x [ 5m : step ( ) ]"),
        ("a:b:c :d", "a:b:c :d"),
        ("x{a='}'}[5m]", "x { a = '}' } [ 5m ]"),
        ("x{a=~`[a]`,b!~'',c!=\"\"}", "x { a =~ `[a]` , b !~ '' , c != \"\" }"),
        ("a==b!=c<=d>=e<f>g", "a == b != c <= d >= e < f > g"),
        ("foo@end()", "foo @ end ( )"),
        ("1 1. .5 1.5 1e3 1E-3 0x1F 1_000 5m 1d12h 10ms", None),
        ("Inf+NaN", "Inf + NaN"),
        ("x#[\n+y", "x + y"),
        ("x#[\r+y", "x + y"),
        ("x{#}\na='b'}", "x { a = 'b' }"),
        ("irate(x @ 5 [1h:1m] @ end())", "irate ( x @ 5 [ 1h : 1m ] @ end ( ) )"),
        ('{"metric offset name"}', '{ "metric offset name" }'),
        ("x offset\n5m", "x offset 5m"),
        ("foo @ -1.5", "foo @ - 1.5"),
        (r'"\"" + "\\" + "\""', r'"\"" + "\\" + "\""'),
        ("`\\`", "`\\`"),
    ],
)
def test_an_expression_is_cut_into_tokens(expr: str, wanted: str | None) -> None:
    assert " ".join(texts(expr)) == (expr if wanted is None else wanted)


def test_a_token_knows_its_kind_and_its_place_in_characters() -> None:
    found = tokenize('x{a="é"} > 5m')
    assert [tuple(token) for token in found] == [
        ("word", "x", 0, 1),
        ("symbol", "{", 1, 2),
        ("word", "a", 2, 3),
        ("symbol", "=", 3, 4),
        ("string", '"é"', 4, 7),
        ("symbol", "}", 7, 8),
        ("symbol", ">", 9, 10),
        ("number", "5m", 11, 13),
    ]


@pytest.mark.parametrize(
    "expr",
    [
        '"open',
        "'open\n'",
        "`open",
        '"ends with \\',
        '"line\\\nbreak"',
        "$__interval",
        "x[$__rate_interval]",
        "x\xa0",
        "x\v",
        "é",
        "\0",
        "x[5m",
        "x[5m[5m]]",
        "x[5m # comment\n]",
        "x!y",
        "a ~ b",
        "1.2.3",
        "5mm",
        "5x",
        "0xg",
        "1e",
        "1__0e",
        "x;y",
        "\ud800",
    ],
)
def test_what_prometheus_does_not_read_is_not_cut(expr: str) -> None:
    with pytest.raises(LexError):
        tokenize(expr)


@given(st.lists(PIECES).map("".join) | st.text())
def test_between_tokens_there_are_only_blanks_and_comments(expr: str) -> None:
    try:
        tokens = tokenize(expr)
    except LexError:
        return
    position = 0
    for token in tokens:
        assert re.fullmatch(r"([ \t\r\n]|#[^\r\n]*)*", expr[position : token.start])
        assert expr[token.start : token.end] == token.text
        position = token.end
    assert re.fullmatch(r"([ \t\r\n]|#[^\r\n]*)*", expr[position:])


@given(spelled_trees())
def test_every_spelling_has_the_same_tokens(found: tuple[Expression, str]) -> None:
    tree, text = found
    assert texts(text) == tree.tokens()


def test_blanks_and_comments_do_not_change_the_normal_form() -> None:
    spellings = ["sum(x)", " sum ( x ) ", "sum(#(\nx)", "sum(x) # y", "\tsum(\r\nx)"]
    assert {normalise(spelling) for spelling in spellings} == {"sum ( x )"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("foo bar", "foobar"),
        ("5 m", "5m"),
        ("1h 30m", "1h30m"),
        ("a = = b", "a == b"),
        ("x{a='b c'}", "x{a='b  c'}"),
        ("x{a='#b'}", "x{a='#c'}"),
        ("`a\nb`", "`a b`"),
        ("1.2.3", "1.2 .3"),
        ("x # y\n+ z", "x # y + z"),
        ("'a", "'a "),
        ("x\xa0y", "x y"),
        ("x[5m]", "x[# five\n5m]"),
        ("x @ end()", "x @ END()"),
    ],
)
def test_different_queries_have_different_normal_forms(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@given(st.lists(PIECES).map("".join))
def test_a_normal_form_has_the_tokens_of_its_text(expr: str) -> None:
    form = normalise(expr)
    assert normalise(form) == form
    try:
        tokens = texts(expr)
    except LexError:
        assert form == expr
    else:
        assert texts(form) == tokens


@given(st.data(), trees)
def test_every_spelling_has_the_same_normal_form(data: st.DataObject, tree: Expression) -> None:
    one, other = (data.draw(spellings(tree.tokens())) for _ in range(2))
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    "expr",
    [
        '"' + "a" * 10**7,
        "[" * 10**7,
        "1_" * 5000000,
        "a b " * 2500000,
        "# \n" * 3000000,
        "\x00" * 10**7,
        "5m" * 5000000,
        "((" * 5000000,
        '"\\' * 5000000,
    ],
    ids=lambda expr: repr(expr[:4]),
)
def test_ten_megabytes_are_refused_at_once(expr: str) -> None:
    began = time.perf_counter()
    assert normalise(expr) is expr
    assert time.perf_counter() - began < 0.1


# The longest texts that are read at all; a pattern that went back and forth would take hours.
@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1_",
        "1.",
        "1s",
        "1e",
        "0x",
        "a",
        "a:",
        '"',
        '"\\',
        "'a",
        "`",
        "#",
        " ",
        " #\n",
        "[",
        "é",
    ],
)
@pytest.mark.parametrize("last", ["", "!", "x", "\n", '"'])
def test_time_grows_with_the_length_only(piece: str, last: str) -> None:
    expr = (piece * MAX_CHARS)[: MAX_CHARS - 1] + last
    began = time.perf_counter()
    normalise(expr)
    assert time.perf_counter() - began < 1.0


def test_a_text_of_too_many_tokens_is_not_taken_apart() -> None:
    assert len(tokenize("(" * MAX_TOKENS)) == MAX_TOKENS
    with pytest.raises(LexError, match="tokens"):
        tokenize("(" * (MAX_TOKENS + 1))


def test_a_text_of_too_many_characters_is_not_taken_apart() -> None:
    assert len(tokenize('"' + "a" * (MAX_CHARS - 2) + '"')) == 1
    with pytest.raises(LexError, match="characters"):
        tokenize('"' + "a" * (MAX_CHARS - 1) + '"')

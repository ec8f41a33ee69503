"""Generated PromQL: small trees, their text in many spellings, what Prometheus reads for them.

A tree is written as tokens; `spellings` join them with blanks and comments that mean nothing.
`reads` says which times a tree reads, by the rules of `subqueryTimes` and
`getTimeRangesForSelector` in Prometheus's `promql/engine.go`: from the root down, selector by
selector, while the code under test goes from the leaves up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

START, END = "start()", "end()"


@dataclass(frozen=True, slots=True)
class Modified:
    """`@` and `offset`, in either order. `at` is START, END or milliseconds."""

    at: str | int | None = None
    offset_ms: int | None = None
    offset_first: bool = False

    def tokens(self) -> list[str]:
        at, offset = [], []
        if isinstance(self.at, int):
            sign = ["-"] if self.at < 0 else []
            at = ["@", *sign, f"{abs(self.at) // 1000}.{abs(self.at) % 1000:03}"]
        elif self.at is not None:
            at = ["@", self.at.removesuffix("()"), "(", ")"]
        if self.offset_ms is not None:
            sign = ["-"] if self.offset_ms < 0 else []
            offset = ["offset", *sign, f"{abs(self.offset_ms)}ms"]
        return [*offset, *at] if self.offset_first else [*at, *offset]


@dataclass(frozen=True, slots=True)
class Selector:
    name: str
    matchers: tuple[str, ...]
    range_ms: int | None
    modified: Modified

    def tokens(self) -> list[str]:
        braces = ["{", *self.matchers, "}"] if self.matchers else []
        if self.range_ms is None:
            return [self.name, *braces, *self.modified.tokens()]
        reach = ["[", f"{self.range_ms}ms", "]"]
        return ["rate", "(", self.name, *braces, *reach, *self.modified.tokens(), ")"]


@dataclass(frozen=True, slots=True)
class Subquery:
    inner: Expression
    range_ms: int
    resolution: str
    modified: Modified

    def tokens(self) -> list[str]:
        reach = ["[", f"{self.range_ms}ms", ":", *filter(None, [self.resolution]), "]"]
        inner = ["(", *self.inner.tokens(), ")"]
        return ["max_over_time", "(", *inner, *reach, *self.modified.tokens(), ")"]


@dataclass(frozen=True, slots=True)
class Combined:
    """Operands with tokens before, between and after them."""

    before: tuple[str, ...]
    between: tuple[str, ...]
    after: tuple[str, ...]
    operands: tuple[Expression, ...]

    def tokens(self) -> list[str]:
        tokens = list(self.before)
        for number, operand in enumerate(self.operands):
            tokens += self.between if number else ()
            tokens += operand.tokens()
        return [*tokens, *self.after]


Expression = Selector | Subquery | Combined

Read = tuple[bool, int, int]
"""Whether the times are absolute, the earliest, the latest (milliseconds)."""


def reads(tree: Expression, around: tuple[Subquery, ...] = ()) -> Iterator[Read]:
    """What every selector of a tree without `@ start()` and `@ end()` reads."""
    if isinstance(tree, Selector):
        yield _read(tree, around)
    elif isinstance(tree, Subquery):
        yield from reads(tree.inner, (*around, tree))
    else:
        for operand in tree.operands:
            yield from reads(operand, around)


def _read(selector: Selector, around: Sequence[Subquery]) -> Read:
    offset_ms, range_ms, at = 0, 0, None
    for subquery in around:
        own_ms = subquery.modified.offset_ms or 0
        offset_ms, range_ms = offset_ms + own_ms, range_ms + subquery.range_ms
        if subquery.modified.at is not None:
            offset_ms, range_ms, at = own_ms, subquery.range_ms, subquery.modified.at
    if selector.modified.at is not None:
        offset_ms, range_ms, at = 0, 0, selector.modified.at
    time_ms = at if isinstance(at, int) else 0
    latest_ms = time_ms - offset_ms - (selector.modified.offset_ms or 0)
    return at is not None, latest_ms - range_ms - (selector.range_ms or 0), latest_ms


def frozen(tree: Expression, start_ms: int, end_ms: int) -> Expression:
    """The tree with numbers in the place of `start()` and `end()`."""
    if isinstance(tree, Combined):
        inner = tuple(frozen(operand, start_ms, end_ms) for operand in tree.operands)
        return replace(tree, operands=inner)
    at = tree.modified.at
    times = {START: start_ms, END: end_ms}
    modified = replace(tree.modified, at=times[at]) if isinstance(at, str) else tree.modified
    if isinstance(tree, Subquery):
        return replace(tree, inner=frozen(tree.inner, start_ms, end_ms), modified=modified)
    return replace(tree, modified=modified)


NAMES = ("x", "foo:bar", "end", "start", "step", "range", "offset_total", "e1")
LABELS = ("a", "offset", "end", "start", "by")
STRINGS = ('"@ end()"', "'offset 5m'", "`[step()]`", '"\\"#"', '"é"', '""', "'it'")

times_ms = st.integers(-(10**7), 10**13)
durations_ms = st.integers(1, 10**8)
modifiers = st.builds(
    Modified,
    at=st.none() | st.sampled_from([START, END]) | times_ms,
    offset_ms=st.none() | durations_ms | durations_ms.map(lambda ms: -ms),
    offset_first=st.booleans(),
)
matchers = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from(["=", "!="]), st.sampled_from(STRINGS)),
    max_size=2,
).map(lambda found: tuple(token for one in found for token in (*one, ",")))
selectors = st.builds(
    Selector,
    name=st.sampled_from(NAMES),
    matchers=matchers,
    range_ms=st.none() | durations_ms,
    modified=modifiers,
)


def _combined(before: str, between: str, after: str, count: int) -> Combined:
    return Combined(
        tuple(before.split()), tuple(between.split()), tuple(after.split()), (_HOLE,) * count
    )


_HOLE = Selector("hole", (), None, Modified())
_SHAPES = (
    _combined("", "+", "", 2),
    _combined("", "and on ( end )", "", 2),
    _combined("(", "", ")", 1),
    _combined("-", "", "", 1),
    _combined("sum by ( offset , start ) (", "", ")", 1),
    _combined("topk ( 3 ,", "", ") by ( step )", 1),
    _combined("abs (", "", ") * time ( )", 1),
    _combined("vector ( 1 ) or", "", "", 1),
    _combined("label_replace (", "", ', "a" , "end()" , "b" , "(.*)" )', 1),
)


def _larger(smaller: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    subqueries = st.builds(
        Subquery,
        inner=smaller,
        range_ms=durations_ms,
        resolution=st.sampled_from(["", "1m", "90s"]),
        modified=modifiers,
    )
    combined = st.sampled_from(_SHAPES).flatmap(
        lambda shape: st.tuples(*[smaller] * len(shape.operands)).map(
            lambda operands: replace(shape, operands=operands)
        )
    )
    return subqueries | combined


trees: st.SearchStrategy[Expression] = st.recursive(selectors, _larger, max_leaves=5)

blanks = st.sampled_from(["", " ", "\n", "\t \r\n", " # offset 5m @ end()\n", "#\r"])
blanks_in_brackets = st.sampled_from(["", " ", "\n\t"])


@st.composite
def spellings(draw: st.DrawFn, tokens: Sequence[str]) -> str:
    """Texts of these tokens."""
    text, in_brackets = draw(blanks), False
    for token in tokens:
        gap = draw(blanks_in_brackets if in_brackets else blanks)
        if not gap and _grows(text[-1:]) and _grows(token[0]):
            gap = " "
        text += gap + token
        in_brackets = token == "[" or (in_brackets and token != "]")
    return text + draw(blanks)


def _grows(character: str) -> bool:
    return character.isalnum() or character in {"_", ":", "."}


@st.composite
def spelled_trees(draw: st.DrawFn) -> tuple[Expression, str]:
    tree = draw(trees)
    return tree, draw(spellings(tree.tokens()))

"""Notes that may be somebody else's make the query whole."""

from __future__ import annotations

import dataclasses

import pytest

from proxy.engine.foreign_notes import (
    Source,
    name_positions,
    refuse_foreign_notes,
    refuse_shifted_text,
)
from proxy.errors import NotSplittableError
from proxy.merge.matrices import NOTHING_JOINED, JoinedMatrix
from proxy.model.matrix import Tail
from tests.engine.cached import PASSING, PASSING_NOTE, STEADY, STEADY_NOTE, Cached, window

GRID = window(10 * 3_600_000, 30)
INSIDE, BEYOND = GRID.sliced(0, 10), GRID.sliced(0, 40)
SERIES = (b'{"a":"b"}',)


def noted(*notes: str, metrics: tuple[bytes, ...] = SERIES, parts: int = 1) -> JoinedMatrix:
    tail = Tail(notes={"warnings": notes} if notes else {})
    return dataclasses.replace(
        NOTHING_JOINED,
        metrics=metrics,
        tail=tail,
        parts=(NOTHING_JOINED,) * parts,  # type: ignore[arg-type]
    )


def refuses(expr: str, joined: JoinedMatrix, *sources: Source) -> bool:
    try:
        refuse_foreign_notes(Cached().plan(GRID, expr), joined, sources)
    except NotSplittableError:
        return True
    return False


def test_without_notes_there_is_nothing_to_refuse() -> None:
    assert not refuses(PASSING, noted(), Source(BEYOND, Tail()))


@pytest.mark.parametrize(
    ("expr", "note", "source", "is_refused"),
    [
        (PASSING, PASSING_NOTE, INSIDE, False),
        (PASSING, PASSING_NOTE, BEYOND, True),
        (STEADY, STEADY_NOTE, BEYOND, False),
    ],
)
def test_a_note_of_a_wider_fetch_counts_only_where_it_comes_at_every_step(
    expr: str, note: str, source: object, is_refused: bool
) -> None:
    tail = Tail(notes={"warnings": (note,)})
    assert refuses(expr, noted(note), Source(source, tail)) is is_refused  # type: ignore[arg-type]


def test_an_empty_answer_with_a_note_is_certain_only_when_all_of_it_was_fetched_for_it() -> None:
    source = Source(INSIDE, Tail(notes={"warnings": (STEADY_NOTE,)}))
    assert not refuses(STEADY, noted(STEADY_NOTE, metrics=()), source)
    assert refuses(STEADY, noted(STEADY_NOTE, metrics=(), parts=2), source)


@pytest.mark.parametrize(
    ("text", "speaks"), [("a note (1:6)", True), ("(12:345)", True), ("at 1:6", False), ("", False)]
)
def test_positions_are_known_by_their_form(text: str, speaks: bool) -> None:
    assert name_positions({"infos": (text,)}) is speaks


def test_a_message_about_positions_is_refused_only_where_the_text_was_changed() -> None:
    cached = Cached()
    as_written, changed = cached.plan(GRID, "a"), cached.plan(GRID, "a @ end()")
    refuse_shifted_text(as_written, speaks_of_positions=True)
    refuse_shifted_text(changed, speaks_of_positions=False)
    with pytest.raises(NotSplittableError):
        refuse_shifted_text(changed, speaks_of_positions=True)

"""Tables are told by captions and headers; bars and marks by words."""

from __future__ import annotations

import math

import pytest

from proxy.status.tables import Cell, Column, Row, facts, gauge, note, state, table
from tests.status.reading import read

COLUMNS = (Column("Name"), Column("Size", is_number=True), Column("Error", can_sort=False))
ROWS = [Row("k", (Cell("<a>"), Cell("2 KiB", 2048), Cell("-")), mark="bad")]


def test_a_table_has_a_caption_and_its_headers_have_a_scope() -> None:
    document = read(table("t", "Things", COLUMNS, ROWS))
    assert not document.faults
    assert [header.get("scope") for header in document.all("th")] == ["col"] * 3 + ["row"]
    region = document.all("div")[0]
    assert region["aria-labelledby"] == document.all("caption")[0]["id"]
    assert region["tabindex"] == "0", "what scrolls can be reached by keyboard"


def test_what_is_sorted_by_stands_in_the_cell() -> None:
    document = read(table("t", "Things", COLUMNS, ROWS))
    assert document.all("td")[0]["data-by"] == "2048"
    assert "<a>" in document.text
    assert len(document.all("button")) == 2, "the third column is not sorted by"
    assert all(button["disabled"] == "" for button in document.all("button")), "until there is a script"


def test_a_row_is_found_again_by_a_short_key() -> None:
    (row,) = [r for r in read(table("t", "T", COLUMNS, ROWS)).all("tr") if "data-key" in r]
    assert row == {"data-key": "k", "class": "bad"}
    long = Row("k" * 100_000, ROWS[0].cells)
    assert len(table("t", "T", COLUMNS, [long])) < 2_000


@pytest.mark.parametrize(
    ("share", "width"),
    [(0.25, "25.0%"), (-1, "0.0%"), (7, "100.0%"), (math.nan, "0.0%"), (math.inf, "100.0%")],
)
def test_a_bar_is_never_longer_than_its_ground(share: float, width: str) -> None:
    document = read(gauge(share, "a <quarter>"))
    assert document.all("rect")[1]["width"] == width
    assert document.all("svg")[0] == {"class": "gauge", "role": "img", "aria-label": "a <quarter>"}


def test_facts_are_names_and_values() -> None:
    document = read(facts(("waiting", "3"), ("refused", "<0>")))
    assert document.text == "waiting3refused<0>"
    assert len(document.all("dt")) == len(document.all("dd")) == 2


def test_a_state_is_told_by_word_and_form_too() -> None:
    texts = {read(state("s", tone)).text for tone in ("good", "warned", "bad", "idle")}
    assert len(texts) == 4


def test_a_note_is_a_sentence() -> None:
    assert read(note("None <yet>.")).text == "None <yet>."

"""Tables with captions, whose headers sort them where there is JavaScript."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.status.html import Markup, clip, join, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEY_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Column:
    """A header. is_number: set to the right, and sorted as numbers, the largest first."""

    title: str
    is_number: bool = False
    can_sort: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """What is shown, and what it is sorted by where that is another thing."""

    shown: str
    by: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Cells, the first of which names the row. key: the same from one rendering to the next."""

    key: str
    cells: tuple[Cell, ...]
    mark: str = ""


def table(name: str, caption: str, columns: Sequence[Column], rows: Sequence[Row]) -> Markup:
    """Wide tables scroll in themselves, so that the page does not; by keyboard, too."""
    head = tag("tr", *(_header(column) for column in columns))
    body = tag("tbody", *(_row(row, columns) for row in rows))
    inner = tag(
        "table",
        tag("caption", caption, id=f"{name}-caption"),
        tag("thead", head),
        body,
        id=f"{name}-table",
    )
    return tag(
        "div", inner, class_="scroll", role="region", tabindex=0, aria_labelledby=f"{name}-caption"
    )


def _header(column: Column) -> Markup:
    kind = "number" if column.is_number else None
    if not column.can_sort:
        return tag("th", column.title, scope="col", class_=kind)
    button = tag("button", column.title, type="button", class_="sort", disabled=True)
    return tag("th", button, scope="col", class_=kind)


def _row(row: Row, columns: Sequence[Column]) -> Markup:
    cells = [
        tag(
            "td" if place else "th",
            cell.shown,
            scope=None if place else "row",
            class_="number" if column.is_number else None,
            data_by=cell.by,
        )
        for place, (cell, column) in enumerate(zip(row.cells, columns, strict=True))
    ]
    return tag("tr", *cells, data_key=clip(row.key, _KEY_CHARACTERS), class_=row.mark or None)


def gauge(share: float, label: str, tone: str = "") -> Markup:
    """A bar that is full at 1; the label says the same in words."""
    filled = min(max(share, 0.0), 1.0) * 100 if share == share else 0.0  # noqa: PLR0124  NaN is not
    bar = tag("rect", class_=f"filled {tone}".strip(), width=f"{filled:.1f}%", height="100%")
    ground = tag("rect", class_="ground", width="100%", height="100%")
    return tag("svg", ground, bar, class_="gauge", role="img", aria_label=label)


def facts(*pairs: tuple[str, str]) -> Markup:
    """Names and values."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs))


def note(text: str) -> Markup:
    """A sentence where there is nothing to show."""
    return tag("p", text, class_="note")


def state(text: str, tone: str) -> Markup:
    """A word with a mark before it; the mark's form differs, not only its colour."""
    marks = {"good": "●", "warned": "▲", "bad": "■", "idle": "○"}
    mark = tag("span", marks[tone], class_="mark", aria_hidden="true")
    return tag("span", join(mark, " ", text), class_=f"state {tone}")

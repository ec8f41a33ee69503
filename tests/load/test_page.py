"""The shell of the report."""

from __future__ import annotations

from html.parser import HTMLParser

from proxy.load.page import card, notes, page, table, tile
from tests.load.examples import EVIL


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_needs_nothing_from_elsewhere_and_no_script() -> None:
    text = page("t", [card("c", "x")])
    tags = Tags(text).found
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in tags}
    assert not [name for _, attributes in tags for name in attributes if name in {"src", "href"}]
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_the_page_is_for_light_and_dark() -> None:
    assert "prefers-color-scheme: dark" in page("t", [])


def test_texts_are_escaped_wherever_they_stand() -> None:
    parts = [
        page(EVIL, []),
        table((EVIL,), ((EVIL,),), ("text",)),
        tile(EVIL, EVIL),
        card(EVIL, "", explained=EVIL, keys=(("c0", EVIL),)),
        notes([EVIL]),
    ]
    for part in parts:
        assert "<script" not in part
        assert "&lt;script&gt;" in part


def test_without_notes_there_is_no_box() -> None:
    assert notes([]) == ""


def test_the_head_of_a_column_of_code_is_plain_text() -> None:
    text = table(("a", "b"), (("1", "2"),), ("", "text code"))
    assert '<th>a</th><th class="text">b</th>' in text
    assert '<td>1</td><td class="text code">2</td>' in text

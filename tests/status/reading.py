"""Reads HTML as a browser would, and strictly: what elements and attributes there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"input", "link", "meta", "br"}

KNOWN = {
    "html": "lang",
    "head": "",
    "meta": "charset name content http-equiv",
    "title": "",
    "link": "rel href type",
    "noscript": "",
    "script": "src defer",
    "body": "",
    "a": "href class aria-label data-tenant",
    "header": "class",
    "nav": "id aria-label",
    "main": "id tabindex",
    "footer": "",
    "section": "id class aria-labelledby",
    "div": "id class role tabindex aria-live aria-atomic aria-hidden aria-labelledby hidden",
    "h1": "id class",
    "h2": "id class",
    "h3": "",
    "p": "id class role hidden",
    "span": "id class role aria-hidden",
    "strong": "",
    "bdi": "",
    "code": "",
    "time": "datetime",
    "ul": "class",
    "ol": "class",
    "li": "class data-key",
    "dl": "",
    "dt": "",
    "dd": "",
    "table": "id",
    "caption": "id",
    "thead": "",
    "tbody": "",
    "tr": "data-key class",
    "th": "scope class data-by",
    "td": "class data-by",
    "svg": "class viewbox preserveaspectratio role aria-label height",
    "path": "class d",
    "rect": "class x y width height",
    "line": "class x1 x2 y1 y2",
    "form": "method action class id",
    "fieldset": "class",
    "legend": "",
    "label": "for",
    "input": "type name id value checked required autocomplete placeholder data-header data-usual",
    "textarea": "id name rows required spellcheck autocomplete",
    "button": "type class disabled aria-label",
    "pre": "id hidden tabindex aria-label role",
}
"""Each element that the page is made of, and its attributes."""


@dataclass(frozen=True, slots=True)
class Element:
    tag: str
    attributes: dict[str, str]


@dataclass
class Document:
    """What was read. skeleton: the elements with the names of their attributes, in order."""

    elements: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def skeleton(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(element.tag, tuple(element.attributes)) for element in self.elements]

    def all(self, tag: str) -> list[dict[str, str]]:
        return [element.attributes for element in self.elements if element.tag == tag]

    def by_id(self, key: str) -> Element:
        (found,) = [e for e in self.elements if e.attributes.get("id") == key]
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.document = Document()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        unknown = set(names) - set(KNOWN.get(tag, "").split())
        if tag not in KNOWN or unknown or len(set(names)) < len(names):
            self.document.faults.append(f"<{tag} {names}>")
        self.document.elements.append(Element(tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.document.faults.append(f"</{tag}> closes another")

    def handle_data(self, data: str) -> None:
        self.document.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.document.faults.append(f"comment {data!r}")

    def handle_pi(self, data: str) -> None:
        self.document.faults.append(f"instruction {data!r}")

    def unknown_decl(self, data: str) -> None:
        self.document.faults.append(f"declaration {data!r}")


def read(html: str | bytes) -> Document:
    """A document or a part of one; all that is not well formed or not known is among `faults`."""
    reader = _Reader()
    reader.feed(html.decode() if isinstance(html, bytes) else html)
    reader.close()
    if reader.open:
        reader.document.faults.append(f"left open: {reader.open}")
    return reader.document

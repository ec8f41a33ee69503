"""A tiny builder of HTML: what is not `Markup` is text, and text is escaped, always.

Tenants type expressions, headers and label values, upstreams send error texts: whatever they hold, it
stays text. Characters that are not seen, or that turn the order of others around, are shown by their
number. Addresses in links and forms can only be this server's own.
"""

from __future__ import annotations

import re
from functools import lru_cache

from proxy.status.figures import NOTHING

_CHANGED = re.compile(
    "[&<>\"'\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
_NAME = re.compile(r"[a-z][a-zA-Z0-9-]*")
_VOID = frozenset({"input", "link", "meta", "br"})
_ADDRESSES = frozenset({"href", "src", "action"})
_OWN_ADDRESS = re.compile(r"#[a-z-]*|[a-z0-9]+(?:[./][a-z0-9_-]+)*(?:\?[A-Za-z0-9%=&._~+-]*)?")
"""Relative, so that the page works below any prefix; no scheme and no host fits in."""

_SHOWN = 300
_REPEATED = 24
"""Characters: longer values of attributes are seldom the same."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | None
Attribute = str | int | float | bool | None


def escape(text: str) -> Markup:
    """Text as it stands in an element or in a quoted attribute."""
    return text if isinstance(text, Markup) else Markup(_CHANGED.sub(_escaped, text))


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    return _ENTITIES.get(character) or f"⟨U+{ord(character):04X}⟩"


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """An element. `class_` and `for_` are attributes, `aria_label` is `aria-label`.

    An attribute that is None or False is left out, as is a child that is None.

    Raises:
        ValueError: a name that is none, or an address that is not this server's own.
    """
    _check_name(name)
    opening = f"<{name}{''.join([_attribute(key, value) for key, value in attributes.items()])}>"
    if name in _VOID:
        return Markup(opening)
    return Markup(f"{opening}{''.join([escape(c) for c in children if c is not None])}</{name}>")


def join(*children: Child) -> Markup:
    """Elements one behind the other."""
    return Markup("".join(escape(child) for child in children if child is not None))


def _attribute(key: str, value: Attribute) -> str:
    if isinstance(value, str) and len(value) > _REPEATED:
        return _written(key, value)
    return _written_lately(key, value)


def _written(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    _check_name(name)
    if name.startswith("on") or name == "style":
        raise ValueError(f"{name}: the page's own policy forbids it")
    if value is True:
        return f" {name}"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    if name in _ADDRESSES and not _OWN_ADDRESS.fullmatch(text):
        raise ValueError(f"{text[:_SHOWN]}: not an address of this server")
    return f' {name}="{_CHANGED.sub(_escaped, text)}"'


_written_lately = lru_cache(2048, typed=True)(_written)
"""Most attributes are the same few, over and over."""


@lru_cache(256)
def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:_SHOWN]}: no name of an element or attribute")


def clip(text: str, most: int = _SHOWN) -> str:
    """The beginning of a text, so that no page is larger for what somebody typed."""
    if len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text):,} characters)"


def typed(text: str, most: int = _SHOWN) -> Markup:
    """What somebody else has typed: clipped, and its direction of writing is its own affair."""
    return tag("bdi", clip(text, most)) if text else tag("span", NOTHING, class_="none")


def code(text: str, most: int = _SHOWN) -> Markup:
    """An expression, likewise."""
    return tag("code", typed(text, most))

"""Text that UTF-8 can carry: headers of requests may hold bytes that are no text."""

from __future__ import annotations


def valid_text(text: str) -> str:
    """The same, with a `?` for each character that UTF-8 has none for."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")

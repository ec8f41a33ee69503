"""Whether a JSON document that arrives piece by piece has come to its end.

Brackets outside of strings are counted. What stands between them is not looked at: this tells half a
document from a whole one, not a right one from a wrong one.
"""

from __future__ import annotations

_SPACE = b" \t\r\n"
_PIECE_BYTES = 1 << 18
_OTHERS = bytes(byte for byte in range(256) if byte not in b'"{}[]')


class JsonEnd:
    """Of one document, an object or an array."""

    __slots__ = ("_depth", "_in_string", "_is_escaped", "_last")

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._is_escaped = False
        self._last = b""

    @property
    def is_whole(self) -> bool:
        """Whether what was fed ends where its outermost bracket does, and maybe in white space."""
        return self._depth == 0 and not self._in_string and self._last in {b"}", b"]"}

    def feed(self, piece: bytes) -> None:
        """The next bytes."""
        if not piece:
            return
        self._last = piece.rstrip(_SPACE)[-1:] or self._last
        if self._is_escaped or b"\\" in piece:
            piece = self._without_escapes(piece)
        marks = piece.translate(None, _OTHERS)
        # Two quotes with nothing between them change nothing for what stands before and after.
        parts = marks.replace(b'""', b"").split(b'"')
        outside = b"".join(parts[self._in_string :: 2])
        self._in_string ^= len(parts) % 2 == 0
        self._depth += outside.count(b"{") + outside.count(b"[")
        self._depth -= outside.count(b"}") + outside.count(b"]")

    def _without_escapes(self, piece: bytes) -> bytes:
        """Escapes are nothing here; one may begin in a piece and end in the next."""
        if self._is_escaped:
            piece = piece[1:]
        piece = piece.replace(b"\\\\", b"")
        self._is_escaped = piece.endswith(b"\\")
        return piece.replace(b'\\"', b"")


def is_whole_json(body: bytes) -> bool:
    """Whether a body is a whole document, as `JsonEnd` sees it; others may run in between."""
    end = JsonEnd()
    if len(body) <= _PIECE_BYTES:
        end.feed(body)
        return end.is_whole
    for at in range(0, len(body), _PIECE_BYTES):
        end.feed(body[at : at + _PIECE_BYTES])
    return end.is_whole

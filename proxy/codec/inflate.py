"""An upstream's gzip, inflated as it arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isal import isal_zlib

from proxy.errors import BadUpstreamAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator

_GZIP_WINDOW_BITS = 31
INFLATED_BYTES = 1 << 18
"""What is inflated at once."""


class Inflate:
    """One gzip member; what follows it is not looked at."""

    __slots__ = ("_inflate",)

    def __init__(self) -> None:
        self._inflate = isal_zlib.decompressobj(_GZIP_WINDOW_BITS)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Piece by piece: a few bytes may become very many, and memory for them is asked for first.

        Raises:
            BadUpstreamAnswerError: it is no gzip.
        """
        try:
            more = None
            while more is None or len(more) == INFLATED_BYTES:
                more = self._inflate.decompress(chunk, INFLATED_BYTES)
                yield more
                chunk = self._inflate.unconsumed_tail
        except isal_zlib.error as error:  # type: ignore[misc]  # its stub is wrong
            raise BadUpstreamAnswerError("the upstream's gzip answer is broken") from error

    def end(self) -> None:
        """Nothing follows.

        Raises:
            BadUpstreamAnswerError: it has not come to its end.
        """
        if not self._inflate.eof:
            raise BadUpstreamAnswerError("the upstream's gzip answer is truncated")

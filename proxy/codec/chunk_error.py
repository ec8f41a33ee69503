"""What every decoder of chunks raises."""

from __future__ import annotations


class ChunkError(ValueError):
    """A chunk is not what its kind says: truncated, or malformed in another way."""

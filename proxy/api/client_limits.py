"""What one client, and all clients together, may take before anything is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

LEAST_PROGRESS_BYTES = 1 << 16
"""Who moves less than this in the time of a limit does not move."""


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Bounds of a connection; `limits_of` finds them wherever a request is at hand.

    header_timeout_s: for the head of a request, from its first byte; of the first one, from the
    connection's beginning. body_timeout_s: for each 64 KiB of a request's body, and what is left.
    max_stall_s: the same for an answer, as the client reads it. max_head_bytes: of a request, all
    its header fields together. max_parameters: in URL and form. max_connections: at once.
    """

    header_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    max_stall_s: float = 60.0
    max_head_bytes: int = 1 << 18
    max_parameters: int = 1_000
    max_connections: int = 10_000


_USUAL = ClientLimits()


def limits_of(request: web.BaseRequest) -> ClientLimits:
    """The limits of the connection that a request came on."""
    found = getattr(request.protocol, "limits", None)
    return found if isinstance(found, ClientLimits) else _USUAL

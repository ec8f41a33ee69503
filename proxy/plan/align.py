"""Moves a range query onto multiples of its step. Off unless asked for: it changes answers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.model.query import RangeQuery


def align_with_step(query: RangeQuery) -> RangeQuery:
    """Start and end rounded down to multiples of the step (Thanos `step_align.go`)."""
    step_ms = query.step_ms
    return dataclasses.replace(
        query,
        start_ms=query.start_ms // step_ms * step_ms,
        end_ms=query.end_ms // step_ms * step_ms,
    )

"""`Server-Timing`: where an answer's time has gone, for a browser's network tab (W3C Server Timing)."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.telemetry.record import Record

SERVER_TIMING = "Server-Timing"
_QUICK_US = 1_000
"""What is answered sooner is told in one number: to say more would take longer than to do it."""


def server_timing(record: Record) -> str:
    """Milliseconds by stage until now; with how many questions the upstream was asked.

    What is sent afterwards cannot be in it.
    """
    took_us = int((perf_counter() - record.began_s) * 1e6)
    if took_us < _QUICK_US:
        return f"total;dur=0.{took_us:03}"
    stages = [f"{name};dur={took_s * 1000:.3f}" for name, took_s in record.stages_s().items()]
    if record.asks:
        stages.append(f'upstream;desc="{len(record.asks)} asked"')
    return ", ".join([*stages, f"total;dur={took_us / 1000:.3f}"])

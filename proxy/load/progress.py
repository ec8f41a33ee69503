"""The line that is shown while a run goes on."""

from __future__ import annotations

import asyncio
import shutil
import time
from typing import TYPE_CHECKING, TextIO

from proxy.load.histogram import Histogram
from proxy.load.result import latency_text
from proxy.load.units import clock, count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.load.tally import Tally

TERMINAL_EVERY_S, PLAIN_EVERY_S = 0.25, 5.0
_BAR_CELLS = 20


def progress_line(tallies: Sequence[Tally], elapsed_ms: float, duration_ms: float) -> str:
    """Of all targets together; rate and percentiles are those of the last ten seconds."""
    done = min(1.0, elapsed_ms / duration_ms)
    filled = int(done * _BAR_CELLS)
    recent = Histogram()
    for tally in tallies:
        recent.merge(tally.recent(elapsed_ms))
    requests = sum(tally.all.requests for tally in tallies)
    errors = sum(tally.all.failures for tally in tallies)
    speed = requests / max(0.001, elapsed_ms / 1000)
    return (
        f"[{'█' * filled}{'·' * (_BAR_CELLS - filled)}]"
        f" {clock(elapsed_ms / 1000)}/{clock(duration_ms / 1000)}"
        f"  {count(requests)} done, {speed:.1f} /s"
        f"  p50 {latency_text(recent, 50)}  p99 {latency_text(recent, 99)}"
        f"  errors {count(errors)}  in flight {sum(tally.in_flight for tally in tallies)}"
    )


class ProgressLine:
    """Writes the line: over itself on a terminal, else a new one every five seconds."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()

    @property
    def every_s(self) -> float:
        """How often to write."""
        return TERMINAL_EVERY_S if self._is_terminal else PLAIN_EVERY_S

    def write(self, line: str) -> None:
        """Show the line."""
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r{line[:width]:<{width}}")
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def close(self) -> None:
        """Leave the terminal's line, so that what follows begins on a new one."""
        if self._is_terminal:
            self._stream.write("\n")
            self._stream.flush()

    async def follow(self, tallies: Sequence[Tally], start_s: float, duration_ms: float) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(self.every_s)
            elapsed_ms = (time.monotonic() - start_s) * 1000
            self.write(progress_line(tallies, max(0.0, elapsed_ms), duration_ms))

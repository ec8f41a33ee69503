"""The timestamps of a range query, as one value that cannot be wrong.

Prometheus evaluates a range query at `start`, `start + step`, … up to and including `end`. A
`Grid` stores the number of steps instead of the end, so an end that is off the grid cannot exist.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Grid:
    """`steps` timestamps, `step_ms` apart, the first at `start_ms` (Unix milliseconds)."""

    start_ms: int
    step_ms: int
    steps: int

    def __post_init__(self) -> None:
        if self.step_ms <= 0 or self.steps <= 0:
            raise ValueError(f"a grid has a positive step and at least one step, not {self}")

    @classmethod
    def between(cls, start_ms: int, end_ms: int, step_ms: int) -> Grid:
        """The grid of a range query: as Prometheus, the end is included when it is on the grid."""
        return cls(start_ms, step_ms, (end_ms - start_ms) // step_ms + 1)

    @property
    def last_ms(self) -> int:
        return self.start_ms + (self.steps - 1) * self.step_ms

    @property
    def phase_ms(self) -> int:
        """Where the grid lies against multiples of the step: `start mod step`."""
        return self.start_ms % self.step_ms

    @property
    def first_index(self) -> int:
        """The number of the first step, counted from the epoch: one scale for a whole phase."""
        return self.start_ms // self.step_ms

    def sliced(self, first: int, end: int) -> Grid:
        """The steps `first` to `end` (exclusive), counted from this grid's own start."""
        return Grid(self.start_ms + first * self.step_ms, self.step_ms, end - first)

    def steps_before(self, time_ms: int) -> int:
        """How many steps of this grid lie strictly before a time."""
        return min(max(-((self.start_ms - time_ms) // self.step_ms), 0), self.steps)

    def __str__(self) -> str:
        return f"{self.start_ms}+{self.steps}x{self.step_ms}ms"

"""Times one stage, and notes with the figures what `benchmarks.table` needs to divide them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from benchmarks.stages.inputs import Answer, Size

T = TypeVar("T")


class Work(NamedTuple):
    """How much one call of a stage handles: so many points of series over so many steps."""

    series: int
    steps: int
    points: int


def window(answer: Answer) -> Work:
    """All of an answer."""
    return Work(answer.size.series, answer.size.steps, answer.points)


def one_piece(size: Size) -> Work:
    """One piece that has a point at every step."""
    return Work(size.series, size.piece_steps, size.series * size.piece_steps)


class Measure:
    """Times calls; used once in a test."""

    def __init__(self, benchmark: BenchmarkFixture) -> None:
        self._benchmark = benchmark

    def __call__(self, stage: str, call: Callable[[], T], work: Work | None = None) -> T:
        """Time `call` and return what it gives.

        Args:
            stage: its row in the table; one stage has the same name at every size.
            call: the stage, with all that it works on at hand.
            work: what a call handles; None where the cost does not depend on series and points.
        """
        self._benchmark.group = stage
        self._benchmark.extra_info.update(stage=stage, **(work._asdict() if work else {}))
        result: T = self._benchmark(call)
        return result

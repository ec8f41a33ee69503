"""The line while a run goes on."""

from __future__ import annotations

import asyncio
import io
import time
from typing import TYPE_CHECKING

from proxy.load import progress
from proxy.load.progress import ProgressLine, progress_line
from tests.load.examples import failed, ok, tally

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_line_sums_up_all_targets() -> None:
    one, two = tally(ok(0, 10), ok(1_000, 20)), tally(ok(0, 30), failed(0))
    one.sent()
    line = progress_line([one, two], 5_000, 10_000)
    bar, numbers = line[:22], line[22:]
    assert bar == "[██████████··········]"
    assert numbers == (" 0:05/0:10  4 done, 0.8 /s  p50 20.1 ms  p99 30.0 ms  errors 1  in flight 1")


def test_before_the_first_answer_there_are_no_percentiles() -> None:
    assert "p50 -  p99 -" in progress_line([tally()], 0, 10_000)


def test_a_terminal_s_line_is_written_over_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    line = ProgressLine(terminal)
    line.write("a long line that does not fit")
    line.write("short")
    line.close()
    assert terminal.getvalue() == "\ra long line that do\rshort              \n"
    assert line.every_s < 1


def test_elsewhere_every_line_is_its_own() -> None:
    stream = io.StringIO()
    line = ProgressLine(stream)
    line.write("one")
    line.write("two")
    line.close()
    assert stream.getvalue() == "one\ntwo\n"
    assert line.every_s == 5


async def test_the_line_is_shown_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_EVERY_S", 0.02)
    stream = io.StringIO()
    following = ProgressLine(stream).follow([tally(ok(0, 5))], time.monotonic(), 10_000)
    task = asyncio.create_task(following)
    await asyncio.sleep(0.15)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert stream.getvalue().count("1 done") >= 3

"""What the differential tests share: the tally, which is shown at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.differential.running import Tally
from tests.differential.windows import MINUTE_MS, Window

if TYPE_CHECKING:
    from tests.thanos.cluster import ThanosCluster

TALLY: pytest.StashKey[Tally] = pytest.StashKey()


@pytest.fixture(scope="session")
def tally(request: pytest.FixtureRequest) -> Tally:
    return request.config.stash.setdefault(TALLY, Tally())


@pytest.fixture(scope="session")
def data(thanos: ThanosCluster) -> Window:
    """The time that the sample series cover."""
    return Window(thanos.start_ms, thanos.end_ms, MINUTE_MS)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash.get(TALLY, None)
    if tally is not None and (lines := tally.lines()):
        terminalreporter.section("differential cases, by reason to doubt Thanos itself")
        for line in lines:
            terminalreporter.write_line(line)

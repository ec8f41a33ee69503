"""While time moves on and samples arrive, every answer is what Thanos Query says at that moment.

A failure prints the case, the settings that were drawn, and the story up to it; `--seed`, `--end`
and `--cases` repeat the run.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.differential.clock import MovedClock
from tests.differential.moving import World, draw_cases, live_through
from tests.differential.running import Tally, both_sides, draw_settings
from tests.differential.test_differential import report
from tests.differential.windows import CUTS_MS, DAY_MS, MINUTE_MS, Window
from tests.thanos.cluster import ThanosCluster
from tests.thanos.samples import sample_series

if TYPE_CHECKING:
    import pytest

    from proxy.demo.series import Series
    from tests.differential.modes import Finding
    from tests.thanos.series import RawSeries

GROUP = 6
SHARE = 8
"""One case for so many that are asked once."""
HISTORY_MS = DAY_MS
FUTURE_MS = 5 * DAY_MS
ENOUGH_MS = DAY_MS
"""A world ends when less than this is left of its future: then another one begins."""


def before(series: list[RawSeries], end_ms: int) -> list[RawSeries]:
    """The samples before a time."""


async def test_while_samples_arrive_an_answer_is_that_of_thanos_query_to_the_byte(
    tally: Tally, pytestconfig: pytest.Config
) -> None:
    ...

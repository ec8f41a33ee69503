"""What all tests share: options, hypothesis profiles, lost errors, the real Thanos.

    pytest --cases=2000 --seed=7        more differential cases, from another seed
    pytest --hypothesis-profile=deep    more and other examples for property tests
    pytest -m "not thanos"              only what needs no real server

The header of a run names the options that repeat it.
"""

from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import uvloop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.thanos.cluster import ThanosCluster

HOUR_MS = 3_600_000

# Two noisy cores decide how long an example takes, so neither profile has a deadline. `fast`
# judges every change by the same examples; `deep` looks for new ones.
hypothesis.settings.register_profile(
    "fast", max_examples=60, deadline=None, derandomize=True, database=None
)
hypothesis.settings.register_profile("deep", max_examples=2_000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("fast")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("thanoxy")
    group.addoption("--cases", type=int, default=300, help="differential cases to ask (default: 300)")
    group.addoption("--seed", type=int, default=1, help="what they are drawn from (default: 1)")
    group.addoption(
        "--end",
        type=int,
        default=int(time.time()) * 1000 // HOUR_MS * HOUR_MS,
        help="end of the sample data, unix ms (default: the last full hour)",
    )


def pytest_report_header(config: pytest.Config) -> str:
    names = ("cases", "seed", "end")
    return "thanoxy: " + " ".join(f"--{name}={config.getoption(name)}" for name in names)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run on the event loop that the proxy runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "thanos" in getattr(item, "fixturenames", ()):
            item.add_marker("thanos")


def pytest_collection_finish() -> None:
    """Keep what was imported out of the collections that `no_lost_errors` asks for."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def only_this_file_is_searched() -> None:
    """What the files before have left, reports above all, else makes each collection longer."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_lost_errors(request: pytest.FixtureRequest) -> None:
    """Fail the test when a task dies unobserved: pytest alone does not."""
    if request.node.get_closest_marker("asyncio"):
        request.getfixturevalue("watched_loop")


@pytest.fixture
async def watched_loop() -> AsyncIterator[None]:
    """The part of `no_lost_errors` for tests that have an event loop."""
    lost: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: lost.append(context))
    yield
    gc.collect()  # a task reports its unread exception when it is collected
    await asyncio.sleep(0)
    assert not lost, lost


@pytest.fixture(scope="session")
def thanos(request: pytest.FixtureRequest) -> Iterator[ThanosCluster]:
    """A real Thanos that holds the sample series up to `--end`; one for the whole run."""
    from tests.thanos.cluster import ThanosCluster
    from tests.thanos.samples import sample_series

    end_ms = request.config.getoption("end")
    with ThanosCluster(sample_series(end_ms), end_ms=end_ms) as cluster:
        yield cluster

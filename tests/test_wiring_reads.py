"""Settings reach what serves remote reads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from proxy.api.respond import ResponsePolicy
from proxy.engine.threads import WorkerThreads
from proxy.setting_values import SettingError
from proxy.settings import Settings
from proxy.wiring_reads import open_store_api, reads_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.wiring_reads import Ground


@pytest.fixture
def threads() -> Iterator[WorkerThreads]:
    made = WorkerThreads(1, 0)
    yield made
    made.close()


def test_without_grpc_addresses_there_is_no_store_api(threads: WorkerThreads) -> None:
    assert open_store_api(Settings(), threads) is None


async def test_an_address_opens_a_store_api(threads: WorkerThreads) -> None:
    api = open_store_api(Settings(grpc_addresses=("127.0.0.1:1",)), threads)
    assert api is not None
    await api.close()


async def test_a_certificate_that_cannot_be_read_is_a_setting_error(threads: WorkerThreads) -> None:
    settings = Settings(
        grpc_addresses=("127.0.0.1:1",), grpc_tls=True, grpc_tls_ca="/nonexistent/ca.pem"
    )
    with pytest.raises(SettingError, match=r"nonexistent/ca\.pem"):
        open_store_api(settings, threads)


async def test_limits_are_those_of_the_settings(threads: WorkerThreads) -> None:
    numbers = {
        "read_max_body_bytes": 1,
        "read_max_queries": 2,
        "read_max_series": 3,
        "read_max_samples": 4,
        "read_max_plain_samples": 5,
        "read_max_bytes": 6,
        "read_frame_bytes": 7,
        "read_max_stall_ms": 8,
    }
    ground = cast("Ground", SimpleNamespace(threads=threads, admission=None, limits=None))
    respond = ResponsePolicy(gzip=True, cors=True)
    made = reads_endpoint(Settings(**numbers), None, respond, None, ground)  # type: ignore[arg-type]
    limits = made.limits
    assert (limits.max_body_bytes, limits.max_queries, limits.max_series) == (1, 2, 3)
    assert (limits.max_samples, limits.max_plain_samples, limits.max_bytes) == (4, 5, 6)
    assert (limits.frame_bytes, limits.max_stall_ms) == (7, 8)

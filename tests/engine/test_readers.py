"""On whose behalf a read is made: told by headers, and by what Thanos Query enforces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.engine.query_flags import LearnedFlags, QueryFlags
from proxy.engine.readers import Readers
from proxy.errors import UpstreamAnswerError, UpstreamUnreachableError
from proxy.model.query import Caller
from proxy.model.read_query import Reader
from proxy.plan.cache_key import vary_fields
from tests.engine.cached import ManualClock
from tests.fakes import Asked, MemoryUpstream

if TYPE_CHECKING:
    from proxy.engine.ports import UpstreamAnswer

VARY = ("x-team", "authorization")
ENFORCED = QueryFlags(("replica",), True, "tenant_id", "nobody")


def readers(known: QueryFlags | None, tenant_header: str = "x-team") -> Readers:
    """Flags as settings say, in front of an upstream that has no such endpoint."""

    async def no_such_endpoint(_asked: Asked) -> UpstreamAnswer:
        raise UpstreamAnswerError(404, (), b"")

    learned = LearnedFlags(MemoryUpstream(no_such_endpoint), ManualClock(), known or QueryFlags())
    return Readers(VARY, tenant_header, learned if known else None)


def caller(*pairs: tuple[str, str]) -> Caller:
    return Caller(pairs)


async def test_a_source_that_knows_tenants_by_itself_is_told_only_what_varies() -> None:
    headers = caller(("X-Team", "a"), ("Authorization", "b"))
    assert await readers(None).of(headers) == Reader(vary_fields(headers.pairs, VARY))


async def test_what_deduplicates_and_enforces_comes_from_the_flags() -> None:
    found = await readers(ENFORCED).of(caller(("X-Team", "a")))
    assert found.replica_labels == ("replica",)
    assert found.is_chain
    assert found.tenant_label == "tenant_id"


@pytest.mark.parametrize("name", VARY)
async def test_a_header_that_varies_makes_another_reader(name: str) -> None:
    told = readers(None)
    one, two, none = [await told.of(caller(*pairs)) for pairs in ([(name, "1")], [(name, "2")], [])]
    assert len({one, two, none}) == 3


async def test_a_header_that_does_not_vary_makes_no_other_reader() -> None:
    told = readers(None)
    assert await told.of(caller(("User-Agent", "a"))) == await told.of(caller(("User-Agent", "b")))


@pytest.mark.parametrize(
    ("pairs", "tenant"),
    [
        ([], "nobody"),
        ([("X-Team", "")], "nobody"),
        ([("X-Team", "a")], "a"),
        ([("x-team", "a")], "a"),
        ([("X-TEAM", "a"), ("x-team", "b")], "a"),
        ([("X-Team", ""), ("X-Team", "b")], "nobody"),
        ([("X-Team", "a"), ("THANOS-TENANT", "b")], "a"),
        ([("X-Team", ""), ("THANOS-TENANT", "b")], "b"),
        ([("THANOS-TENANT", "b")], "b"),
        ([("X-Other", "c")], "nobody"),
    ],
    ids=str,
)
async def test_the_tenant_is_the_one_whom_thanos_would_find(
    pairs: list[tuple[str, str]], tenant: str
) -> None:
    assert (await readers(ENFORCED).of(caller(*pairs))).tenant == tenant


async def test_thanoss_own_header_needs_no_other() -> None:
    told = readers(ENFORCED, tenant_header="thanos-tenant")
    assert (await told.of(caller(("THANOS-TENANT", "a")))).tenant == "a"


async def test_flags_that_cannot_be_learned_are_an_error_of_the_read() -> None:
    async def fails(_asked: Asked) -> UpstreamAnswer:
        raise UpstreamUnreachableError("nobody there")

    told = Readers(VARY, "x-team", LearnedFlags(MemoryUpstream(fails), ManualClock(), ENFORCED))
    with pytest.raises(UpstreamUnreachableError):
        await told.of(caller(("X-Team", "a")))

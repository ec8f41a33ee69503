"""What Thanos Query's flags say of replicas and tenants: read, remembered, and never lost again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from proxy.engine.ports import UpstreamAnswer
from proxy.engine.query_flags import PATH, LearnedFlags, QueryFlags
from proxy.errors import (
    BadUpstreamAnswerError,
    QueryError,
    UpstreamAnswerError,
    UpstreamUnreachableError,
)
from tests.engine.cached import ManualClock
from tests.fakes import MemoryUpstream

if TYPE_CHECKING:
    from tests.fakes import Asked

MINUTE_MS = 60_000
UNSET = {
    "deduplication.func": "penalty",
    "query.default-tenant-id": "default-tenant",
    "query.enforce-tenancy": "false",
    "query.replica-label": "",
    "query.tenant-label-name": "tenant_id",
}
"""As a Thanos Query that was started without any of these flags lists them."""


@dataclass
class ThanosQuery:
    """Lists its flags, or fails."""

    flags: dict[str, str] = field(default_factory=UNSET.copy)
    failure: QueryError | None = None

    async def answer(self, _asked: Asked) -> UpstreamAnswer:
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return UpstreamAnswer(orjson.dumps({"status": "success", "data": self.flags}), no_store=False)


class Learning:
    """A `LearnedFlags` with its surroundings."""

    def __init__(self, known: QueryFlags | None = None, **flags: str) -> None:
        self.query = ThanosQuery({**UNSET, **{_dashed(name): text for name, text in flags.items()}})
        self.clock = ManualClock()
        self.upstream = MemoryUpstream(self.query.answer)
        self.learned = LearnedFlags(self.upstream, self.clock, known or QueryFlags())

    async def get(self) -> QueryFlags:
        return await self.learned.get()


def _dashed(name: str) -> str:
    return name.replace("__", ".").replace("_", "-")


async def test_without_flags_nothing_is_deduplicated_and_no_tenant_is_enforced() -> None:
    learning = Learning()
    assert await learning.get() == QueryFlags((), False, "", "default-tenant")
    assert [asked.raw_path for asked in learning.upstream.asked] == [PATH]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("replica", ("replica",)),
        ("replica,prometheus_replica", ("prometheus_replica", "replica")),
        ("b,a,c,a", ("a", "b", "c")),
        ("a,,b,", ("a", "b")),
    ],
)
async def test_replica_labels_stand_behind_commas_and_are_ordered_as_thanos_orders_them(
    text: str, labels: tuple[str, ...]
) -> None:
    assert (await Learning(query__replica_label=text).get()).replica_labels == labels


async def test_the_order_of_the_flags_is_not_another_deduplication() -> None:
    one, two = Learning(query__replica_label="a,b"), Learning(query__replica_label="b,a")
    assert await one.get() == await two.get()


@pytest.mark.parametrize(("func", "is_chain"), [("chain", True), ("penalty", False), ("", False)])
async def test_the_function_of_deduplication_is_learned(func: str, is_chain: bool) -> None:
    assert (await Learning(deduplication__func=func).get()).is_chain is is_chain


@pytest.mark.parametrize(("enforced", "label"), [("true", "team"), ("false", ""), ("", "")])
async def test_the_tenant_label_counts_where_tenancy_is_enforced(enforced: str, label: str) -> None:
    learning = Learning(query__enforce_tenancy=enforced, query__tenant_label_name="team")
    assert (await learning.get()).tenant_label == label


async def test_an_enforcing_query_that_names_no_label_means_thanoss_default() -> None:
    learning = Learning(query__enforce_tenancy="true")
    del learning.query.flags["query.tenant-label-name"]
    assert (await learning.get()).tenant_label == "tenant_id"


async def test_the_default_tenant_is_learned() -> None:
    assert (await Learning(query__default_tenant_id="all").get()).default_tenant == "all"


async def test_what_settings_say_wins_over_what_is_learned() -> None:
    known = QueryFlags(("mine",), True, "my_tenant", "me")
    learning = Learning(
        known,
        query__replica_label="theirs",
        query__enforce_tenancy="true",
        deduplication__func="penalty",
    )
    learned = await learning.get()
    assert learned.replica_labels == ("mine",)
    assert learned.is_chain
    assert learned.tenant_label == "my_tenant"


async def test_they_are_asked_for_once_a_minute() -> None:
    learning = Learning(query__replica_label="a")
    await learning.get()
    learning.query.flags["query.replica-label"] = "b"
    learning.clock.advance(MINUTE_MS - 1)
    assert (await learning.get()).replica_labels == ("a",)
    learning.clock.advance(1)
    assert (await learning.get()).replica_labels == ("b",)
    assert len(learning.upstream.asked) == 2


async def test_a_failure_before_anything_was_learned_is_raised_and_asked_again() -> None:
    learning = Learning(query__replica_label="a")
    learning.query.failure = UpstreamUnreachableError("nobody there")
    with pytest.raises(UpstreamUnreachableError):
        await learning.get()
    learning.query.failure = None
    assert (await learning.get()).replica_labels == ("a",)


@pytest.mark.parametrize(
    "failure",
    [
        UpstreamUnreachableError("nobody there"),
        UpstreamAnswerError(503, (), b"starting"),
        BadUpstreamAnswerError("not flags"),
        UpstreamAnswerError(404, (), b"an ingress that lost its rules"),
    ],
    ids=str,
)
async def test_a_failure_later_on_takes_nothing_away(failure: QueryError) -> None:
    learning = Learning(query__replica_label="a", query__enforce_tenancy="true")
    before = await learning.get()
    learning.query.failure = failure
    learning.clock.advance(MINUTE_MS)
    assert await learning.get() == before


@pytest.mark.parametrize("status", [404, 405])
async def test_an_upstream_without_such_an_endpoint_is_what_the_settings_say(status: int) -> None:
    known = QueryFlags(("replica",), tenant_label="team")
    learning = Learning(known)
    learning.query.failure = UpstreamAnswerError(status, (), b"404 page not found")
    assert await learning.get() == known
    await learning.get()
    assert len(learning.upstream.asked) == 1


async def test_an_upstream_that_gets_the_endpoint_later_is_learned_from() -> None:
    learning = Learning(query__replica_label="a")
    learning.query.failure = UpstreamAnswerError(404, (), b"404 page not found")
    await learning.get()
    learning.query.failure = None
    learning.clock.advance(MINUTE_MS)
    assert (await learning.get()).replica_labels == ("a",)


async def test_an_error_that_is_not_about_the_endpoint_is_raised() -> None:
    learning = Learning()
    learning.query.failure = UpstreamAnswerError(401, (), b"who are you?")
    with pytest.raises(UpstreamAnswerError):
        await learning.get()


async def test_it_asks_on_its_own_behalf() -> None:
    learning = Learning()
    await learning.get()
    assert [asked.headers for asked in learning.upstream.asked] == [[]]


async def test_tenants_from_certificates_are_not_guessed() -> None:
    flags: Any = {"query__enforce_tenancy": "true", "query__tenant_certificate_field": "commonName"}
    with pytest.raises(BadUpstreamAnswerError, match="tenant-certificate-field"):
        await Learning(**flags).get()
    told = Learning(QueryFlags(tenant_label="team"), **flags)
    assert (await told.get()).tenant_label == "team"

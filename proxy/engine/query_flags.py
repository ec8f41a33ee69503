"""How Thanos Query deduplicates and tells tenants apart, learned from its own flags.

Its HTTP API does both by itself; its StoreAPI does neither, so remote reads have to.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from proxy.codec.flags_json import parse_flags
from proxy.errors import BadUpstreamAnswerError, QueryError, UpstreamAnswerError
from proxy.model.query import Caller

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.engine.ports import Clock, Upstream, UpstreamAnswer

PATH = "/api/v1/status/flags"
_REMEMBERED_MS = 60_000
_BY_CERTIFICATE = (
    "Thanos Query takes tenants from client certificates (--query.tenant-certificate-field), which "
    "remote reads over gRPC do not see: set --upstream.tenant-label, and let nobody else set the "
    "tenant's header"
)
_NO_SUCH_ENDPOINT = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}


@dataclass(frozen=True, slots=True)
class QueryFlags:
    """What Thanos Query's flags say.

    replica_labels: what tells replicas apart. is_chain: replicas' samples are united, not chosen by
    penalty. tenant_label: what every series of a tenant bears, "" where tenancy is not enforced.
    default_tenant: who asks without saying who.
    """

    replica_labels: tuple[str, ...] = ()
    is_chain: bool = False
    tenant_label: str = ""
    default_tenant: str = "default-tenant"


class LearnedFlags:
    """Asks Thanos Query for its flags now and then.

    `known` holds what settings say; where they say nothing, what Thanos Query says counts.
    """

    def __init__(self, upstream: Upstream, clock: Clock, known: QueryFlags) -> None:
        self._upstream = upstream
        self._clock = clock
        self._known = known
        self._learned: QueryFlags | None = None
        self._until_ms = -1

    async def get(self) -> QueryFlags:
        """The flags, at most a minute old while Thanos Query answers.

        Raises:
            QueryError: Thanos Query does not answer and has not answered before. An upstream that
                never had such an endpoint deduplicates nothing and knows no tenants.
        """
        now_ms = self._clock.monotonic_ms()
        if self._learned is None or now_ms >= self._until_ms:
            self._learned = await self._learn_or_recall()
            self._until_ms = now_ms + _REMEMBERED_MS
        return self._learned

    async def _learn_or_recall(self) -> QueryFlags:
        try:
            return await self._learn()
        except QueryError:
            if self._learned is None:
                raise
            return self._learned

    async def _learn(self) -> QueryFlags:
        try:
            flags = await self._upstream.get(PATH, Caller(()), _read)
        except UpstreamAnswerError as error:
            if error.answer_status in _NO_SUCH_ENDPOINT and self._learned is None:
                return self._known
            raise
        return self._united(flags)

    def _united(self, flags: Mapping[str, str]) -> QueryFlags:
        known = self._known
        enforced = flags.get("query.enforce-tenancy") == "true"
        if enforced and flags.get("query.tenant-certificate-field") and not known.tenant_label:
            raise BadUpstreamAnswerError(_BY_CERTIFICATE)
        learned_label = flags.get("query.tenant-label-name", "tenant_id") if enforced else ""
        labels = sorted({label for label in flags.get("query.replica-label", "").split(",") if label})
        return dataclasses.replace(
            known,
            replica_labels=known.replica_labels or tuple(labels),
            is_chain=known.is_chain or flags.get("deduplication.func") == "chain",
            tenant_label=known.tenant_label or learned_label,
            default_tenant=flags.get("query.default-tenant-id", known.default_tenant),
        )


async def _read(answer: UpstreamAnswer) -> Mapping[str, str]:
    flags = parse_flags(answer.body)
    answer.memory.close()
    return flags

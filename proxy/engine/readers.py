"""On whose behalf a remote read is made: what its headers and Thanos Query's flags say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.model.read_query import Reader
from proxy.plan.cache_key import vary_fields

if TYPE_CHECKING:
    from proxy.engine.query_flags import LearnedFlags
    from proxy.model.query import Caller

THANOS_TENANT = "thanos-tenant"


@dataclass(frozen=True, slots=True)
class Readers:
    """Tells readers apart.

    vary_names, tenant_header: in lower case. flags: None for a source that deduplicates and knows
    tenants by itself.
    """

    vary_names: tuple[str, ...]
    tenant_header: str
    flags: LearnedFlags | None

    async def of(self, caller: Caller) -> Reader:
        """The reader of a request with these headers.

        Raises:
            QueryError: see `LearnedFlags.get`.
        """
        vary = caller.vary or vary_fields(caller.pairs, self.vary_names)
        if self.flags is None:
            return Reader(vary)
        flags = await self.flags.get()
        return Reader(
            vary=vary,
            tenant_label=flags.tenant_label,
            tenant=self._tenant(caller) or flags.default_tenant,
            replica_labels=flags.replica_labels,
            is_chain=flags.is_chain,
        )

    def _tenant(self, caller: Caller) -> str:
        """As Thanos (`pkg/tenancy`, `GetTenantFromHTTP`): its default header stands in for another."""
        first: dict[str, str] = {}
        for name, value in caller.pairs:
            first.setdefault(name.lower(), value)
        return first.get(self.tenant_header) or first.get(THANOS_TENANT, "")

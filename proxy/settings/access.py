"""Who is told apart from whom."""

from __future__ import annotations

import dataclasses

from proxy.settings.row import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class AccessSettings:
    """See `proxy.settings`."""

    tenant_header: str = setting(
        "query-frontend.tenant-header", "THANOS-TENANT", str, "the header that names the tenant"
    )
    vary_headers: str = setting(
        "cache.vary-headers", "X-Scope-OrgID,Authorization,Cookie", str,
        "request headers, beside the tenant's, that change answers; part of every key, hashed",
    )  # fmt: skip

"""Who is told apart from whom."""

from __future__ import annotations

import dataclasses

from proxy.setting_values import certificate_field, positive_duration_ms
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
    default_tenant: str = setting(
        "query-frontend.default-tenant-id", "default-tenant", str,
        "whose request it is when nothing says so; as Thanos Query's own flag",
    )  # fmt: skip
    tenant_certificate_field: str = setting(
        "query-frontend.tenant-certificate-field", "", certificate_field,
        "the field of the client's certificate that names the tenant, instead of the header",
    )  # fmt: skip
    http_config: str = setting(
        "http.config", "", str,
        "a file with TLS, passwords and tokens for clients, as Prometheus's web configuration",
    )  # fmt: skip
    tripper_config: str = setting(
        "query-frontend.downstream-tripper-config", "", str,
        "YAML for connections to the upstream (TLS and limits), as query-frontend takes it",
    )  # fmt: skip
    tripper_config_file: str = setting(
        "query-frontend.downstream-tripper-config-file", "", str, "a file with that YAML"
    )
    reload_interval_ms: int = setting(
        "config.reload-interval", "5s", positive_duration_ms,
        "how often files of settings and certificates are looked at; SIGHUP looks at once",
    )  # fmt: skip

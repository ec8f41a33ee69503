"""Opens what decides who may come in and who is trusted, and has it read again when files change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.api.auth import Authenticator
from proxy.api.tenants import TenantPolicy
from proxy.certificates import ClientCertificates, ServerCertificates
from proxy.file_watch import FileWatch
from proxy.http_config import read_http_config
from proxy.limits_config import LiveLimits, default_limits
from proxy.setting_values import SettingError
from proxy.telemetry.log import LOG
from proxy.telemetry.metrics import RELOADS
from proxy.tripper_config import TlsClient, TripperConfig, read_tripper_config

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from proxy.api.listener import Tls
    from proxy.settings import Settings


@dataclass(frozen=True, slots=True)
class Access:
    """auth: for clients. certificates: this server's, None without TLS. headers: on every answer.

    upstream_tls: for connections to https addresses. tripper: other bounds of connections.
    """

    auth: Authenticator
    certificates: ServerCertificates | None
    headers: tuple[tuple[str, str], ...]
    tenants: TenantPolicy
    tripper: TripperConfig
    upstream_tls: ClientCertificates
    watch: FileWatch
    limits: LiveLimits

    @property
    def server_tls(self) -> Callable[[], Tls | None]:
        """The TLS of new connections of clients."""
        return self.certificates.current if self.certificates else lambda: None

    def client_tls(self) -> ssl.SSLContext:
        """The TLS of new connections to the upstream."""
        return self.upstream_tls.current()


def open_access(settings: Settings, parts: AsyncExitStack) -> Access:
    """Read the files and watch them.

    Raises:
        SettingError: a file cannot be used, or settings contradict each other.
    """
    config = read_http_config(settings.http_config)
    auth = Authenticator(config.users, config.tokens)
    parts.callback(auth.close)
    certificates = ServerCertificates(config.tls) if config.tls else None
    tenants = TenantPolicy(
        settings.tenant_header, settings.default_tenant, settings.tenant_certificate_field
    )
    if tenants.certificate_field and not (config.tls and config.tls.client_ca_file):
        raise SettingError(
            "--query-frontend.tenant-certificate-field needs client certificates: "
            "give client_auth_type and client_ca_file in the file of --http.config"
        )
    tripper = read_tripper_config(settings.tripper_config, settings.tripper_config_file)
    for option in tripper.idle:
        LOG.warning(option)
    upstream_tls = ClientCertificates(tripper.tls or TlsClient())
    watch = FileWatch(settings.reload_interval_ms / 1000, lambda name, ok: RELOADS.labels(name).set(ok))
    if settings.http_config:
        own = [settings.http_config]
        watch.register(
            "http.config",
            lambda: [*own, *(certificates.files() if certificates else ())],
            lambda: _reload_http_config(settings.http_config, auth, certificates),
        )
    if upstream_tls.files():
        watch.register("upstream-tls", upstream_tls.files, upstream_tls.reload)
    limits = LiveLimits(settings.limits_config_file, default_limits(settings))
    if settings.limits_config_file:
        watch.register("limits", lambda: [settings.limits_config_file], limits.reload)
    return Access(auth, certificates, config.headers, tenants, tripper, upstream_tls, watch, limits)


def _reload_http_config(
    path: str, auth: Authenticator, certificates: ServerCertificates | None
) -> None:
    """What can fail comes first."""
    new = read_http_config(path)
    if (new.tls is None) != (certificates is None):
        raise SettingError("--http.config: TLS can be switched on or off only by a restart")
    if certificates and new.tls:
        certificates.use(new.tls)
    auth.use(new.users, new.tokens)

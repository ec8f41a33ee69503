"""Where traces go: `--tracing.otlp-endpoint`, or the YAML of `--tracing.config` as Thanos takes it.

type: OTLP
config:
  client_type: http
  endpoint: collector:4318
  insecure: true
  service_name: thanoxy
  sampler_type: parentbasedtraceidratiobased
  sampler_param: "0.1"
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.setting_values import SettingError, collector_url, part
from proxy.strict_yaml import Section, parse_section, read_section, shown
from proxy.tripper_config import TlsClient, read_tls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.settings import Settings

_WHERE = "--tracing.config"
_SERVICE = "thanoxy"
_SAMPLERS = {
    "": (True, None),
    "alwayssample": (False, 1.0),
    "neversample": (False, 0.0),
    "traceidratiobased": (False, None),
    "parentbasedalwayssample": (True, 1.0),
    "parentbasedneversample": (True, 0.0),
    "parentbasedtraceidratiobased": (True, None),
}
"""Whether the flag of a request's own trace decides, and the share of the others; None: as given."""
_OPTIONS = (
    "client_type", "service_name", "resource_attributes", "compression", "insecure", "endpoint",
    "url_path", "timeout", "headers", "tls_config", "sampler_type", "sampler_param",
)  # fmt: skip
_WITHOUT_EFFECT = {
    "reconnection_period": "a connection is made whenever there are spans and none is open",
    "retry_config": "spans that a collector does not take are counted and dropped",
}


@dataclass(frozen=True, slots=True)
class TracingConfig:
    """share: of the requests whose own trace does not decide.

    idle: what was given and changes nothing here, each with the reason.
    """

    url: str
    share: float = 1.0
    heeds_parents: bool = True
    resource: Mapping[str, str] = field(default_factory=lambda: {"service.name": _SERVICE})
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_ms: int = 10_000
    gzip: bool = False
    tls: TlsClient | None = None
    idle: tuple[str, ...] = ()


def read_tracing_config(settings: Settings) -> TracingConfig | None:
    """None where no traces are wanted.

    Raises:
        SettingError: settings contradict each other, or the YAML has what is not possible here.
    """
    text, file = settings.tracing_config, settings.tracing_config_file
    ways = (text, file, settings.otlp_endpoint)
    if sum(map(bool, ways)) > 1:
        raise SettingError(
            f"give one of --tracing.otlp-endpoint, {_WHERE} and {_WHERE}-file, not several"
        )
    if settings.otlp_endpoint:
        return TracingConfig(settings.otlp_endpoint, settings.trace_share)
    if not text and not file:
        return None
    root = read_section(file, f"{_WHERE}-file") if file else parse_section(text, _WHERE)
    root.only("type", "config")
    if root.text("type").upper() != "OTLP":
        raise SettingError(
            f"{root.where}: type {shown(root.text('type'))} is not possible, only OTLP is"
        )
    return _of(root.section("config") or Section(f"{root.where}: config", {}))


def _of(config: Section) -> TracingConfig:
    config.only(*_OPTIONS, *_WITHOUT_EFFECT)
    if (client := config.text("client_type")) != "http":
        raise SettingError(
            f"{config.where}: client_type {shown(client)} is not possible, only http is: "
            "give the collector's port for OTLP over HTTP (4318)"
        )
    heeds_parents, share = _sampler(config)
    compression = config.text("compression")
    if compression not in {"", "none", "gzip"}:
        raise SettingError(f"{config.where}: compression is gzip or none")
    tls = config.section("tls_config")
    return TracingConfig(
        url=_url(config),
        share=share,
        heeds_parents=heeds_parents,
        resource={
            **config.pairs("resource_attributes"),
            "service.name": config.text("service_name") or _SERVICE,
        },
        headers=config.pairs("headers"),
        timeout_ms=config.duration_ms("timeout") or 10_000,
        gzip=compression == "gzip",
        tls=read_tls(tls) if tls else None,
        idle=tuple(f"{name}: {why}" for name, why in _WITHOUT_EFFECT.items() if config.has(name)),
    )


def _url(config: Section) -> str:
    endpoint, path = config.text("endpoint") or "localhost:4318", config.text("url_path")
    scheme = "http" if config.flag("insecure", default=False) else "https"
    whole = endpoint if "://" in endpoint else f"{scheme}://{endpoint}"
    try:
        return collector_url(whole.rstrip("/") + (f"/{path.lstrip('/')}" if path else ""))
    except ValueError as error:
        raise SettingError(f"{config.where}: endpoint: {error}") from None


def _sampler(config: Section) -> tuple[bool, float]:
    """A share that is not given is all, as in Thanos."""
    name = config.text("sampler_type")
    if (found := _SAMPLERS.get(name.lower())) is None:
        raise SettingError(f"{config.where}: sampler_type {shown(name)} is not known")
    heeds_parents, share = found
    given = config.values.get("sampler_param")
    if share is None:
        try:
            share = 1.0 if given in {None, ""} else part(str(given))
        except (ValueError, TypeError):
            raise SettingError(f"{config.where}: sampler_param is a number from 0 to 1") from None
    return heeds_parents, share

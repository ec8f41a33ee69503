"""What decides who may come in, built out of settings."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from proxy.setting_values import SettingError
from proxy.settings import Settings
from proxy.telemetry.registry import REGISTRY
from proxy.wiring_access import Access, open_access
from tests.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path


async def opened(**settings: Any) -> Access:
    async with AsyncExitStack() as parts:
        return open_access(Settings(**settings), parts)
    raise AssertionError("unreachable")


def reloads(name: str) -> float | None:
    return REGISTRY.get_sample_value("thanoxy_config_last_reload_successful", {"file": name})


async def test_by_itself_everybody_may_come_in_and_nothing_is_watched() -> None:
    access = await opened()
    assert access.auth.is_open
    assert access.server_tls() is None
    assert access.headers == ()


async def test_a_certificates_field_needs_client_certificates(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("server")
    file = tmp_path / "web.yml"
    file.write_text(f"tls_server_config: {{cert_file: {pair.cert_file}, key_file: {pair.key_file}}}")
    with pytest.raises(SettingError, match="client_auth_type"):
        await opened(http_config=str(file), tenant_certificate_field="commonName")


async def test_tls_cannot_be_switched_while_it_runs_and_the_metric_says_so(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("server")
    file = tmp_path / "web.yml"
    file.write_text("{}")
    access = await opened(http_config=str(file))
    assert reloads("http.config") == 1
    file.write_text(f"tls_server_config: {{cert_file: {pair.cert_file}, key_file: {pair.key_file}}}")
    await access.watch.look()
    assert reloads("http.config") == 0
    assert access.server_tls() is None
    file.write_text("{}\n")
    await access.watch.look()
    assert reloads("http.config") == 1


async def test_options_of_the_tripper_without_a_meaning_are_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await opened(tripper_config="{max_idle_conns: 5, max_conns_per_host: 7}")
    assert "max_idle_conns" in caplog.text
    assert "max_conns_per_host" not in caplog.text


async def test_limits_are_those_of_the_settings_until_a_file_says_more(tmp_path: Path) -> None:
    file = tmp_path / "limits.yml"
    file.write_text("tenants: {a: {max_query_steps: 5}}")
    access = await opened(limits_config_file=str(file))
    assert access.limits.current.of("a").max_query_steps == 5
    assert access.limits.current.of("b").max_query_steps == 0

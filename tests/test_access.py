"""The whole proxy behind TLS, passwords and tokens."""

from __future__ import annotations

import base64
import hashlib
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import bcrypt
import pytest

from proxy.app import start
from proxy.config import Settings
from proxy.setting_values import SettingError
from tests.certificates import Authority
from tests.clients import RANGE, WITHOUT_CACHE, Proxy, range_path, running
from tests.fakes import FakeUpstream, fake_upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PASSWORD, TOKEN = "open sesame", "a-long-random-token"
USERS = (
    f"basic_auth_users: {{ann: '{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}'}}\n"
    f"bearer_tokens: {{bob: {hashlib.sha256(TOKEN.encode()).hexdigest()}}}\n"
)
BASIC = "Basic " + base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
BEARER = f"Bearer {TOKEN}"


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream() as fake:
        yield fake


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def config(tmp_path: Path, text: str) -> str:
    file = tmp_path / "web.yml"
    file.write_text(text)
    return str(file)


def tls_text(authority: Authority, more: str = "") -> str:
    pair = authority.issue("server")
    return f"tls_server_config: {{cert_file: {pair.cert_file}, key_file: {pair.key_file}{more}}}\n"


@asynccontextmanager
async def behind(upstream: FakeUpstream, file: str, **more: Any) -> AsyncIterator[Proxy]:
    async with running(upstream.url, http_config=file, **more) as proxy:
        yield proxy


async def test_nobody_comes_in_without_a_password_or_a_token(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    async with behind(upstream, config(tmp_path, USERS)) as proxy:
        for path in (range_path(), "/-/healthy", "/metrics", "/graph"):
            answer = await proxy.get(path)
            assert answer.error[:2] == (401, "bad_data")
            challenges = answer.headers.getall("WWW-Authenticate")
            assert [challenge.partition(" ")[0] for challenge in challenges] == ["Basic", "Bearer"]
        assert (await proxy.range(Authorization="Bearer wrong")).status == 401
        assert upstream.asked == []
        for credentials in (BASIC, BEARER):
            assert (await proxy.range(Authorization=credentials)).status == 200


async def test_credentials_for_the_proxy_do_not_travel_and_still_tell_users_apart(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    cached = {"cache_config": "", "stores_interval_ms": 0}
    async with behind(upstream, config(tmp_path, USERS), **cached) as proxy:
        await proxy.range(Authorization=BASIC)
        first = len(upstream.asked)
        await proxy.range(Authorization=BASIC)
        assert len(upstream.asked) == first
        await proxy.range(Authorization=BEARER)
        assert len(upstream.asked) == 2 * first
    assert not any(asked.header("Authorization") for asked in upstream.asked)


async def test_headers_of_the_file_stand_on_every_answer(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    text = "http_server_config: {headers: {X-Frame-Options: deny}}\n"
    async with behind(upstream, config(tmp_path, text)) as proxy:
        for path in (range_path(), RANGE + "?query=(", "/-/healthy", "/x"):
            assert (await proxy.get(path)).headers["X-Frame-Options"] == "deny"


async def test_clients_are_encrypted_and_their_certificate_names_the_tenant(
    upstream: FakeUpstream, tmp_path: Path, authority: Authority
) -> None:
    more = f", client_auth_type: RequireAndVerifyClientCert, client_ca_file: {authority.ca_file}"
    file = config(tmp_path, tls_text(authority, more))
    own = authority.issue("client", "client", common_name="team-a")
    context = ssl.create_default_context(cafile=authority.ca_file)
    context.load_cert_chain(own.cert_file, own.key_file)
    async with (
        behind(upstream, file, tenant_certificate_field="commonName") as proxy,
        aiohttp.ClientSession() as session,
    ):
        assert proxy.app.url.startswith("https://")
        url = proxy.app.url + range_path()
        sent = {"THANOS-TENANT": "team-b"}
        async with session.get(url, ssl=context, headers=sent) as response:
            assert response.status == 200
        strangers = ssl.create_default_context(cafile=authority.ca_file)
        with pytest.raises(aiohttp.ClientError):
            await session.get(url, ssl=strangers)
    assert {tuple(asked.header("THANOS-TENANT")) for asked in upstream.asked} == {("team-a",)}


async def test_an_upstream_behind_tls_is_verified_by_the_name_that_was_configured(
    tmp_path: Path, authority: Authority, upstream: FakeUpstream
) -> None:
    pair = authority.issue("thanos", "localhost")
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(pair.cert_file, pair.key_file)
    async with fake_upstream(served) as hidden:
        port = hidden.url.rpartition(":")[2]
        trusting = f"tls_config: {{ca_file: {authority.ca_file}}}"
        for url, is_trusted in (
            (f"dns+https://localhost:{port}", True),
            (f"https://127.0.0.1:{port}", False),
        ):
            async with running(
                "", downstream_urls=(url,), tripper_config=trusting, max_retries_per_request=1
            ) as proxy:
                assert ((await proxy.range()).status == 200) is is_trusted
        async with running("", downstream_urls=(f"https://localhost:{port}",)) as proxy:
            assert (await proxy.range()).status == 502, "the system does not know this authority"


async def test_settings_that_contradict_each_other_are_refused_at_the_start(tmp_path: Path) -> None:
    own = {"http_address": "127.0.0.1:0", "downstream_urls": ("http://127.0.0.1:1",), **WITHOUT_CACHE}
    with pytest.raises(SettingError, match="needs client certificates"):
        await start(Settings(**own, tenant_certificate_field="commonName"))
    with pytest.raises(SettingError, match="http"):
        await start(Settings(**own, http_config=str(tmp_path / "none.yml")))

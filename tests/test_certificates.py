"""Certificates of both sides: who trusts whom, and what a changed file does."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization

from proxy.certificates import ClientCertificates, ServerCertificates
from proxy.http_config import TlsServer
from proxy.setting_values import SettingError
from proxy.tripper_config import TlsClient
from tests.certificates import Authority, Pair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def server(authority: Authority) -> TlsServer:
    pair = authority.issue("server")
    return TlsServer(pair.cert_file, pair.key_file)


def with_clients(server: TlsServer, authority: Authority, mode: ssl.VerifyMode) -> TlsServer:
    return replace(server, client_auth=mode, client_ca_file=authority.ca_file)


def client(authority: Authority, pair: Pair | None = None, **more: Any) -> ClientCertificates:
    own = pair or Pair("", "")
    return ClientCertificates(TlsClient(authority.ca_file, own.cert_file, own.key_file, **more))


@asynccontextmanager
async def listening(context: ssl.SSLContext) -> AsyncIterator[int]:
    """A server that says whom it sees: the common name in the client's certificate."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown = writer.get_extra_info("peercert") or {}
        names = [
            value for pair in shown.get("subject", ()) for name, value in pair if name == "commonName"
        ]
        writer.write(f"hello {names[0] if names else 'nobody'}".encode())
        writer.close()

    made = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)
    try:
        yield made.sockets[0].getsockname()[1]
    finally:
        made.close()


async def greeting(port: int, side: ClientCertificates) -> str:
    """What the server says; raises what TLS raises."""
    context = side.current()
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=side.server_name or "127.0.0.1"
    )
    try:
        return (await reader.read()).decode()
    finally:
        writer.transport.abort()


async def is_refused(port: int, side: ClientCertificates) -> bool:
    """By an error or, in TLS 1.3, by an end without a word."""
    try:
        return await greeting(port, side) == ""
    except (ssl.SSLError, ConnectionError):
        return True


def seen_number(side: ServerCertificates) -> str:
    """The serial number of the certificate that the context shows."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    asking = context.wrap_bio(incoming, outgoing)
    answering = side.current().context.wrap_bio(outgoing, incoming, server_side=True)
    for _ in range(2):
        for one in (asking, answering):
            try:
                one.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = asking.getpeercert(binary_form=True)
    assert shown
    return shown.hex()


async def test_both_sides_trust_whom_they_are_told_to(authority: Authority, server: TlsServer) -> None:
    config = with_clients(server, authority, ssl.CERT_REQUIRED)
    pair = authority.issue("client", common_name="grafana")
    async with listening(ServerCertificates(config).current().context) as port:
        assert await greeting(port, client(authority, pair)) == "hello grafana"


async def test_a_client_without_a_certificate_or_with_a_strangers_is_refused(
    authority: Authority, server: TlsServer, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger").issue("strange", common_name="grafana")
    config = with_clients(server, authority, ssl.CERT_REQUIRED)
    async with listening(ServerCertificates(config).current().context) as port:
        assert await is_refused(port, client(authority))
        assert await is_refused(port, client(authority, stranger))


async def test_a_certificate_that_need_not_be_given_is_verified_if_it_is(
    authority: Authority, server: TlsServer, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger").issue("strange", common_name="grafana")
    pair = authority.issue("client", common_name="grafana")
    config = with_clients(server, authority, ssl.CERT_OPTIONAL)
    async with listening(ServerCertificates(config).current().context) as port:
        assert await greeting(port, client(authority)) == "hello nobody"
        assert await greeting(port, client(authority, pair)) == "hello grafana"
        assert await is_refused(port, client(authority, stranger))


async def test_without_client_auth_no_certificate_is_asked_for(
    authority: Authority, server: TlsServer
) -> None:
    pair = authority.issue("client", common_name="grafana")
    async with listening(ServerCertificates(server).current().context) as port:
        assert await greeting(port, client(authority, pair)) == "hello nobody"


async def test_an_upstream_is_known_by_its_ca_and_its_name(
    authority: Authority, server: TlsServer, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    named = authority.issue("named", "thanos-query")
    async with listening(ServerCertificates(server).current().context) as port:
        assert await is_refused(port, client(other))
        assert await is_refused(port, ClientCertificates(TlsClient()))
        assert await is_refused(port, client(authority, server_name="thanos-query"))
        for careless in (
            client(other, insecure_skip_verify=True),
            TlsClient(insecure_skip_verify=True),
        ):
            side = (
                careless if isinstance(careless, ClientCertificates) else ClientCertificates(careless)
            )
            assert await greeting(port, side) == "hello nobody"
    shown = TlsServer(named.cert_file, named.key_file)
    async with listening(ServerCertificates(shown).current().context) as port:
        assert await greeting(port, client(authority, server_name="thanos-query")) == "hello nobody"
        assert await is_refused(port, client(authority))


async def test_what_a_ca_file_names_is_trusted_without_a_root_beside_it(
    authority: Authority, server: TlsServer
) -> None:
    leaf = ClientCertificates(TlsClient(ca_file=server.cert_file))
    async with listening(ServerCertificates(server).current().context) as port:
        assert await greeting(port, leaf) == "hello nobody"


async def test_versions_and_suites_are_those_that_were_asked_for(
    authority: Authority, server: TlsServer
) -> None:
    new = replace(server, min_version=ssl.TLSVersion.TLSv1_3)
    old = client(authority)
    old.current().maximum_version = ssl.TLSVersion.TLSv1_2
    async with listening(ServerCertificates(new).current().context) as port:
        assert await is_refused(port, old)
        assert await greeting(port, client(authority)) == "hello nobody"
    suites = ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256")
    chosen = replace(server, max_version=ssl.TLSVersion.TLSv1_2, ciphers=suites)
    context = ServerCertificates(chosen).current().context
    assert [s["name"] for s in context.get_ciphers() if "TLSv1.3" not in s["protocol"]] == list(suites)
    assert context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    free = ServerCertificates(replace(chosen, prefer_server_ciphers=False)).current().context
    assert not free.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    strict = client(authority, min_version=ssl.TLSVersion.TLSv1_3)
    async with listening(context) as port:
        assert await is_refused(port, strict)


def test_a_new_certificate_serves_from_the_next_connection_on(
    authority: Authority, server: TlsServer
) -> None:
    side = ServerCertificates(server)
    before, context = seen_number(side), side.current().context
    side.reload()
    assert seen_number(side) == before
    assert side.current().context is not context
    authority.issue("server")
    side.reload()
    assert seen_number(side) != before


async def test_a_new_ca_decides_about_the_next_client(
    authority: Authority, server: TlsServer, tmp_path: Path
) -> None:
    side = ServerCertificates(with_clients(server, authority, ssl.CERT_REQUIRED))
    pair = authority.issue("client", common_name="grafana")
    newer = Authority(tmp_path, "newer")
    other = newer.issue("other", common_name="grafana")
    shutil.copy(newer.ca_file, Path(authority.ca_file).with_suffix(".new"))
    known = (
        client(authority, pair),
        ClientCertificates(TlsClient(authority.ca_file, other.cert_file, other.key_file)),
    )
    Path(authority.ca_file).with_suffix(".new").replace(authority.ca_file)
    side.reload()
    async with listening(side.current().context) as port:
        assert await is_refused(port, known[0])
        assert await greeting(port, known[1]) == "hello grafana"


def test_files_that_cannot_be_used_leave_the_old_context(
    authority: Authority, server: TlsServer, tmp_path: Path
) -> None:
    side = ServerCertificates(with_clients(server, authority, ssl.CERT_REQUIRED))
    upstream = client(authority, Pair(server.cert_file, server.key_file))
    before, theirs = side.current(), upstream.current()
    Path(server.cert_file).write_text("no certificate", "utf-8")
    for one in (side, upstream):
        with pytest.raises(SettingError, match=r"certificate .*server.crt with key .*server.key: "):
            one.reload()
    assert side.current() is before
    assert upstream.current() is theirs
    with pytest.raises(SettingError):
        side.use(replace(server, cert_file=str(tmp_path / "nowhere.crt")))
    assert side.current() is before
    assert side.files()[0] == server.cert_file


def test_another_configuration_is_taken_as_a_whole(authority: Authority, server: TlsServer) -> None:
    side = ServerCertificates(server)
    assert side.files() == (server.cert_file, server.key_file)
    other = replace(
        with_clients(server, authority, ssl.CERT_REQUIRED), client_allowed_sans=("grafana",)
    )
    side.use(other)
    assert side.files() == (server.cert_file, server.key_file, authority.ca_file)
    assert side.current().allowed_sans == {"grafana"}


def test_the_files_of_the_other_side_are_those_that_were_named(
    authority: Authority, server: TlsServer
) -> None:
    pair = Pair(server.cert_file, server.key_file)
    assert client(authority, pair).files() == (authority.ca_file, pair.cert_file, pair.key_file)
    assert ClientCertificates(TlsClient()).files() == ()
    before = (side := client(authority)).current()
    side.reload()
    assert side.current() is not before


def test_what_is_wrong_is_named_and_no_key_is_quoted(
    authority: Authority, server: TlsServer, tmp_path: Path
) -> None:
    other = authority.issue("other")
    locked = tmp_path / "locked.key"
    key = serialization.load_pem_private_key(Path(server.key_file).read_bytes(), None)
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hunter2"),
        )
    )
    junk = tmp_path / "junk.pem"
    junk.write_text("hunter2", "utf-8")
    cases = {
        "nowhere.key: No such file": replace(server, key_file=str(tmp_path / "nowhere.key")),
        "key values mismatch": replace(server, key_file=other.key_file),
        "is encrypted": replace(server, key_file=str(locked)),
        "junk.pem: ": replace(server, key_file=str(junk)),
        "CA file .*junk.pem: ": replace(
            server, client_auth=ssl.CERT_REQUIRED, client_ca_file=str(junk)
        ),
        "nowhere.pem: No such file": replace(
            server, client_auth=ssl.CERT_REQUIRED, client_ca_file=str(tmp_path / "nowhere.pem")
        ),
    }
    for words, config in cases.items():
        with pytest.raises(SettingError, match=words) as caught:
            ServerCertificates(config)
        assert "hunter2" not in str(caught.value)
        assert "\n" not in str(caught.value)

"""What the flag for the upstream takes."""

from __future__ import annotations

import pytest

from proxy.upstream.addresses import Endpoint, Kind, parse_upstream, static_endpoint


@pytest.mark.parametrize(
    ("text", "kind", "host", "port"),
    [
        ("http://thanos-query:10902", Kind.STATIC, "thanos-query", 10902),
        ("https://thanos/prefix", Kind.STATIC, "thanos", 443),
        ("http://[::1]:9090", Kind.STATIC, "::1", 9090),
        ("dns+http://thanos-query:10902", Kind.A, "thanos-query", 10902),
        ("dns+thanos-query:10902", Kind.A, "thanos-query", 10902),
        ("dns+https://thanos-query", Kind.A, "thanos-query", 443),
        ("dnssrv+_http._tcp.thanos-query", Kind.SRV, "_http._tcp.thanos-query", 0),
        ("dnssrv+https://_http._tcp.q/x", Kind.SRV, "_http._tcp.q", 0),
        ("dnssrvnoa+http://_http._tcp.q", Kind.SRV_ONLY, "_http._tcp.q", 0),
        ("dnssrv+http://_http._tcp.q:10902", Kind.SRV, "_http._tcp.q", 10902),
    ],
)
def test_all_forms_are_read(text: str, kind: Kind, host: str, port: int) -> None:
    address = parse_upstream(text)
    assert (address.kind, address.host, address.port) == (kind, host, port)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is expected"),
        ("thanos-query:9090", "is expected"),
        ("ftp://x", "is expected"),
        ("http://", "is expected"),
        ("http://x:99999", "is expected"),
        ("http://x:0", "is expected"),
        ("http://x/?a=b", "is expected"),
        ("http://x/#a", "is expected"),
        ("http://x/?", "is expected"),
        ("http://x/#", "is expected"),
        ("http://x\\y", "is expected"),
        ("http://x\0y", "is expected"),
        ("http://x\n", "is expected"),
        ("dns+http://.:80", "is expected"),
        ("http://[::1", "is expected"),
        ("http://a b", "is expected"),
        ("srv+http://x", "is expected"),
        ("http://me:secret@x", "without user and password"),
        ("dns+http://10.0.0.1:80", "not an IP address"),
    ],
)
def test_what_is_no_address_is_refused_with_what_is_expected(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        parse_upstream(text)
    assert "secret" not in str(caught.value)


def test_a_static_address_is_asked_as_it_is_written() -> None:
    assert static_endpoint(parse_upstream("http://a:1/x/")) == Endpoint("http://a:1/x/")


@pytest.mark.parametrize(
    ("text", "host", "port", "name", "endpoint"),
    [
        ("dns+http://q:10902/p", "10.0.0.7", 10902, "q",
         Endpoint("http://10.0.0.7:10902/p", "q:10902", "q")),
        ("dns+https://q", "fd00::7", 443, "q", Endpoint("https://[fd00::7]:443", "q", "q")),
        ("dns+https://q.:444", "10.0.0.7", 444, "q.", Endpoint("https://10.0.0.7:444", "q:444", "q")),
        ("dnssrvnoa+http://_a._tcp.q", "pod-0.q", 80, "pod-0.q", Endpoint("http://pod-0.q:80")),
        ("dnssrvnoa+http://_a._tcp.q:90", "pod-0.q", 80, "pod-0.q", Endpoint("http://pod-0.q:90")),
        ("dnssrv+http://_a._tcp.q:90", "10.0.0.7", 80, "pod-0.q",
         Endpoint("http://10.0.0.7:90", "pod-0.q:90", "pod-0.q")),
    ],
)  # fmt: skip
def test_an_address_that_was_looked_up_is_called_by_its_name(
    text: str, host: str, port: int, name: str, endpoint: Endpoint
) -> None:
    assert parse_upstream(text).at(host, port, name) == endpoint

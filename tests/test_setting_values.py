"""Values of settings as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxy import setting_values as values

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (values.duration_ms, "1h30m", 5_400_000),
        (values.duration_ms, "0", 0),
        (values.signed_duration_ms, "-1s", -1000),
        (values.size_bytes, "512MB", 512 << 20),
        (values.size_bytes, "1GiB", 1 << 30),
        (values.size_bytes, "10", 10),
        (values.boolean, "True", True),
        (values.boolean, "0", False),
        (values.count, "0", 0),
        (values.positive, "7", 7),
        (values.share, "0.5", 0.5),
        (values.urls, "http://thanos-query:10902", ("http://thanos-query:10902",)),
        (values.urls, "http://a:1,dns+b:2", ("http://a:1", "dns+b:2")),
        (values.collector_url, "", ""),
        (values.collector_url, "http://a:4318", "http://a:4318/v1/traces"),
        (values.collector_url, "https://a/own", "https://a/own"),
        (values.part, "0", 0.0),
        (values.part, "1", 1.0),
        (values.certificate_field, "", ""),
        (values.certificate_field, "commonName", "commonName"),
        (values.level_name, "warn", "warn"),
        (values.log_format, "json", "json"),
        (values.positive_duration_ms, "1ms", 1),
        (values.positive_duration_ms, "24h", 86_400_000),
        (values.names, "", ()),
        (values.names, " , ", ()),
        (values.names, "a", ("a",)),
        (values.names, "a,b", ("a", "b")),
        (values.names, "b, a\tb  c,", ("b", "a", "c")),
        (values.addresses, "", ()),
        (values.addresses, "thanos-query:10901", ("thanos-query:10901",)),
        (values.addresses, "a:1,10.0.0.1:65535 a:1", ("a:1", "10.0.0.1:65535")),
        (values.addresses, "[::1]:10901", ("[::1]:10901",)),
    ],
)
def test_a_value_is_read(parse: Callable[[str], Any], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (values.duration_ms, "-1s"),
        (values.duration_ms, "soon"),
        (values.size_bytes, "10 parsecs"),
        (values.boolean, "yes"),
        (values.count, "-1"),
        (values.count, "٣"),
        (values.positive, "0"),
        (values.share, "0"),
        (values.share, "1.5"),
        (values.share, "x"),
        (values.part, "-0.1"),
        (values.part, "1.1"),
        (values.collector_url, "a:4318"),
        (values.collector_url, "http://a:70000"),
        (values.collector_url, "http://user:word@a"),
        (values.collector_url, "http://:word@a"),
        (values.collector_url, "http://a/?x=1"),
        (values.urls, ""),
        (values.certificate_field, "serialNumber"),
        (values.urls, "thanos:10902"),
        (values.urls, "http://"),
        (values.urls, "http://h/?q=1"),
        (values.level_name, "loud"),
        (values.log_format, "xml"),
        (values.urls, "http://user:password@thanos-query:10902"),
        (values.positive_duration_ms, "0s"),
        (values.positive_duration_ms, "-1s"),
        (values.positive_duration_ms, "soon"),
        (values.addresses, "thanos-query"),
        (values.addresses, "thanos-query:"),
        (values.addresses, ":10901"),
        (values.addresses, "thanos-query:0"),
        (values.addresses, "thanos-query:65536"),
        (values.addresses, "thanos-query:grpc"),
        (values.addresses, "thanos-query:-1"),
        (values.addresses, "thanos-query:٣"),
        (values.addresses, "http://thanos-query:10901"),
        (values.addresses, "a:1,b"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_a_reason(
    parse: Callable[[str], Any], text: str
) -> None:
    with pytest.raises(ValueError, match=r"expected|could not convert|invalid"):
        parse(text)

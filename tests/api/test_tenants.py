"""Whose request it is, as Thanos finds it; and that nobody can be somebody else upstream."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.api.tenants import OTHERS, TenantNames, TenantPolicy, path_base
from proxy.codec.headers import query_headers, request_headers
from proxy.errors import BadDataError

HEADER = TenantPolicy("X-Tenant", "nobody")
CERTIFICATE = TenantPolicy("X-Tenant", "nobody", "organization")


def certificate(*subject: tuple[str, str]) -> dict[str, Any]:
    return {"subject": tuple((pair,) for pair in subject)}


@pytest.mark.parametrize(
    ("pairs", "tenant"),
    [
        ([("x-tenant", "a")], "a"),
        ([("THANOS-TENANT", "b"), ("X-Tenant", "a")], "a"),
        ([("thanos-tenant", "b")], "b"),
        ([("X-Tenant", ""), ("Thanos-Tenant", "b")], "b"),
        ([("X-Tenant", ""), ("X-Tenant", "a")], "nobody"),
        ([("X-Tenant", "a"), ("X-Tenant", "b")], "a"),
        ([], "nobody"),
    ],
)
def test_the_tenant_is_found_as_thanos_finds_it(pairs: list[tuple[str, str]], tenant: str) -> None:
    assert HEADER.tenant_of(pairs, None) == tenant


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("", "."), (".", "."), ("..", ".."), ("/", "/"), ("//", "/"), ("a", "a"), ("a/", "a"),
        ("/a", "a"), ("a/b", "b"), ("a/b//", "b"), ("./a", "a"), ("a/..", ".."), ("a b", "a b"),
    ],
)  # fmt: skip
def test_base_is_that_of_go(path: str, base: str) -> None:
    assert path_base(path) == base


@pytest.mark.parametrize(
    "tenant", ["a/b", "/a", "a/", "//", "../a", "a\x00b", "a\r\nX: y", "a\x7f", "\udcff", " a", "a "]
)
def test_a_name_that_is_not_valid_is_refused_in_thanos_words(tenant: str) -> None:
    with pytest.raises(BadDataError, match=r"^Tenant name not valid$"):
        HEADER.tenant_of([("X-Tenant", tenant)], None)
    with pytest.raises(BadDataError, match=r"^Tenant name not valid$"):
        CERTIFICATE.tenant_of([], certificate(("organizationName", tenant)))


@pytest.mark.parametrize("tenant", ["/", ".", "..", "a b", "ä", "a\\b", "a:b", "x" * 5000])
def test_a_name_that_thanos_takes_is_taken(tenant: str) -> None:
    assert HEADER.tenant_of([("X-Tenant", tenant)], None) == tenant


@pytest.mark.parametrize(
    ("field", "tenant"),
    [("organization", "first"), ("organizationalUnit", "unit"), ("commonName", "last")],
)
def test_the_field_of_a_certificate_is_chosen_as_go_does(field: str, tenant: str) -> None:
    shown = certificate(
        ("organizationName", "first"), ("organizationName", "second"),
        ("organizationalUnitName", "unit"), ("commonName", "name"), ("commonName", "last"),
    )  # fmt: skip
    policy = TenantPolicy(certificate_field=field)
    assert policy.tenant_of([("THANOS-TENANT", "forged")], shown) == tenant


def test_several_fields_of_one_part_of_the_name_are_all_seen() -> None:
    shown = {"subject": ((("countryName", "DE"), ("organizationName", "inner")),)}
    assert CERTIFICATE.tenant_of([], shown) == "inner"


@pytest.mark.parametrize("field", ["organization", "organizationalUnit", "commonName"])
def test_a_certificate_without_the_field_is_refused_whatever_the_headers_say(field: str) -> None:
    policy = TenantPolicy(certificate_field=field)
    with pytest.raises(BadDataError, match=f"could not get {field} field from client cert"):
        policy.tenant_of([("THANOS-TENANT", "a")], certificate(("countryName", "DE")))
    unverified: dict[str, Any] = {}
    for shown in (None, unverified):
        with pytest.raises(BadDataError, match="could not get required certificate field"):
            policy.tenant_of([("THANOS-TENANT", "a")], shown)


def test_an_empty_field_is_no_tenant() -> None:
    with pytest.raises(BadDataError, match="not valid"):
        CERTIFICATE.tenant_of([], certificate(("organizationName", "")))
    with pytest.raises(BadDataError, match="commonName"):
        TenantPolicy(certificate_field="commonName").tenant_of([], certificate(("commonName", "")))


def test_the_upstream_is_told_this_tenant_and_no_other() -> None:
    sent = [("x-tenant", "forged"), ("Thanos-Tenant", "forged"), ("X-Tenant", "again"), ("Accept", "a")]
    assert CERTIFICATE.identity_headers(sent, "mine") == [
        ("Accept", "a"), ("X-Tenant", "mine"), ("THANOS-TENANT", "mine")
    ]  # fmt: skip
    plain = TenantPolicy(certificate_field="commonName")
    assert plain.identity_headers(sent, "mine") == [
        ("x-tenant", "forged"), ("X-Tenant", "again"), ("Accept", "a"), ("THANOS-TENANT", "mine")
    ]  # fmt: skip


HEADER_NAMES = st.sampled_from(
    ["X-Tenant", "x-TENANT", "THANOS-TENANT", "Connection", "connection", "A"]
)
VALUES = st.sampled_from(
    ["forged", "", "close", "X-Tenant", "thanos-tenant ,keep-alive", " x-tenant,,THANOS-TENANT", "A,b"]
)


@given(st.lists(st.tuples(HEADER_NAMES, VALUES), max_size=6))
def test_no_headers_of_a_client_change_what_travels(pairs: list[tuple[str, str]]) -> None:
    told = CERTIFICATE.identity_headers(pairs, "mine")
    for travel in (query_headers, request_headers):
        try:
            travelling = travel(told)
        except BadDataError as error:
            assert "Connection must not name the header" in str(error)  # noqa: PT017  or all is well
            continue
        values = [value for name, value in travelling if "tenant" in name.lower()]
        assert values == ["mine", "mine"]


def test_names_in_metrics_are_bounded_in_number_and_length() -> None:
    names = TenantNames(most=2)
    assert names.of("x" * 200) == OTHERS
    assert names.of(OTHERS) == OTHERS
    assert [names.of(name) for name in ("a", "b", "c", "a", "b")] == ["a", "b", OTHERS, "a", "b"]
    usual = TenantNames()
    found = {usual.of(str(number)) for number in range(500)}
    assert found == {*map(str, range(100)), OTHERS}

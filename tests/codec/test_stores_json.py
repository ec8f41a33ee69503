"""What `/api/v1/stores` of Thanos Query says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from proxy.codec.stores_json import kind_text, parse_stores
from proxy.errors import BadUpstreamAnswerError

if TYPE_CHECKING:
    from proxy.plan.holes import Store

FOREVER_MS = 9_223_372_036_854_775_807


def listed(**changes: Any) -> dict[str, Any]:
    return {
        "name": "10.0.0.1:10901",
        "lastCheck": "2026-11-23T10:00:00.123456789Z",
        "lastError": None,
        "labelSets": [{"b": "2", "a": "1"}, {"a": "0"}],
        "minTime": 1_700_000_000_000,
        "maxTime": FOREVER_MS,
        **changes,
    }


def parse(**components: Any) -> list[Store]:
    return parse_stores(orjson.dumps({"status": "success", "data": components}))


def test_a_store_has_its_times_and_is_healthy_without_an_error() -> None:
    (store,) = parse(sidecar=[listed()])
    assert store.address == "10.0.0.1:10901"
    assert (store.min_ms, store.max_ms) == (1_700_000_000_000, FOREVER_MS)
    assert store.is_healthy


@pytest.mark.parametrize("error", ["rpc error: code = Unavailable", "", {}, {"code": 14}])
def test_a_store_with_an_error_of_any_form_is_not_healthy(error: object) -> None:
    (store,) = parse(sidecar=[listed(lastError=error)])
    assert not store.is_healthy


def test_all_components_are_read() -> None:
    stores = parse(sidecar=[listed()], store=[listed(), listed()], rule=[], receive=None)
    assert len(stores) == 3


def test_a_store_is_known_by_component_and_labels_in_whatever_order() -> None:
    (one,) = parse(sidecar=[listed()])
    (same,) = parse(sidecar=[listed(name="10.9.9.9:1", labelSets=[{"a": "0"}, {"a": "1", "b": "2"}])])
    (other_component,) = parse(store=[listed()])
    (other_labels,) = parse(sidecar=[listed(labelSets=[{"a": "0"}])])
    assert one.kind == same.kind
    assert len({one.kind, other_component.kind, other_labels.kind}) == 3


@pytest.mark.parametrize("labels", [None, [], [{}]])
def test_a_store_without_labels_is_a_store(labels: object) -> None:
    assert len(parse(store=[listed(labelSets=labels)])) == 1


def test_a_query_without_stores_lists_none() -> None:
    assert parse() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>login</html>",
        b"null",
        b"[]",
        b'{"status":"success"}',
        b'{"status":"success","data":null}',
        b'{"status":"success","data":[]}',
        b'{"status":"success","data":{"store":[1]}}',
        b'{"status":"success","data":{"store":[{}]}}',
        b'{"status":"success","data":{"store":{"a":1}}}',
        b'{"status":"success","data":{"store":[{"name":"a","lastError":null,"labelSets":[]}]}}',
    ],
)
def test_what_lists_no_stores_is_refused(body: bytes) -> None:
    with pytest.raises(BadUpstreamAnswerError):
        parse_stores(body)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (None, ""),
        ("rpc: gone", "rpc: gone"),
        ({}, "{}"),
        ({"code": 14}, '{"code":14}'),
        ("x" * 999, "x" * 300),
    ],
)
def test_an_error_is_kept_for_people_to_read(error: object, text: str) -> None:
    (store,) = parse(sidecar=[listed(lastError=error)])
    assert store.last_error == text


def test_a_kind_can_be_written_for_people() -> None:
    (store,) = parse(sidecar=[listed(labelSets=[{"b": "2", "a": "1"}, {"c": "3"}])])
    assert kind_text(store.kind) == 'sidecar {a="1",b="2"} {c="3"}'
    assert kind_text("store []") == "store"
    assert kind_text("no labels {") == "no labels {"

"""What requests are about, as logs and the status page tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp.test_utils import make_mocked_request

from proxy.api import about as about_module
from proxy.api.about import About, about
from proxy.api.callers import TENANT, USER
from proxy.api.forms import SENT_FORM

if TYPE_CHECKING:
    from aiohttp import web


def get(query: str, headers: dict[str, str] | None = None) -> web.BaseRequest:
    return make_mocked_request("GET", f"/api/v1/query_range?{query}", headers or {})


def test_a_panel_s_query_is_told_in_full() -> None:
    request = get(
        "query=up%7Ba%3D%22b%22%7D&start=10&end=20.5&step=1m",
        {"X-Dashboard-Uid": "abc", "X-Panel-Id": "7", "X-Grafana-User": "ann"},
    )
    request[TENANT] = "team-a"
    told = about(request)
    assert told == About(
        'up{a="b"}',
        10_000,
        20_500,
        60_000,
        "team-a",
        "ann",
        "abc",
        "7",
        "query=up%7Ba%3D%22b%22%7D&start=10&end=20.5&step=1m",
    )


def test_a_form_comes_first_and_who_was_let_in_is_the_user() -> None:
    request = get("query=url", {"X-Grafana-User": "ann"})
    request[SENT_FORM] = b"query=form&time=5"
    request[USER] = "bob"
    told = about(request)
    assert (told.expr, told.user, told.start_ms, told.end_ms) == ("form", "bob", 5_000, 5_000)
    assert told.params == "query=form&time=5&query=url"


def test_parameters_are_read_once_and_again_when_the_form_has_arrived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads: list[bytes] = []
    read = about_module._asked

    def counted(sent: bytes, query: str) -> About:
        reads.append(sent)
        return read(sent, query)

    monkeypatch.setattr(about_module, "_asked", counted)
    request = get("query=url")
    assert [about(request).expr for _ in range(2)] == ["url", "url"]
    request[SENT_FORM] = b"query=form"
    request[TENANT] = "team"
    assert [about(request)[:5] for _ in range(2)] == [("form", 0, 0, 0, "team")] * 2
    assert reads == [b"", b"query=form"]


def test_names_that_are_no_text_are_told_as_far_as_they_are() -> None:
    request = get("query=up", {"X-Panel-Id": "7"})
    request[TENANT] = "\udcffé"
    assert (about(request).tenant, about(request).panel) == ("?é", "7")


def test_series_are_told_by_their_matchers() -> None:
    assert about(get("match[]=up&match[]=down")).expr == "up down"


@pytest.mark.parametrize("query", ["query=%zz&start=1", "query=%ff", "query=a;b", "start=x&step=y"])
def test_what_cannot_be_read_is_told_as_it_was_sent(query: str) -> None:
    told = about(get(query))
    assert told[:4] == ("", 0, 0, 0)
    assert told.params == query


@pytest.mark.parametrize("name", ["token", "password", "Api_Key", "access_token"])
def test_secrets_are_told_to_nobody(name: str) -> None:
    told = about(get(f"{name}=hunter2&query=up"))
    assert "hunter2" not in str(told)
    assert told.expr == "up"


def test_every_text_is_bounded() -> None:
    long = "x" * 100_000
    request = get(f"query={long}&match[]=up", {"X-Dashboard-Uid": long, "X-Panel-Id": long})
    request[TENANT] = request[USER] = long
    assert all(len(text) <= 2_000 for text in about(request) if isinstance(text, str))
    short = about(get(f"query=up&pad={long}"))
    assert short.expr == "up"

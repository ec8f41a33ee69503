"""On whose behalf a request is made, and until when its answer is waited for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp.test_utils import make_mocked_request

from proxy.api.callers import TENANT, USER, Callers
from proxy.api.tenants import TenantPolicy
from proxy.errors import BadDataError

if TYPE_CHECKING:
    from proxy.model.query import Form

NAMES = ("thanos-tenant", "x-scope-orgid", "authorization")


def callers(timeout_s: float = 300, names: tuple[str, ...] = NAMES) -> Callers:
    return Callers(TenantPolicy(), names, timeout_s)


def request(**headers: str) -> object:
    return make_mocked_request("GET", "/", {name.replace("_", "-"): v for name, v in headers.items()})


async def seconds(form: Form, timeout_s: float = 300) -> float:
    """How long an answer to a form is waited for."""
    caller = callers(timeout_s).asking(request(), form)  # type: ignore[arg-type]
    return caller.deadline_s - asyncio.get_running_loop().time()


@pytest.mark.parametrize(
    ("text", "waits_s"),
    [
        ("", 300),
        ("10s", 10),
        ("1.5", 1.5),
        ("1m", 60),
        ("10m", 300),
        ("0", 300),
        ("-5s", 300),
        ("soon", 300),
        ("NaN", 300),
        ("1e99", 300),
        ("+Inf", 300),
    ],
)
async def test_the_shorter_of_the_clients_timeout_and_the_setting_counts(
    text: str, waits_s: float
) -> None:
    assert await seconds((("timeout", text),)) == pytest.approx(waits_s, abs=0.1)


def test_it_is_said_what_sets_the_deadline() -> None:
    assert callers().patience((("timeout", "9s"),)) == (9, "the parameter timeout")
    assert callers().patience((("timeout", "9h"),)) == (300, "--query.timeout")
    assert callers(7).patience(()) == (7, "--query.timeout")


async def test_of_two_timeouts_the_first_counts() -> None:
    assert await seconds((("timeout", "9s"), ("timeout", "1s"))) == pytest.approx(9, abs=0.1)


async def test_what_is_passed_on_as_it_came_waits_as_long_as_the_setting_says() -> None:
    caller = callers(7).passing(request())  # type: ignore[arg-type]
    assert caller.deadline_s - asyncio.get_running_loop().time() == pytest.approx(7, abs=0.1)


async def test_a_request_knows_its_tenant_afterwards() -> None:
    asked = request(THANOS_TENANT="team-a")
    assert callers().asking(asked, None).tenant == "team-a"  # type: ignore[arg-type]
    assert asked[TENANT] == "team-a"  # type: ignore[index]


async def test_a_tenant_that_nobody_may_have_is_bad_data() -> None:
    with pytest.raises(BadDataError):
        callers().asking(request(THANOS_TENANT="a/b"), None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["THANOS_TENANT", "X_Scope_OrgID", "Authorization"])
async def test_who_differs_in_a_header_that_answers_vary_by_differs(name: str) -> None:
    made = [callers().asking(request(**{name: value}), None) for value in ("a", "b", "a")]  # type: ignore[arg-type]
    assert made[0].vary != made[1].vary
    assert made[0].vary == made[2].vary


async def test_other_headers_travel_and_make_no_difference() -> None:
    plain, odd = (callers().asking(r, None) for r in (request(), request(X_Trace="7")))  # type: ignore[arg-type]
    assert plain.vary == odd.vary
    assert ("X-Trace", "7") in odd.pairs


async def test_a_user_of_the_proxys_own_shows_his_password_to_nobody_else_and_has_his_own_answers() -> (
    None
):
    seen = []
    for user in ("anna", "ben"):
        asked = request(Authorization="Basic c2VjcmV0")
        asked[USER] = user  # type: ignore[index]
        seen.append(callers().asking(asked, None))  # type: ignore[arg-type]
    assert seen[0].vary != seen[1].vary
    for caller in seen:
        assert "c2VjcmV0" not in str(caller)


async def test_a_secret_is_not_in_what_answers_vary_by() -> None:
    caller = callers().asking(request(Authorization="Bearer s3cret"), None)  # type: ignore[arg-type]
    assert "s3cret" not in str(caller.vary)

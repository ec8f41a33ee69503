"""Whether a request comes from a page of this server, of another site, or from no page at all."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from proxy.api.own_site import check_is_own
from proxy.errors import ForeignRequestError


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://own:10912"},
        {"Origin": "https://OWN:10912"},
    ],
)
def test_its_own_pages_and_programs_may(headers: dict[str, str]) -> None:
    check_is_own(make_mocked_request("POST", "/", {"Host": "own:10912", **headers}))


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://own:10912"},
        {"Origin": "http://own"},
        {"Origin": "null"},
        {"Origin": "http://[broken"},
    ],
)
def test_pages_of_other_sites_may_not(headers: dict[str, str]) -> None:
    with pytest.raises(ForeignRequestError):
        check_is_own(make_mocked_request("POST", "/", {"Host": "own:10912", **headers}))

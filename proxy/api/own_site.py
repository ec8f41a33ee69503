"""What changes something is not for pages of other sites, to which a browser lends its credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarl import URL

from proxy.errors import ForeignRequestError

if TYPE_CHECKING:
    from aiohttp import web


def check_is_own(request: web.BaseRequest) -> None:
    """A page of another site must not press buttons with this browser's credentials.

    Browsers say where a request comes from; who says nothing (curl) has no credentials to abuse.

    Raises:
        ForeignRequestError: the request comes from another site's page.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        is_own = site in {"same-origin", "none"}
    else:
        is_own = _is_here(request.headers.get("Origin"), request.headers.get("Host", ""))
    if not is_own:
        raise ForeignRequestError("this request comes from another site's page and is refused")


def _is_here(origin: str | None, host: str) -> bool:
    if origin is None:
        return True
    try:
        return URL(origin).authority.lower() == host.lower()
    except ValueError:
        return False

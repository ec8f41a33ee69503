"""Whose request it is, found as Thanos does (`pkg/tenancy`), and how the upstream is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.engine.readers import THANOS_TENANT
from proxy.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Pairs = Iterable[tuple[str, str]]

OTHERS = "other"
_LONGEST_NAME = 128
_NOT_VALID = "Tenant name not valid"
_SUBJECT_FIELDS = {
    "organization": "organizationName",
    "organizationalUnit": "organizationalUnitName",
    "commonName": "commonName",
}
"""Thanos's names of a certificate's fields to Python's."""


@dataclass(frozen=True, slots=True)
class TenantPolicy:
    """Where the tenant's name stands.

    certificate_field: of the client's certificate ("organization", "organizationalUnit" or
    "commonName"); then no header counts. "": in a header.
    """

    header: str = "THANOS-TENANT"
    default_tenant: str = "default-tenant"
    certificate_field: str = ""

    def tenant_of(self, pairs: Pairs, certificate: Mapping[str, Any] | None) -> str:
        """The tenant of a request.

        certificate: the client's, verified, as `SSLObject.getpeercert` gives it.

        Raises:
            BadDataError: there is none, or it is not a valid name.
        """
        if self.certificate_field:
            tenant = _from_certificate(certificate, self.certificate_field)
        else:
            tenant = self._from_headers(pairs) or self.default_tenant
        if tenant != path_base(tenant) or not _can_travel(tenant):
            raise BadDataError(_NOT_VALID)
        return tenant

    def _from_headers(self, pairs: Pairs) -> str:
        """The first of each name counts, and an empty one is none."""
        first: dict[str, str] = {}
        for name, value in pairs:
            first.setdefault(name.lower(), value)
        return first.get(self.header.lower()) or first.get(THANOS_TENANT, "")

    def identity_headers(self, pairs: Pairs, tenant: str) -> list[tuple[str, str]]:
        """Headers that tell the upstream this tenant, whatever the client has sent.

        Both names carry it, so that the upstream sees it whichever of them it reads.
        """
        own = {self.header.lower(), THANOS_TENANT}
        kept = [pair for pair in pairs if pair[0].lower() not in own]
        names = (self.header,) if len(own) == 1 else (self.header, THANOS_TENANT.upper())
        return kept + [(name, tenant) for name in names]


def path_base(path: str) -> str:
    """Go's `path.Base`: what stands behind the last slash, slashes at the end left out."""
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def _can_travel(tenant: str) -> bool:
    """Whether a header can carry it upstream unchanged: a certificate may hold anything."""
    is_text = not any("\ud800" <= c <= "\udfff" or c < " " or c == "\x7f" for c in tenant)
    return is_text and tenant == tenant.strip(" ")


def _from_certificate(certificate: Mapping[str, Any] | None, field: str) -> str:
    if not certificate:
        raise BadDataError("could not get required certificate field from client cert")
    wanted = _SUBJECT_FIELDS[field]
    subject = certificate.get("subject", ())
    values = [value for names in subject for name, value in names if name == wanted]
    is_name = field == "commonName"
    if not values or (is_name and not values[-1]):
        raise BadDataError(f"could not get {field} field from client cert")
    return str(values[-1] if is_name else values[0])  # of several, Go keeps the last common name


class TenantNames:
    """Names for metrics: the first ones by themselves, all others as one."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self._names: set[str] = set()

    def of(self, tenant: str) -> str:
        if tenant in self._names:
            return tenant
        if len(self._names) >= self._most or len(tenant) > _LONGEST_NAME or tenant == OTHERS:
            return OTHERS
        self._names.add(tenant)
        return tenant

"""Certificates that tests make for themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trustme

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files: a certificate with its chain, and its key."""

    cert_file: str
    key_file: str


class Authority:
    """A CA whose certificates lie in a folder. `ca_file`: its own."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.ca_file = str(folder / f"{name}.pem")
        self._ca.cert_pem.write_to_path(self.ca_file)

    def issue(self, name: str, *identities: str, **subject: Any) -> Pair:
        """Write `name`.crt and `name`.key, in place of those that are there."""
        issued = self._ca.issue_cert(*(identities or ("localhost", "127.0.0.1")), **subject)
        pair = Pair(str(self._folder / f"{name}.crt"), str(self._folder / f"{name}.key"))
        issued.private_key_pem.write_to_path(pair.key_file)
        (self._folder / f"{name}.crt").write_bytes(b"".join(p.bytes() for p in issued.cert_chain_pems))
        return pair

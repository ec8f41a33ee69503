"""Who may come in: passwords (bcrypt) and bearer tokens (sha256), as the file of `--http.config` lists.

A password's check takes long by design, so that guessing is slow. It runs in threads of its own, few of
them, and only so many may wait: a flood of guesses is refused with 429 while everything else goes on.
Results are remembered under a keyed hash for a while; what was accepted is remembered apart, so that
guesses cannot push it out.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import bcrypt
from cachetools import TTLCache

from proxy.errors import TooManyRequestsError, UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Pairs = Iterable[tuple[str, str]]

_CHECKS_AT_ONCE = 2
_MOST_CHECKS = 64
"""Running and waiting: some seconds of work."""
_REMEMBERED = 1024
_REMEMBERED_S = 300.0
_BCRYPT_BYTES = 72
"""What bcrypt reads of a password. Go's ignores the rest; this library would refuse it."""


@dataclass(frozen=True, slots=True, repr=False)
class _Known:
    """What one version of the file lists, and what was found out by it."""

    users: Mapping[str, bytes]
    tokens: Mapping[str, bytes]
    accepted: TTLCache[bytes, bool]
    refused: TTLCache[bytes, bool]
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @property
    def challenges(self) -> tuple[str, ...]:
        basic = ('Basic realm="thanoxy", charset="UTF-8"',) if self.users else ()
        return (*basic, 'Bearer realm="thanoxy"') if self.tokens else basic

    def hash_of(self, name: str) -> bytes:
        """The hash to check a password against.

        For a name that is not known one of the others', always the same: it takes as long as theirs.
        """
        if name in self.users:
            return self.users[name]
        hashes = tuple(self.users.values())
        return hashes[int.from_bytes(self.keyed(name.encode(errors="surrogateescape"))) % len(hashes)]

    def keyed(self, *parts: bytes) -> bytes:
        """A hash that says nothing to who does not know `secret`."""
        made = hashlib.blake2b(key=self.secret, digest_size=32)
        for part in parts:
            made.update(len(part).to_bytes(8, "big") + part)
        return made.digest()

    def token_name(self, token: str) -> str | None:
        """Whose token it is. All are compared, whichever it is."""
        digest = hashlib.sha256(token.encode(errors="surrogateescape")).digest()
        found = None
        for name, wanted in self.tokens.items():
            if hmac.compare_digest(digest, wanted):
                found = name
        return found


class Authenticator:
    """Finds out who asks. As long as neither users nor tokens are listed, everybody may."""

    def __init__(
        self,
        users: Mapping[str, bytes],
        tokens: Mapping[str, bytes],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock_s = clock_s
        self._pool = ThreadPoolExecutor(_CHECKS_AT_ONCE, thread_name_prefix="thanoxy-bcrypt")
        self._checks: dict[bytes, asyncio.Future[bool]] = {}
        self.use(users, tokens)

    def use(self, users: Mapping[str, bytes], tokens: Mapping[str, bytes]) -> None:
        """Take another list; what was remembered of the old one is forgotten."""
        self._known = _Known(dict(users), dict(tokens), self._memory(), self._memory())

    def _memory(self) -> TTLCache[bytes, bool]:
        return TTLCache(_REMEMBERED, _REMEMBERED_S, self._clock_s)

    @property
    def is_open(self) -> bool:
        """Whether everybody may come in; then `Authorization` is the upstream's, and travels on."""
        return not self._known.users and not self._known.tokens

    async def admit(self, authorization: str | None) -> str:
        """The name of who sent this header; "" when everybody may come in.

        Raises:
            UnauthorizedError: nobody that is known.
            TooManyRequestsError: too many passwords are being checked.
        """
        if self.is_open:
            return ""
        known, name = self._known, None
        scheme, _, rest = (authorization or "").partition(" ")
        match scheme.lower():
            case "basic" if known.users:
                name = await self._basic(known, rest.strip(" "))
            case "bearer" if known.tokens:
                name = known.token_name(rest.strip(" "))
        if name is None:
            raise UnauthorizedError(known.challenges)
        return name

    async def _basic(self, known: _Known, text: str) -> str | None:
        sent = _user_and_password(text)
        if sent is None:
            return None
        name, password = sent
        key = known.keyed(name.encode(errors="surrogateescape"), password)
        if key in known.accepted:
            return name
        if key in known.refused:
            return None
        matches = await self._check(key, password, known.hash_of(name))
        is_right = matches and name in known.users
        (known.accepted if is_right else known.refused)[key] = True
        return name if is_right else None

    async def _check(self, key: bytes, password: bytes, wanted: bytes) -> bool:
        """In a thread; equal checks at the same time are one."""
        check = self._checks.get(key)
        if check is None:
            if len(self._checks) >= _MOST_CHECKS:
                raise TooManyRequestsError(
                    f"{_MOST_CHECKS} passwords are being checked already; come again in a second",
                    1,
                    "passwords",
                )
            loop = asyncio.get_running_loop()
            check = loop.run_in_executor(self._pool, _matches, password, wanted)
            self._checks[key] = check
            check.add_done_callback(lambda _: self._checks.pop(key, None))
        return await asyncio.shield(check)  # who leaves does not end it for others, nor frees a place

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _matches(password: bytes, wanted: bytes) -> bool:
    try:
        return bcrypt.checkpw(password[:_BCRYPT_BYTES], wanted)
    except ValueError:  # a hash that only looks like one
        return False


def _user_and_password(text: str) -> tuple[str, bytes] | None:
    """What basic authentication sends (RFC 7617); None for anything else."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    name, colon, password = decoded.partition(b":")
    return (name.decode(errors="surrogateescape"), password) if colon else None


def key_pairs(pairs: Pairs, name: str) -> list[tuple[str, str]]:
    """Headers for the key of what is kept: the name of who asks instead of the secret."""
    return [*upstream_pairs(pairs), ("Authorization", name)]


def upstream_pairs(pairs: Pairs) -> list[tuple[str, str]]:
    """Headers that travel on: a secret that was meant for thanoxy stays here."""
    return [(name, value) for name, value in pairs if name.lower() != "authorization"]

"""Who may come in: passwords and tokens, in bounded time and with nothing secret said."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import threading
from typing import TYPE_CHECKING, Any

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.api import auth
from proxy.api.auth import Authenticator, key_pairs, upstream_pairs
from proxy.errors import TooManyRequestsError, UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD, TOKEN = "correct-horse", "battery-staple"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4))
OTHER_HASH = bcrypt.hashpw(b"other-password", bcrypt.gensalt(4))
USERS = {"alice": HASH, "bob": OTHER_HASH}
TOKENS = {"grafana": hashlib.sha256(TOKEN.encode()).digest(), "alerts": bytes(32)}


def basic(user: str, password: str | bytes) -> str:
    sent = user.encode() + b":" + (password.encode() if isinstance(password, str) else password)
    return "Basic " + base64.b64encode(sent).decode()


class Checks:
    """Stands before bcrypt: counts, and waits where a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[bytes, bytes]] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        real = bcrypt.checkpw

        def counted(password: bytes, wanted: bytes) -> bool:
            self.made.append((password, wanted))
            self.may_go_on.wait(10)
            return real(password, wanted)

        monkeypatch.setattr(bcrypt, "checkpw", counted)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Checks]:
    made = Checks(monkeypatch)
    yield made
    made.may_go_on.set()


@pytest.fixture
def door() -> Iterator[Authenticator]:
    made = Authenticator(USERS, TOKENS)
    yield made
    made.close()


async def refused(door: Authenticator, header: str | None) -> UnauthorizedError:
    with pytest.raises(UnauthorizedError) as caught:
        await door.admit(header)
    return caught.value


async def test_where_nobody_is_listed_everybody_may_come_in() -> None:
    door = Authenticator({}, {})
    assert door.is_open
    for header in (None, "", "Bearer x", basic("alice", "x")):
        assert await door.admit(header) == ""
    door.close()


async def test_who_is_listed_comes_in_by_name(door: Authenticator) -> None:
    assert not door.is_open
    assert await door.admit(basic("alice", PASSWORD)) == "alice"
    assert await door.admit(f"Bearer {TOKEN}") == "grafana"
    assert await door.admit(f"bEARER   {TOKEN} ") == "grafana"
    assert await door.admit("bASIC " + basic("alice", PASSWORD)[6:]) == "alice"


@pytest.mark.parametrize(
    "header",
    [
        None, "", "Basic", "Basic ", "Bearer", "Bearer ", "Digest x", "Basic !!!", "Basic YQ",
        "Basic YWxpY2U=", f"Bearer {TOKEN}x", f"Bearer{TOKEN}", f"Basic {TOKEN}", f"Token {TOKEN}",
        basic("alice", ""), basic("alice", "other-password"), basic("bob", PASSWORD),
        basic("carol", PASSWORD), basic("", PASSWORD), basic("Alice", PASSWORD),
        basic("alice", PASSWORD + "\0"), basic("alice", PASSWORD) + "====", "Basic \udcff",
        "Bearer \udcff",
        f"Bearer {TOKENS['grafana'].hex()}",
    ],
)  # fmt: skip
async def test_whoever_else_comes_is_told_how_to_say_who_they_are(
    door: Authenticator, header: str | None
) -> None:
    error = await refused(door, header)
    assert (error.status, error.error_type) == (401, "bad_data")
    assert error.challenges == ('Basic realm="thanoxy", charset="UTF-8"', 'Bearer realm="thanoxy"')


async def test_only_ways_that_somebody_is_listed_for_are_offered_and_taken() -> None:
    only_users, only_tokens = Authenticator(USERS, {}), Authenticator({}, TOKENS)
    assert len((await refused(only_users, f"Bearer {TOKEN}")).challenges) == 1
    error = await refused(only_tokens, basic("alice", PASSWORD))
    assert error.challenges == ('Bearer realm="thanoxy"',)
    only_users.close()
    only_tokens.close()


async def test_a_hash_of_another_maker_is_understood() -> None:
    for prefix in (b"$2a$", b"$2y$"):
        door = Authenticator({"alice": prefix + HASH[4:]}, {})
        assert await door.admit(basic("alice", PASSWORD)) == "alice"
        door.close()


async def test_a_password_is_read_as_far_as_bcrypt_reads() -> None:
    """Go's bcrypt compares the first 72 bytes, and no more."""
    door = Authenticator({"alice": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))}, {})
    assert await door.admit(basic("alice", "x" * 500)) == "alice"
    await refused(door, basic("alice", "x" * 71))
    door.close()


async def test_a_hash_that_is_none_admits_nobody() -> None:
    door = Authenticator({"alice": b"$2y$10$short"}, {})
    await refused(door, basic("alice", PASSWORD))
    door.close()


async def test_a_password_is_checked_once_while_it_is_remembered(checks: Checks) -> None:
    now_s = [0.0]
    door = Authenticator(USERS, TOKENS, lambda: now_s[0])
    for _ in range(3):
        assert await door.admit(basic("alice", PASSWORD)) == "alice"
        await refused(door, basic("alice", "wrong"))
    assert len(checks.made) == 2
    now_s[0] = 301.0
    await door.admit(basic("alice", PASSWORD))
    await refused(door, basic("alice", "wrong"))
    assert len(checks.made) == 4
    door.close()


async def test_what_is_remembered_says_nothing_about_passwords(door: Authenticator) -> None:
    await door.admit(basic("alice", PASSWORD))
    await refused(door, basic("alice", "wrong-guess"))
    held = [*door._known.accepted, *door._known.refused]
    assert [len(key) for key in held] == [32, 32]
    plain = hashlib.blake2b(b"alice" + PASSWORD.encode(), digest_size=32).digest()
    assert plain not in held
    assert PASSWORD not in repr(door._known)


async def test_many_guesses_do_not_push_out_who_was_accepted(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "_REMEMBERED", 4)
    door = Authenticator(USERS, {})
    await door.admit(basic("alice", PASSWORD))
    for guess in range(20):
        await refused(door, basic("alice", str(guess)))
    assert len(door._known.refused) <= 4
    made = len(checks.made)
    await door.admit(basic("alice", PASSWORD))
    assert len(checks.made) == made
    door.close()


async def test_a_name_that_is_not_known_costs_a_check_like_any_other(checks: Checks) -> None:
    door = Authenticator(USERS, {})
    for name in ("carol", "dave", "erin", "\udcff".encode(errors="surrogateescape").decode("latin1")):
        await refused(door, basic(name, PASSWORD))
    assert len(checks.made) == 4
    assert {wanted for _, wanted in checks.made} <= set(USERS.values())
    door.close()


async def test_nobody_comes_in_by_another_ones_password_under_an_unknown_name(checks: Checks) -> None:
    door = Authenticator({"alice": HASH}, {})
    await refused(door, basic("carol", PASSWORD))
    assert checks.made == [(PASSWORD.encode(), HASH)]  # it did match
    await refused(door, basic("carol", PASSWORD))
    door.close()


async def test_equal_checks_at_the_same_time_are_one(checks: Checks) -> None:
    door = Authenticator(USERS, {})
    names = await asyncio.gather(*(door.admit(basic("alice", PASSWORD)) for _ in range(100)))
    assert names == ["alice"] * 100
    assert len(checks.made) == 1
    door.close()


async def test_a_flood_of_guesses_is_refused_while_known_people_and_tokens_come_in(
    checks: Checks,
) -> None:
    door = Authenticator(USERS, TOKENS)
    await door.admit(basic("alice", PASSWORD))
    checks.may_go_on.clear()
    loop = asyncio.get_running_loop()
    guesses = [loop.create_task(door.admit(basic("alice", str(n)))) for n in range(100)]
    done, waiting = await asyncio.wait(guesses, timeout=0.2)
    assert len(waiting) == 64
    errors = [task.exception() for task in done]
    assert all(isinstance(error, TooManyRequestsError) for error in errors)
    assert str(errors[0]) == "64 passwords are being checked already; come again in a second"
    assert len(checks.made) == 1 + 2  # only so many threads
    assert await door.admit(basic("alice", PASSWORD)) == "alice"
    assert await door.admit(f"Bearer {TOKEN}") == "grafana"
    checks.may_go_on.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(result) for result in results} == {UnauthorizedError}
    assert not door._checks
    door.close()


async def test_who_leaves_does_not_free_a_place_nor_end_the_check_for_others(checks: Checks) -> None:
    door = Authenticator(USERS, {})
    checks.may_go_on.clear()
    loop = asyncio.get_running_loop()
    first, second = (loop.create_task(door.admit(basic("alice", PASSWORD))) for _ in range(2))
    await asyncio.sleep(0.05)
    first.cancel()
    await asyncio.wait([first])
    assert len(door._checks) == 1
    checks.may_go_on.set()
    assert await second == "alice"
    assert first.cancelled()
    door.close()


async def test_another_list_is_in_force_at_once(door: Authenticator) -> None:
    await door.admit(basic("alice", PASSWORD))
    door.use({"alice": OTHER_HASH}, {})
    await refused(door, basic("alice", PASSWORD))
    await refused(door, f"Bearer {TOKEN}")
    assert await door.admit(basic("alice", "other-password")) == "alice"
    door.use({}, {})
    assert door.is_open


async def test_what_is_wrong_is_said_without_a_secret(
    door: Authenticator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    for header in (basic("alice", "hunter2"), "Bearer hunter2", "Basic hunter2", "hunter2"):
        error = await refused(door, header)
        said += [str(error), repr(error), repr(vars(error))]
    said += [repr(vars(record)) for record in caplog.records]
    assert "hunter2" not in " ".join(said)
    assert base64.b64encode(b"alice:hunter2").decode() not in " ".join(said)


@given(
    st.one_of(
        st.text(max_size=80),
        st.text(max_size=80).map(lambda text: "Basic " + text),
        st.binary(max_size=80).map(lambda sent: "Basic " + base64.b64encode(sent).decode()),
        st.binary(max_size=20).map(lambda sent: "Basic " + sent.decode(errors="surrogateescape")),
        st.text(max_size=80).map(lambda text: "Bearer " + text),
        st.builds(
            lambda right, at, instead: right[:at] + instead + right[at + 1 :],
            st.sampled_from([basic("alice", PASSWORD), f"Bearer {TOKEN}"]),
            st.integers(0, 40),
            st.text(max_size=1),
        ),
    )
)
def test_any_header_is_either_nobody_or_somebody_and_never_an_accident(header: str) -> None:
    async def ask() -> None:
        door = Authenticator({"alice": HASH}, TOKENS)
        try:
            name = await door.admit(header)
        except UnauthorizedError:
            return
        finally:
            door.close()
        scheme, _, sent = header.partition(" ")
        if scheme.lower() == "basic":
            assert (name, base64.b64decode(sent.strip(" "))) == ("alice", f"alice:{PASSWORD}".encode())
        else:
            assert (name, scheme.lower(), sent.strip(" ")) == ("grafana", "bearer", TOKEN)

    asyncio.run(ask())


def test_a_secret_that_was_meant_for_thanoxy_does_not_travel_on() -> None:
    sent: list[tuple[str, str]] = [("authorization", "Basic x"), ("A", "b"), ("AUTHORIZATION", "y")]
    assert upstream_pairs(sent) == [("A", "b")]
    assert key_pairs(sent, "alice") == [("A", "b"), ("Authorization", "alice")]


def test_two_names_never_share_a_key() -> None:
    from proxy.plan.cache_key import vary_fields

    def fields(name: str) -> Any:
        return vary_fields(key_pairs([("Authorization", "Basic x")], name), ("authorization",))

    assert fields("alice") != fields("bob")
    assert fields("alice") == fields("alice")

"""Who may do what: hosts, tokens, roles, guesses, other sites."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.settings import TokenSettings
from edge_daemon.tokens import ROLES, Role, digest, new_token
from edge_daemon.web.access import ANONYMOUS, GUESSES, LONGEST_S, Access, Identity, Refusal, RequestHead

TOKEN, PLAIN, BOSS = new_token(), "a token itself, long enough", new_token()
TOKENS = {
    "office": TokenSettings(token=digest(TOKEN)),
    "program": TokenSettings(token=PLAIN, role="operator"),
    "boss": TokenSettings(token=digest(BOSS), role="administrator"),
}
WHO = {
    TOKEN: Identity("office", "viewer"),
    PLAIN: Identity("program", "operator"),
    BOSS: Identity("boss", "administrator"),
}
NEEDS: tuple[Role | None, ...] = (None, *ROLES)


def asked(**more: Any) -> RequestHead:
    return RequestHead(**{"method": "GET", "host": "127.0.0.1:8080", "client": "10.0.0.1", **more})


def status(found: Identity | Refusal) -> int:
    """Status of a refusal; 200 of an identity."""
    return found.status if isinstance(found, Refusal) else 200


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "192.168.1.5:8080", "[::1]:8080", "cams.example.org"]
)
def test_own_host_names_are_accepted(host: str) -> None:
    assert Access({}, ["Cams.example.org"]).wrong_host(asked(host=host)) is None


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "[", "127.0.0.1.evil.example:80", "a@b"]
)
def test_other_host_names_are_refused(host: str) -> None:
    refusal = Access({}, []).wrong_host(asked(host=host))
    assert refusal is not None
    assert refusal.status == 421


@pytest.mark.parametrize("token", WHO, ids=["office", "program", "boss"])
@pytest.mark.parametrize("needed", NEEDS)
def test_a_token_gives_its_role_in_a_header_and_in_a_cookie(token: str, needed: Role | None) -> None:
    access = Access(TOKENS, [])
    for given_as in ("bearer", "cookie"):
        found = access.admit(asked(**{given_as: token}), needed, 0.0)
        if needed is None:
            assert found == ANONYMOUS
        elif ROLES.index(WHO[token].role) >= ROLES.index(needed):
            assert found == WHO[token]
        else:
            assert isinstance(found, Refusal)
            assert (found.status, found.who) == (403, WHO[token])


def test_without_a_token_and_with_a_wrong_one_nothing_but_public_routes_is_open() -> None:
    access = Access(TOKENS, [])
    for needed in ROLES:
        assert status(access.admit(asked(), needed, 0.0)) == 401
        assert status(access.admit(asked(bearer=digest(TOKEN)), needed, 0.0)) == 401, "a digest is no token"
    assert access.admit(asked(bearer="wrong"), None, 0.0) == ANONYMOUS


def test_where_there_are_no_tokens_everybody_sees_and_nobody_changes() -> None:
    access = Access({}, [])
    for more in ({}, {"bearer": "anything"}, {"cookie": "of another time"}):
        assert access.admit(asked(**more), "viewer", 0.0) == ANONYMOUS
        for needed in ("operator", "administrator"):
            refused = access.admit(asked(**more), needed, 0.0)
            assert isinstance(refused, Refusal)
            assert refused.status == 401
            assert f"edge-daemon token --role {needed}" in refused.sentence


@given(st.text(max_size=60))
def test_nothing_else_is_a_token(text: str) -> None:
    found = Access(TOKENS, []).admit(asked(bearer=text), "viewer", 0.0)
    assert isinstance(found, Identity) == (text in WHO)


def test_an_address_that_guesses_has_to_wait_longer_and_longer_and_others_have_not() -> None:
    access, now, waits = Access(TOKENS, []), 0.0, list[float]()
    for number in range(GUESSES + 30):
        refusal = access.admit(asked(bearer=f"guess {number}"), "viewer", now)
        assert isinstance(refusal, Refusal)
        if refusal.status == 429:
            waits.append(refusal.wait_s)
            assert access.admit(asked(bearer=TOKEN), "viewer", now) == refusal, "a right token may be a guess by now"
            now += refusal.wait_s
        assert access.admit(asked(bearer=TOKEN, client="10.0.0.2"), "viewer", now) == WHO[TOKEN]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S
    now += LONGEST_S
    assert access.admit(asked(bearer=TOKEN), "viewer", now) == WHO[TOKEN], "and then all is forgotten"
    assert status(access.admit(asked(bearer="guess"), "viewer", now)) == 401
    assert access.admit(asked(bearer=TOKEN), "viewer", now) == WHO[TOKEN]


def test_a_page_that_goes_on_asking_with_an_old_cookie_locks_nobody_out() -> None:
    access = Access(TOKENS, [])
    for now in range(100):
        assert status(access.admit(asked(cookie="of old"), "viewer", float(now))) == 401
    assert access.admit(asked(bearer=TOKEN), "viewer", 100.0) == WHO[TOKEN]


OWN, EVIL = "http://127.0.0.1:8080", "http://evil.example"


@pytest.mark.parametrize(
    ("more", "predicts", "changes"),
    [
        ({}, True, False),
        ({"fetch_site": "none"}, True, False),
        ({"origin": OWN}, True, True),
        ({"fetch_site": "same-origin"}, True, True),
        ({"fetch_site": "same-origin", "origin": OWN}, True, True),
        ({"fetch_site": "same-site", "origin": OWN}, False, False),
        ({"fetch_site": "cross-site"}, False, False),
        ({"origin": EVIL}, False, False),
        ({"origin": "null"}, False, False),
        ({"bearer": BOSS}, True, True),
        ({"origin": EVIL, "bearer": BOSS}, True, True),
        ({"fetch_site": "cross-site", "bearer": BOSS}, False, False),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "WEBSOCKET"])
def test_other_sites_cannot_use_a_cookie(method: str, more: dict[str, str], predicts: bool, changes: bool) -> None:
    access = Access(TOKENS, [])
    sent = asked(method=method, cookie=BOSS, **more)
    expected: dict[Role | None, bool] = {None: predicts, "viewer": predicts, "operator": changes}
    for needed, good in expected.items():
        assert status(access.admit(sent, needed, 0.0)) == (200 if good else 403), needed

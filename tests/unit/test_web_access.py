"""Who may do what: hosts, tokens, roles, guesses, other sites."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.settings import TokenSettings
from edge_daemon.tokens import ROLES, Role, digest, new_token
from edge_daemon.web.access import ANONYMOUS, GUESSES, LONGEST_S, REMEMBERED, Access, Identity, Refusal, RequestHead
from edge_daemon.web.sessions import LIFETIME_S, Sessions

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


def test_the_machine_has_a_name_too_and_others_are_told_how_to_make_theirs_known() -> None:
    access = Access({}, [], ["Box", "box.local"])
    for host in ("box", "BOX:8080", "box.local"):
        assert access.wrong_host(asked(host=host)) is None
    refusal = access.wrong_host(asked(host="box.lan:8080"))
    assert refusal is not None
    assert "'box.lan:8080'" in refusal.sentence
    assert "web.hosts" in refusal.sentence
    long = access.wrong_host(asked(host="x" * 30_000))
    assert long is not None
    assert len(long.sentence) < 300


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "[", "127.0.0.1.evil.example:80", "a@b"]
)
def test_other_host_names_are_refused(host: str) -> None:
    refusal = Access({}, []).wrong_host(asked(host=host))
    assert refusal is not None
    assert refusal.status == 421


@pytest.mark.parametrize("token", WHO, ids=["office", "program", "boss"])
@pytest.mark.parametrize("needed", NEEDS)
def test_a_token_and_a_session_of_it_give_its_role(token: str, needed: Role | None) -> None:
    access = Access(TOKENS, [])
    for head in (asked(bearer=token), asked(cookie=access.log_in(token))):
        found = access.admit(head, needed, 0.0)
        if needed is None:
            assert found == ANONYMOUS
        elif ROLES.index(WHO[token].role) >= ROLES.index(needed):
            assert found == WHO[token]
        else:
            assert isinstance(found, Refusal)
            assert (found.status, found.who) == (403, WHO[token])


def test_a_session_ends_with_its_time_when_it_is_closed_and_when_its_token_is_gone() -> None:
    now = [1000.0]
    sessions = Sessions(None, lambda: now[0])
    access = Access(TOKENS, [], sessions=sessions)
    numbers = [access.log_in(TOKEN) for _ in range(2)]
    assert access.admit(asked(cookie=numbers[0]), "viewer", 0.0) == WHO[TOKEN]
    assert sessions.close(numbers[0])
    assert status(access.admit(asked(cookie=numbers[0]), "viewer", 0.0)) == 401
    renewed = TOKENS | {"office": TokenSettings(token=digest(new_token()))}
    assert status(Access(renewed, [], sessions=sessions).admit(asked(cookie=numbers[1]), "viewer", 0.0)) == 401
    now[0] += LIFETIME_S - 1
    assert access.admit(asked(cookie=numbers[1]), "viewer", 0.0) == WHO[TOKEN]
    now[0] += 1
    assert status(access.admit(asked(cookie=numbers[1]), "viewer", 0.0)) == 401
    assert status(access.admit(asked(cookie=TOKEN), "viewer", 0.0)) == 401, "a cookie is no token"


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


def test_a_client_that_guesses_waits_longer_and_longer_and_a_right_token_never() -> None:
    access, now, waits = Access(TOKENS, []), 0.0, list[float]()
    for number in range(GUESSES + 30):
        refusal = access.admit(asked(bearer=f"guess {number}"), "viewer", now)
        assert isinstance(refusal, Refusal)
        assert access.admit(asked(bearer=TOKEN), "viewer", now) == WHO[TOKEN]
        if refusal.status == 429:
            waits.append(refusal.wait_s)
            now += refusal.wait_s
        other = access.admit(asked(bearer="guess", client="10.0.0.2"), "viewer", now)
        assert status(other) == 401, "others do not wait"
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S
    now += LONGEST_S
    assert status(access.admit(asked(bearer="one more"), "viewer", now)) == 401
    assert status(access.admit(asked(bearer="and one"), "viewer", now)) == 429
    now += 2 * LONGEST_S
    for number in range(GUESSES):
        assert status(access.admit(asked(bearer=f"later {number}"), "viewer", now)) == 401, "all is forgotten"


def test_the_latest_guessers_are_remembered() -> None:
    access = Access(TOKENS, [])

    def guess(number: int, client: int) -> int | None:
        return status(access.admit(asked(bearer=f"{number}", client=f"10.1.{client >> 8}.{client & 255}"), "viewer", 0))

    assert [guess(number, 0) for number in range(GUESSES + 1)] == [401] * GUESSES + [429]
    for client in range(1, REMEMBERED):
        guess(0, client)
    assert guess(GUESSES, 0) == 429
    for client in range(1, REMEMBERED + 1):
        guess(0, client)
    assert guess(GUESSES, 0) == 401


def test_the_addresses_of_a_host_are_one_client() -> None:
    access = Access(TOKENS, [])
    for number in range(GUESSES):
        assert status(access.admit(asked(bearer=f"{number}", client=f"2001:db8::{number:x}"), "viewer", 0.0)) == 401
    assert status(access.admit(asked(bearer="more", client="2001:db8::ffff"), "viewer", 0.0)) == 429
    assert status(access.admit(asked(bearer="more", client="2001:db8:0:1::1"), "viewer", 0.0)) == 401


def test_a_program_that_goes_on_asking_with_an_old_token_is_not_a_guesser() -> None:
    access = Access(TOKENS, [])
    for now in range(100):
        assert status(access.admit(asked(bearer="of old"), "viewer", float(now))) == 401
    assert status(access.admit(asked(bearer="a guess"), "viewer", 100.0)) == 401


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
        ({"origin": "https://cams.example.org"}, True, True),
        ({"origin": "https://cams.example.org.evil.example"}, False, False),
        ({"origin": "http://["}, False, False),
        ({"origin": "cams.example.org"}, False, False),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "WEBSOCKET"])
def test_other_sites_cannot_use_a_cookie(method: str, more: dict[str, str], predicts: bool, changes: bool) -> None:
    access = Access(TOKENS, ["cams.example.org"], ["box"])
    sent = asked(method=method, cookie=access.log_in(BOSS), **more)
    expected: dict[Role | None, bool] = {None: predicts, "viewer": predicts, "operator": changes}
    for needed, good in expected.items():
        assert status(access.admit(sent, needed, 0.0)) == (200 if good else 403), needed


def test_an_origin_with_the_name_of_the_machine_only_may_be_another_service_of_it() -> None:
    access = Access(TOKENS, ["cams.example.org"], ["box"])
    for origin in ("http://box:9000", "http://localhost:9000"):
        refusal = access.admit(asked(method="POST", cookie=access.log_in(BOSS), origin=origin), "viewer", 0.0)
        assert isinstance(refusal, Refusal)
        assert f"({origin}); if that is this service behind a proxy, add its name to web.hosts" in refusal.sentence


PAGE = "https://dashboard.example.org"


@pytest.mark.parametrize("method", ["GET", "POST", "WEBSOCKET"])
def test_pages_of_an_origin_that_may_call_use_a_token_and_never_the_cookie(method: str) -> None:
    access = Access(TOKENS, [], origins=[PAGE])
    mode = "websocket" if method == "WEBSOCKET" else "cors"
    sent = {"method": method, "origin": PAGE, "fetch_site": "cross-site", "fetch_mode": mode}
    assert access.admit(asked(**sent, bearer=TOKEN), "viewer", 0.0) == WHO[TOKEN]
    assert status(access.admit(asked(**sent), "viewer", 0.0)) == 401
    assert status(access.admit(asked(**sent, cookie=access.log_in(BOSS)), "viewer", 0.0)) == 403
    assert status(access.admit(asked(**sent | {"origin": EVIL}, bearer=TOKEN), "viewer", 0.0)) == 403
    assert status(access.admit(asked(**sent | {"fetch_mode": "no-cors"}), "viewer", 0.0)) == 403, "such as an image"
    assert access.admit(asked(**sent), None, 0.0) == ANONYMOUS
    assert Access({}, [], origins=[PAGE]).admit(asked(**sent), "viewer", 0.0) == ANONYMOUS


@pytest.mark.parametrize(
    ("site", "mode", "code"),
    [
        ("cross-site", "no-cors", 403),
        ("same-site", "cors", 403),
        ("cross-site", None, 403),
        ("cross-site", "navigate", 200),
        ("same-origin", "no-cors", 200),
        ("none", "navigate", 200),
        (None, None, 200),
    ],
)
def test_pages_of_other_sites_embed_nothing(site: str | None, mode: str | None, code: int) -> None:
    head = asked(fetch_site=site, fetch_mode=mode)
    assert status(Access({}, []).admit(head, "viewer", 0.0)) == code
    assert status(Access({}, []).admit(head, None, 0.0)) == 200

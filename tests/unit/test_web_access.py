"""Who is answered: hosts, tokens, guesses, other sites."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.tokens import digest, new_token
from edge_daemon.web.access import GUESSES, LONGEST_S, Access, Asked

TOKEN = new_token()
ASKING = {"office": digest(TOKEN), "program": "a token itself, long enough"}


def asked(**more: Any) -> Asked:
    return Asked(**{"method": "GET", "host": "127.0.0.1:8080", "client": "10.0.0.1", **more})


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "192.168.1.5:8080", "[::1]:8080", "cams.example.org"]
)
def test_our_own_names(host: str) -> None:
    assert Access({}, ["Cams.example.org"]).refusal(asked(host=host), 0.0) is None


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "[", "127.0.0.1.evil.example:80", "a@b"]
)
def test_other_names_are_not_answered_to(host: str) -> None:
    refusal = Access({}, []).refusal(asked(host=host), 0.0)
    assert refusal is not None
    assert refusal.status == 421


def test_a_token_is_as_good_in_a_header_as_in_a_cookie_and_for_each_who_has_one() -> None:
    access = Access(ASKING, [])
    for token in (TOKEN, "a token itself, long enough"):
        assert access.refusal(asked(bearer=token), 0.0) is None
        assert access.refusal(asked(cookie=token), 0.0) is None
    missing, wrong = access.refusal(asked(), 0.0), access.refusal(asked(bearer=digest(TOKEN)), 0.0)
    assert missing is not None
    assert missing.status == 401
    assert wrong is not None, "what is written down is no token"
    assert wrong.status == 401
    assert access.refusal(asked(), 0.0, needs_token=False) is None


@given(st.text(max_size=60))
def test_nothing_else_is_a_token(text: str) -> None:
    refusal = Access(ASKING, []).refusal(asked(bearer=text), 0.0)
    assert (refusal is None) == (text in (TOKEN, "a token itself, long enough"))


def test_who_guesses_has_to_wait_longer_and_longer_and_others_have_not() -> None:
    access, now, waits = Access(ASKING, []), 0.0, list[float]()
    for number in range(GUESSES + 30):
        refusal = access.refusal(asked(bearer=f"guess {number}"), now)
        assert refusal is not None
        if refusal.status == 429:
            waits.append(refusal.wait_s)
            assert access.refusal(asked(bearer=TOKEN), now) == refusal, "who knows one by now has guessed it"
            now += refusal.wait_s
        assert access.refusal(asked(bearer=TOKEN, client="10.0.0.2"), now) is None
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S
    now += LONGEST_S
    assert access.refusal(asked(bearer=TOKEN), now) is None, "and then all is forgotten"
    assert access.refusal(asked(bearer="guess"), now) is not None
    assert access.refusal(asked(bearer=TOKEN), now) is None


def test_a_page_that_goes_on_asking_with_an_old_cookie_keeps_nobody_out() -> None:
    access = Access(ASKING, [])
    for now in range(100):
        refusal = access.refusal(asked(cookie="of old"), float(now))
        assert refusal
        assert refusal.status == 401
    assert access.refusal(asked(bearer=TOKEN), 100.0) is None


@pytest.mark.parametrize(
    ("more", "good"),
    [
        ({}, True),
        ({"origin": "http://127.0.0.1:8080"}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"fetch_site": "cross-site"}, False),
        ({"fetch_site": "same-site", "origin": "http://127.0.0.1:8080"}, False),
        ({"fetch_site": "same-origin", "origin": "http://127.0.0.1:8080"}, True),
        ({"origin": "http://evil.example", "bearer": TOKEN}, True),
    ],
)
def test_other_sites_cannot_use_a_cookie(more: dict[str, str], good: bool) -> None:
    access = Access(ASKING, [])
    refusal = access.refusal(asked(method="POST", cookie=TOKEN, **more), 0.0)
    assert (refusal is None) == good
    assert refusal is None or refusal.status == 403

"""How a server's question for the password is answered."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.capture.http_auth import answer, challenges

BASIC = 'Basic realm="cam"'
MD5 = 'Digest realm="IP, Camera", qop="auth", nonce="n,o=nce", opaque="0"'
SHA = 'Digest realm="cam", algorithm=SHA-256, qop="auth,auth-int", nonce="n"'
STRANGE = ["Negotiate", 'WSSE realm="onvif", profile="UsernameToken"', 'Bearer realm="x"', "NTLM TlRMTVNTUAAC="]


def fields_of(header: str) -> dict[str, str]:
    return {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]*))', header)}


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_the_standard(algorithm: str, response: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 7616, section 3.9.1."""
    monkeypatch.setattr("secrets.token_hex", lambda _: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    header = (
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    given_answer = answer(challenges([header]), "GET", "/dir/index.html", "Mufasa", "Circle of Life")
    assert given_answer
    assert fields_of(given_answer)["response"] == response
    assert fields_of(given_answer)["opaque"] == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


@given(st.permutations([BASIC, MD5, SHA, *STRANGE]), st.booleans())
def test_the_strongest_is_chosen_in_any_order_and_in_one_header_or_many(offers: list[str], joined: bool) -> None:
    headers = [", ".join(offers)] if joined else offers
    for best, scheme in ((SHA, "SHA-256"), (MD5, "MD5"), (BASIC, "Basic")):
        left = headers if best == SHA else [offer for offer in offers if offer in (best, BASIC, *STRANGE)]
        given_answer = answer(challenges(left), "GET", "/", "u", "p")
        assert given_answer
        assert given_answer.startswith("Basic" if scheme == "Basic" else "Digest")
        assert ("SHA-256" in given_answer) == (scheme == "SHA-256")
    assert answer(challenges(STRANGE), "GET", "/", "u", "p") is None


def test_values_with_commas_and_equal_signs_are_read_whole() -> None:
    (challenge,) = challenges([MD5])
    assert challenge.fields == {"realm": "IP, Camera", "qop": "auth", "nonce": "n,o=nce", "opaque": "0"}


def test_a_server_of_the_old_standard_gets_the_old_answer() -> None:
    header = answer(challenges(['Digest realm="cam", nonce="abc"']), "DESCRIBE", "rtsp://c/s", "me", "pass")
    assert header

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    expected = md5(f"{md5('me:cam:pass')}:abc:{md5('DESCRIBE:rtsp://c/s')}")
    assert fields_of(header) == {
        "username": "me",
        "realm": "cam",
        "nonce": "abc",
        "uri": "rtsp://c/s",
        "response": expected,
    }


@given(st.lists(st.text(max_size=80), max_size=3))
def test_any_header_is_read(headers: list[str]) -> None:
    answer(challenges(headers), "GET", "/", "u", "p")

"""What a proxy says of its client is believed, what the client says of itself is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.web.proxies import Forwarded, Proxies

PROXIES = Proxies(["127.0.0.1", "172.18.0.0/16", "2001:db8::/64"])


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("127.0.0.1", True),
        ("::ffff:127.0.0.1", True),
        ("127.0.0.2", False),
        ("172.18.255.1", True),
        ("2001:db8::7", True),
        ("2001:db8:0:1::7", False),
        ("fe80::1%eth0", False),
        ("", False),
        ("testclient", False),
    ],
)
def test_proxies_are_addresses_and_networks(address: str, known: bool) -> None:
    assert (address in PROXIES) == known
    assert address not in Proxies([])


@pytest.mark.parametrize(
    ("listed", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7, 172.18.0.2", "203.0.113.7"),
        ("203.0.113.7:5000", "203.0.113.7"),
        ("[2001:db8:1::7]:5000", "2001:db8:1::7"),
        ("2001:db8:1::7", "2001:db8:1::7"),
        ("172.18.0.2, 172.18.0.3", "172.18.0.2"),
        ("", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("203.0.113.7, <script>", "127.0.0.1"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy(listed: str, client: str) -> None:
    assert PROXIES.forwarded("127.0.0.1", listed, "", "").client == client


@given(st.text(alphabet="0123456789.:,[]% a", max_size=60))
def test_whatever_a_client_adds_in_front_changes_nothing(invented: str) -> None:
    assert PROXIES.forwarded("127.0.0.1", f"{invented}, 203.0.113.7", "", "").client == "203.0.113.7"


def test_scheme_and_host() -> None:
    assert PROXIES.forwarded("127.0.0.1", "1.2.3.4", "HTTPS", "cams.example.org") == Forwarded(
        "1.2.3.4", "https", "cams.example.org"
    )
    assert PROXIES.forwarded("127.0.0.1", "1.2.3.4", "http, https", "evil, cams:8443")[1:] == ("https", "cams:8443")
    assert PROXIES.forwarded("127.0.0.1", "1.2.3.4", "javascript", "")[1:] == ("", "")

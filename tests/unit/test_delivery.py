"""What is delivered, in which words, and when it is tried again."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.delivery import retry, template
from edge_daemon.delivery.credentials import Credentials, is_content
from edge_daemon.delivery.message import Message, digest, is_wanted
from edge_daemon.delivery.pace import Pace
from edge_daemon.delivery.payload import JSON, Composer
from edge_daemon.delivery.pending import Pending
from edge_daemon.delivery.retry import FIRST_S, LONGEST_S, MOST_AFTER_S, MOST_TRIES, Failure, next_try_s
from edge_daemon.delivery.settings import LimitSettings, SelectionSettings
from edge_daemon.delivery.signature import key_of, signature
from edge_daemon.log import printable
from tests.unit.test_store import event


def message(number: int = 1, **more: Any) -> Message:
    body = event(number, **more)
    return Message(id=f"s:{number}", body=body, data=json.loads(body), positions=(number,))


SEED = "SU" + "A2" * 28


@pytest.mark.parametrize("text", [SEED, f" {SEED}\n", f"-----BEGIN USER NKEY SEED-----\r\n{SEED}\r\n------END-----"])
def test_credentials_are_a_seed(text: str) -> None:
    assert is_content(text)
    assert Credentials.parse(text) == ("", SEED)


def test_credentials_are_a_token_and_a_seed() -> None:
    token = "eyJ0eXAiOiJKV1Qi.eyJqdGkiOiJY_-Q.c2lnbmF0dXJl"
    text = f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n{SEED}\n"
    assert Credentials.parse(text) == (token, SEED)
    assert not is_content("/etc/edge/box.creds")
    with pytest.raises(ValueError, match="no seed"):
        Credentials.parse("-----BEGIN NATS USER JWT-----")


outages = st.lists(st.tuples(st.floats(MOST_AFTER_S, 60 * 86400), st.floats(0.1, 20 * 86400)), max_size=12)
"""Times for which the receiver is there, and then away: about a year."""


@given(outages=outages, chances=st.randoms(use_true_random=False), after_s=st.none() | st.floats(0, 1e9))
def test_a_receiver_that_is_back_after_any_outages_of_a_year_has_everything_soon(
    outages: list[tuple[float, float]], chances: Any, after_s: float | None
) -> None:
    now_s = start_s = 0.0
    for there_s, away_s in outages:
        now_s = start_s = start_s + there_s
        failures, end_s = 0, start_s + away_s
        while now_s < end_s:
            failures += 1
            wait_s = next_try_s(failures, Failure("refused", after_s=after_s), chances.random())
            assert wait_s is not None, "what is away is never given up"
            assert wait_s >= FIRST_S / 2
            tries = int((end_s - now_s) / wait_s) if failures > 10 else 1  # many are alike
            now_s += wait_s * max(1, tries)
        assert now_s - end_s <= max(LONGEST_S, min(after_s or 0.0, MOST_AFTER_S))
        start_s = end_s


@given(st.integers(1, 100), st.floats(0, 1), st.none() | st.floats(0, 1e6))
def test_a_rejected_message_is_given_up_after_its_tries(failures: int, chance: float, after_s: float | None) -> None:
    wait_s = next_try_s(failures, Failure("answers 422", rejected=True, after_s=after_s), chance)
    assert (wait_s is None) == (failures >= MOST_TRIES)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_delays_grow_up_to_the_longest_and_differ_by_chance(failures: int, chance: float) -> None:
    wait_s = next_try_s(failures, Failure("refused"), chance)
    assert wait_s is not None
    usual = min(FIRST_S * 2.0 ** min(failures - 1, 60), LONGEST_S)
    assert usual / 2 <= wait_s <= usual
    assert retry.next_try_s(failures, Failure("refused"), 0.0) == usual / 2


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=60))
def test_the_cursor_is_behind_the_first_that_is_not_done(steps: list[tuple[bool, int]]) -> None:
    pending, under_way, done, wanted = Pending(10), list[int](), set[int](), set[int]()
    position = 10
    for is_read, number in steps:
        if is_read:
            position += 1 + number
            pending.add(position)
            wanted.add(position)
            under_way.append(position)
        elif under_way:
            one = under_way.pop(number % len(under_way))
            pending.finish([one])
            done.add(one)
        assert all(one in done for one in wanted if one <= pending.position)
        assert not any(one in done and one > pending.position and one not in pending.done for one in wanted)
        again = Pending(pending.position, pending.done)
        assert {one for one in wanted if one > again.position and not again.is_done(one)} == wanted - done


def test_what_is_not_wanted_does_not_hold_the_cursor() -> None:
    pending = Pending(0)
    pending.add(3)
    pending.advance(9)
    assert (pending.position, pending.read) == (2, 9)
    pending.finish([3])
    assert (pending.position, pending.done) == (9, [])


@pytest.mark.parametrize(
    "wrong",
    [
        "{camera.__class__}",
        "{camera[0]}",
        "{camera!r}",
        "{camera:>20}",
        "{}",
        "{0}",
        "{secret}",
        "{camera",
        "camera}",
        "{{camera}",
    ],
)
def test_templates_are_names_and_nothing_else(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"brace|names"):
        template.check(wrong)


@given(st.text(), st.text())
def test_foreign_text_in_a_template_stays_one_printable_line(camera: str, rule: str) -> None:
    text = template.fill("{camera}: {{{rule}}}", {"camera": camera, "rule": rule})
    assert text.isprintable() or "\u200c" in text or "\u200d" in text
    assert text.startswith(printable(camera))


def test_payloads_are_the_message_fields_or_what_a_template_makes_of_it() -> None:
    one = message(7)
    assert Composer(None, "box", "UTC").payload(one) == (one.body, JSON)
    assert json.loads(Composer(("rule", "nothing"), "box", "UTC").payload(one).content) == {"rule": "visitor"}
    text = Composer("{box} {camera} {what} at {time}", "box", "Europe/Berlin").payload(one)
    assert text.content == b"box yard person 7 at 23:07:00"
    mapped = Composer({"text": "{camera}", "more": ["{rule}", 3]}, "box", "UTC").payload(one)
    assert json.loads(mapped.content) == {"text": "yard", "more": ["visitor", 3]}


@pytest.mark.parametrize(
    ("selection", "wanted"),
    [
        (SelectionSettings(), True),
        (SelectionSettings(cameras=("gate",)), False),
        (SelectionSettings(rules=("visitor",), classes=("car", "person")), True),
        (SelectionSettings(classes=("car",)), False),
        (SelectionSettings(phases=("end",)), False),
        (SelectionSettings(alerts=True), True),
    ],
)
def test_events_are_selected(selection: SelectionSettings, wanted: bool) -> None:
    assert is_wanted(message().data, selection) == wanted


def test_other_messages_are_selected_by_their_camera_alone() -> None:
    counts = {"type": "counts", "camera": "yard"}
    assert is_wanted(counts, SelectionSettings(rules=("x",), alerts=True, cameras=("yard",)))
    assert not is_wanted(counts, SelectionSettings(cameras=("gate",)))
    assert is_wanted({"type": "status"}, SelectionSettings(cameras=("gate",)))
    assert not is_wanted(message(alert=False).data, SelectionSettings(alerts=True))


def test_a_digest_names_each_camera_and_rule_once() -> None:
    messages = [message(1), message(2), message(3, camera="gate")]
    one = digest(messages, "box")
    assert one.positions == (1, 2, 3)
    assert one.id == "s:1-3"
    assert one.data["count"] == 3
    assert Composer("{count}: {what}", "box", "UTC").payload(one).content == b"3: yard visitor 2, gate visitor 1"


def test_a_limit_lets_a_number_of_messages_pass_in_a_time() -> None:
    pace = Pace(LimitSettings(count=2, per_s=60.0))
    for now_s in (0.0, 10.0):
        assert pace.wait_s(now_s) == 0.0
        pace.sent(now_s)
    assert pace.wait_s(20.0) == 40.0
    assert pace.wait_s(60.0) == 0.0
    assert Pace(None).wait_s(0.0) == 0.0


def test_requests_are_signed_as_the_specification_says() -> None:
    secret = b"0123456789abcdef0123456789abcdef"
    key = key_of("whsec_" + base64.b64encode(secret).decode())
    expected = base64.b64encode(hmac.new(secret, b"msg_1.1674087231.{}", hashlib.sha256).digest()).decode()
    assert signature(key, "msg_1", 1674087231, b"{}") == f"v1,{expected}"
    with pytest.raises(ValueError, match="whsec_"):
        key_of("whsec_dG9vIHNob3J0")

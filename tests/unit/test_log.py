"""No log line carries a credential, and each has what its reader needs."""

import os
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.log import redact

VISIBLE = st.characters(exclude_categories=["C", "Z"])
ODD = st.text(st.one_of(VISIBLE, st.sampled_from("@/:?#&=%*")), min_size=1, max_size=20).map(lambda text: f"¤{text}¤")
"""Passwords, with a mark at each end that nothing else holds."""


@given(ODD, ODD, st.sampled_from(["rtsp", "rtsps", "http", "https", "RTSP"]))
def test_user_info_of_any_characters_is_masked(user: str, password: str, scheme: str) -> None:
    shown = redact(f"cannot open {scheme}://{user}:{password}@10.0.0.4:554/stream1 now")
    assert "¤" not in shown
    assert shown == f"cannot open {scheme}://***@10.0.0.4:554/stream1 now"


@given(
    ODD.map(lambda text: text.replace("&", "").replace("#", "")),
    st.sampled_from(["pass", "password", "passwd", "pwd", "PWD", "token", "access_token", "api-key", "secret", "auth"]),
)
def test_secret_parameters_are_masked_wherever_they_stand(secret: str, name: str) -> None:
    for text in (
        f"http://h/v?{name}={secret}",
        f"http://h/v?channel=1&{name}={secret}&size=2",
        f"http://u:p@h/v?{name}={secret}#there",
    ):
        shown = redact(text)
        assert "¤" not in shown
        assert f"{name}=***" in shown or "://***@" in shown


@pytest.mark.parametrize("name", ["pw", "psw", "loginpas", "sig", "signature", "credential"])
def test_other_names_that_cameras_give_their_secrets(name: str) -> None:
    assert "s3cret" not in redact(f"http://10.0.0.4/v?{name}=s3cret&channel=1")


def test_several_addresses_in_one_line() -> None:
    assert redact("rtsp://a:b@h/1 and http://c:d@i/2?token=e") == "rtsp://***@h/1 and http://***@i/2?token=***"


@given(st.text())
def test_masking_again_changes_nothing(text: str) -> None:
    assert redact(redact(text)) == redact(text)


SPEAK = """
import logging
from edge_daemon import log
log.set_up("capture door")
logger = logging.getLogger("edge_daemon.somewhere")
logger.debug("nobody asked")
logger.info("up: %s", "rtsp://viewer:hunter2@10.0.0.4/x")
try:
    raise ValueError("http://10.0.0.4/v?token=hunter2")
except ValueError:
    logger.exception("down")
"""


def logged(**environment: str) -> list[str]:
    """What a process that logs says, line by line."""
    env = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"} | environment
    done = subprocess.run([sys.executable, "-c", SPEAK], env=env, capture_output=True, text=True, check=True)
    assert not done.stdout
    assert "hunter2" not in done.stderr
    return done.stderr.splitlines()


def test_a_terminal_gets_time_and_level() -> None:
    first, second, *trace = logged()
    assert re.fullmatch(r"\d\d:\d\d:\d\d INFO    capture door: up: rtsp://\*\*\*@10\.0\.0\.4/x", first)
    assert re.fullmatch(r"\d\d:\d\d:\d\d ERROR   capture door: down", second)
    assert trace[0] == "Traceback (most recent call last):"
    assert trace[-1] == "ValueError: http://10.0.0.4/v?token=***"


def test_the_journal_gets_a_priority_on_every_line() -> None:
    first, *others = logged(JOURNAL_STREAM="8:1")
    assert first == "<6>capture door: up: rtsp://***@10.0.0.4/x"
    assert others[0] == "<3>capture door: down"
    assert all(line.startswith("<3>") for line in others)

"""No log line carries a credential, and each has what its reader needs."""

import json
import math
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.journal import Journal, encode
from edge_daemon.log import BURST, KINDS, REFILL_S, REPEAT_S, Flood, Repeats, printable, redact

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


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://10.0.0.4/user=admin_password=s3cret_channel=1_stream=0.sdp",
        "http://10.0.0.4/snap.cgi?u=admin&p=s3cret",
        "http://10.0.0.4/cgi/user=admin;pwd=s3cret",
        "rtsp//admin:s3cret@10.0.0.4/1",
        "rtsp:/admin:s3cret@10.0.0.4/1",
    ],
)
def test_secrets_in_paths_and_in_what_is_nearly_a_url(address: str) -> None:
    assert "s3cret" not in redact(f"cannot open {address}: refused")


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=6))
def test_passwords_are_not_logged(password: str) -> None:
    secret = f"#{password}7x9"
    assert secret not in redact(f"cannot open rtsp://viewer:{secret}@10.0.0.4/stream1")
    if "&" not in password and "#" not in password:
        assert (
            redact(f"GET http://10.0.0.4/v?token={password}&channel=1") == "GET http://10.0.0.4/v?token=***&channel=1"
        )


def test_what_is_no_secret_stays() -> None:
    assert redact("cannot open rtsp://10.0.0.4/stream1?channel=2") == "cannot open rtsp://10.0.0.4/stream1?channel=2"


def test_several_addresses_in_one_line() -> None:
    assert redact("rtsp://a:b@h/1 and http://c:d@i/2?token=e") == "rtsp://***@h/1 and http://***@i/2?token=***"


@given(st.text())
def test_masking_again_changes_nothing(text: str) -> None:
    assert redact(redact(text)) == redact(text)


SPEAK = """
import logging
from edge_daemon import log
log.set_up("capture door", camera="door")
logger = logging.getLogger("edge_daemon.somewhere")
logger.debug("nobody asked")
logger.info("up: %s", "rtsp://viewer:hunter2@10.0.0.4/x")
try:
    raise ValueError("http://10.0.0.4/v?token=hunter2")
except ValueError:
    logger.exception("down")
"""


def logged(script: str = SPEAK, **environment: str) -> list[str]:
    """What a process that logs says, line by line."""
    env = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"} | environment
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert not done.stdout
    assert "hunter2" not in done.stderr
    return done.stderr.splitlines()


def test_a_terminal_gets_time_and_level() -> None:
    first, second, *trace = logged()
    assert re.fullmatch(r"\d\d:\d\d:\d\d INFO    capture door: up: rtsp://\*\*\*@10\.0\.0\.4/x", first)
    assert re.fullmatch(r"\d\d:\d\d:\d\d ERROR   capture door: down", second)
    assert trace[0] == "    Traceback (most recent call last):"
    assert trace[-1] == "    ValueError: http://10.0.0.4/v?token=***"


def test_programs_get_an_object_a_line() -> None:
    first, second = (json.loads(line) for line in logged(EDGE_DAEMON_LOG="json"))
    time = datetime.fromisoformat(first.pop("time"))
    assert abs((datetime.now(UTC) - time).total_seconds()) < 60
    assert first == {
        "level": "info",
        "process": "capture door",
        "camera": "door",
        "message": "up: rtsp://***@10.0.0.4/x",
    }
    assert second["level"] == "error"
    assert second["message"].startswith("down\nTraceback (most recent call last):\n")


UNDER_SYSTEMD = f"""
import os
there = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{{there.st_dev}}:{{there.st_ino}}"
import edge_daemon.log
edge_daemon.log.Journal = lambda: Journal(os.environ["AT"])
from edge_daemon.journal import Journal
{SPEAK}
logging.getLogger("x").warning("frame of yard", extra={{"camera": "yard"}})
"""


def fields(entry: bytes) -> dict[str, str]:
    """An entry in the journal's protocol, read by its description."""
    found = {}
    while entry:
        head, _, entry = entry.partition(b"\n")
        name, equals, value = head.partition(b"=")
        if not equals:
            size = int.from_bytes(entry[:8], "little")
            value, entry = entry[8 : 8 + size], entry[8 + size + 1 :]
        found[name.decode()] = value.decode()
    return found


def test_the_journal_gets_fields(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal"))
        assert logged(UNDER_SYSTEMD, AT=str(tmp_path / "journal")) == []
        journal.settimeout(10)
        first, second, third = (fields(journal.recv(1 << 20)) for _ in range(3))
    assert first == {
        "MESSAGE": "capture door: up: rtsp://***@10.0.0.4/x",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "edge-daemon",
        "EDGE_DAEMON_PROCESS": "capture door",
        "EDGE_DAEMON_CAMERA": "door",
    }
    assert second["PRIORITY"] == "3"
    assert second["MESSAGE"].startswith("capture door: down\n    Traceback")
    assert "hunter2" not in str(second)
    assert (third["PRIORITY"], third["EDGE_DAEMON_CAMERA"]) == ("4", "yard")


def test_without_the_journals_socket_each_line_has_its_priority(tmp_path: Path) -> None:
    first, *others = logged(UNDER_SYSTEMD, AT=str(tmp_path / "none"))
    assert first == "<6>capture door: up: rtsp://***@10.0.0.4/x"
    assert others[0] == "<3>capture door: down"
    assert all(line.startswith("<3>") for line in others[:-1])
    assert others[-1] == "<4>capture door: frame of yard"


def test_a_journal_that_is_stuck_holds_nobody_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal"))
        line = Journal(str(tmp_path / "journal"))
        try:
            with pytest.raises(BlockingIOError):
                _fill(line)
        finally:
            line.close()


def _fill(journal: Journal) -> None:
    for _ in range(100_000):
        journal.send({"MESSAGE": "nobody reads this"})


def test_a_journal_that_hears_another_stream_is_not_ours() -> None:
    assert re.match(r"\d\d:\d\d:\d\d ", logged(JOURNAL_STREAM="8:1")[0])


@given(st.dictionaries(st.from_regex(r"\A[A-Z][A-Z0-9_]{0,20}\Z"), st.text(st.characters(exclude_categories=["Cs"]))))
def test_entries_say_what_they_were_given(entry: dict[str, str]) -> None:
    assert fields(encode(entry)) == entry


COMPLAIN = """
import os, sys
from edge_daemon import log
log.complain("cannot open rtsp://viewer:hunter2@10.0.0.4/x")
"""


def test_why_a_command_ends_is_said_to_people_and_to_programs() -> None:
    assert logged(COMPLAIN) == ["edge-daemon: cannot open rtsp://***@10.0.0.4/x"]
    (line,) = logged(COMPLAIN, EDGE_DAEMON_LOG="json")
    assert json.loads(line)["level"] == "error"


REPEAT = """
import logging
from edge_daemon import log
log.set_up("worker m-0")
logger = logging.getLogger("somewhere")
for seq in range(50):
    logger.warning("frame %d of %s: %s", seq, "door", "broken")
    logger.warning("frame %d of %s: %s", seq, "yard", "broken")
logger.warning("frame %d of %s: %s", 50, "door", "black")
"""


def test_what_repeats_is_said_once() -> None:
    said = [line.partition("worker m-0: ")[2] for line in logged(REPEAT)]
    assert said == ["frame 0 of door: broken", "frame 0 of yard: broken", "frame 50 of door: black"]


@given(st.lists(st.tuples(st.floats(0.0, 0.5), st.sampled_from("ab")), max_size=200))
def test_one_line_a_second_and_none_is_forgotten(steps: list[tuple[float, str]]) -> None:
    repeats, now, passed = Repeats(), 0.0, {"a": [-math.inf], "b": [-math.inf]}
    told, came = Counter[str](), Counter[str]()
    for wait_s, line in steps:
        now += wait_s
        came[line] += 1
        held = repeats.pass_on(line, now)
        if held is None:
            assert now - passed[line][-1] < REPEAT_S
        else:
            assert now - passed[line][-1] >= REPEAT_S
            passed[line].append(now)
            told[line] += held + 1
            assert told[line] == came[line]


def test_only_so_many_lines_are_remembered() -> None:
    repeats = Repeats()
    for number in range(2 * KINDS):
        assert repeats.pass_on(number, 0.0) == 0
    assert repeats.pass_on(0, 0.0) == 0, "it was forgotten"
    assert repeats.pass_on(2 * KINDS - 1, 0.0) is None


FORGED = "\n04:00:00 ERROR   supervisor: all is lost\x1b]0;title\x07\x9b2J\u202e\udcff\r"


@given(st.text())
def test_foreign_text_is_made_printable_and_plain_text_stays(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable() or set(shown) & set("\u200c\u200d")
    assert shown.encode("utf-8", "strict") is not None
    assert not text.isprintable() or shown == text


def test_letters_and_emoji_of_all_the_world_are_printed_as_they_are() -> None:
    for text in ("Überwachung", "می‌خواهم", "人", "👩‍🚒 fire fighter"):
        assert printable(text) == text


@pytest.mark.parametrize("form", ["text", "json"])
def test_foreign_text_in_a_log_forges_no_line_and_reaches_no_terminal(form: str) -> None:
    speak = f"""
import logging
from edge_daemon import log
log.choose({form!r})
log.set_up("worker m-0")
logger = logging.getLogger("edge_daemon.somewhere")
logger.error("class %s", {FORGED!r})
try:
    raise ValueError({FORGED!r})
except ValueError:
    logger.exception("unexpected error")
"""
    done = subprocess.run([sys.executable, "-c", speak], capture_output=True, timeout=60, check=True)
    written = done.stderr.decode()
    assert all(line.isprintable() for line in written.split("\n"))
    if form == "json":
        assert all(json.loads(line)["process"] == "worker m-0" for line in written.splitlines())
    else:
        assert not re.search(r"^04:00:00", written, re.MULTILINE)
        assert "ValueError" in written


def test_a_hundred_lines_of_a_kind_pass_and_then_one_every_few_seconds() -> None:
    flood = Flood()
    passed = [flood.pass_on("kind", second / 100) for second in range(100 * 60)]
    assert sum(held is not None for held in passed) == BURST + 60 // REFILL_S - 1
    assert sum(held or 0 for held in passed) + sum(held is not None for held in passed) > 0.9 * len(passed)
    assert flood.pass_on("another", 60.0) == 0
    assert [flood.pass_on("kind", 60.0 + BURST * REFILL_S) is not None for _ in range(BURST + 1)].count(False) == 1


def test_strangers_whose_lines_all_differ_cannot_fill_a_disk() -> None:
    speak = """
import logging
from edge_daemon import log
log.set_up("sink")
logger = logging.getLogger("edge_daemon.somewhere")
for number in range(5000):
    logger.warning("refused a subscriber: its key %s is not among the clients", f"key-{number}")
    logger.info("camera %s is up", f"c{number % 200}")
"""
    done = subprocess.run([sys.executable, "-c", speak], capture_output=True, text=True, timeout=60, check=True)
    lines = done.stderr.splitlines()
    assert BURST <= sum("refused" in line for line in lines) <= BURST + 2
    assert sum("is up" in line for line in lines) >= 200, "what is no warning is folded only where it repeats itself"
